//! The other end of a bridge, whatever carries it: messages out, messages in.

use tokio::io::{AsyncBufRead, AsyncWrite, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::local::protocol::{Connection, read_line, write_line};
use crate::problem::Problem;

/// Messages that wait for the client to read them; then the backend waits.
pub const QUEUE: usize = 64;

/// A backend that answers now. It has ended when `incoming` has.
#[derive(Debug)]
pub struct Backend {
    /// Messages for it. Unbounded, since waiting here while it waits for us to read would never end; the number of requests in
    /// flight is bounded instead.
    pub outgoing: mpsc::UnboundedSender<String>,
    /// Messages from it. A problem is the last one, and says why it ended.
    pub incoming: mpsc::Receiver<Result<String, Problem>>,
    // Ends with the backend.
    _tasks: JoinSet<()>,
}

/// Makes backends, one after the other.
pub trait Connector: Send {
    /// The next backend. Tries for a while.
    ///
    /// # Errors
    /// `unavailable` when there is none for now; any other code when there is not going to be one.
    fn connect(&mut self) -> impl Future<Output = Result<Backend, Problem>> + Send;
}

impl Backend {
    /// A backend that speaks newline-delimited JSON-RPC.
    pub fn over(connection: Connection) -> Self {
        let (reader, writer) = tokio::io::split(connection);
        Self::driven_by(|outgoing, incoming| {
            let mut tasks = JoinSet::new();
            // Not the writer's end but the reader's is the backend's: it may have answered before it stopped listening.
            tasks.spawn(write_lines(outgoing, writer));
            tasks.spawn(async move {
                let mut reader = BufReader::new(reader);
                while let Some(line) = next_text(&mut reader).await {
                    if incoming.send(Ok(line)).await.is_err() {
                        break;
                    }
                }
            });
            tasks
        })
    }

    /// A backend carried by tasks that take what is outgoing and give what is incoming.
    pub fn driven_by(
        start: impl FnOnce(mpsc::UnboundedReceiver<String>, mpsc::Sender<Result<String, Problem>>) -> JoinSet<()>,
    ) -> Self {
        let (outgoing, outgoing_end) = mpsc::unbounded_channel();
        let (incoming_end, incoming) = mpsc::channel(QUEUE);
        Self { outgoing, incoming, _tasks: start(outgoing_end, incoming_end) }
    }
}

async fn write_lines(mut lines: mpsc::UnboundedReceiver<String>, mut writer: impl AsyncWrite + Unpin) {
    while let Some(line) = lines.recv().await {
        if let Err(error) = write_line(&mut writer, &line).await {
            tracing::debug!(%error, "the backend stopped listening");
            return;
        }
    }
}

async fn next_text(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    match read_line(reader).await {
        Ok(line) => String::from_utf8(line?).ok(),
        Err(error) => {
            tracing::debug!(%error, "the backend cannot be read");
            None
        }
    }
}
