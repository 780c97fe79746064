//! The process that holds the data folder: it runs the program and serves the local socket until it is told to end.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::control::ControlCommand;
use super::data_folder::{DataFolder, FolderLock};
use super::protocol::{Connection, McpOpening, Opening, Reply, connection, read_json, unavailable, write_json};
use super::server_file::ServerFile;
use super::socket::Socket;
use crate::problem::{Code, Problem};

/// How many bytes an in-memory connection holds before its writer waits: as many as a pipe of the system.
const MEMORY_PIPE_BYTES: usize = 64 << 10;
/// How many progress lines of a command wait for a slow reader.
const PROGRESS_LINES: usize = 64;

/// Speaks MCP over a connection until it ends.
pub type McpSession = Box<dyn FnOnce(Connection) -> BoxFuture<'static, ()> + Send>;

/// What a holder serves. One implementation is the program, the others are in tests.
pub trait Service: Send + Sync + 'static {
    /// Finds the workspace and the actor, so that a refusal is told before MCP begins.
    fn admit(&self, opening: McpOpening) -> BoxFuture<'_, Result<McpSession, Problem>>;

    /// Carries a command out.
    fn control(&self, command: ControlCommand, progress: mpsc::Sender<Value>) -> BoxFuture<'_, Result<Value, Problem>>;

    /// Ends it: when this returns, another process can open the databases.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Whether a holder leaves the folder to a server that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yields {
    /// It does: its own work goes on over the server's socket.
    ToServer,
    /// It stays.
    Never,
}

/// A running holder. Dropping it ends it, too, but does not wait for the end.
#[derive(Debug)]
pub struct Holder {
    folder: DataFolder,
    socket: PathBuf,
    stop: CancellationToken,
    local: mpsc::UnboundedSender<Connection>,
    task: JoinHandle<()>,
}

impl Holder {
    /// Binds the socket, then opens what it serves: whoever connects in between waits instead of trying again.
    ///
    /// # Errors
    /// When the socket cannot be bound, or with what `open` refuses. The folder is free again then.
    pub async fn start(
        folder: DataFolder,
        lock: FolderLock,
        open: impl Future<Output = Result<Arc<dyn Service>, Problem>>,
        yields: Yields,
    ) -> Result<Self, Problem> {
        let socket = Socket::bind(&folder).map_err(|error| unavailable(&error))?;
        let path = socket.path().to_owned();
        ServerFile::of_this_process(path.clone(), None).write(&folder).map_err(|error| unavailable(&error))?;
        let service = open.await.inspect_err(|_| ServerFile::remove(&folder))?;
        let stop = CancellationToken::new();
        let (local, connections) = mpsc::unbounded_channel();
        let running = Running { service, yields, stop: stop.clone() };
        let task = tokio::spawn(running.run(folder.clone(), lock, socket, connections));
        Ok(Self { folder, socket: path, stop, local, task })
    }

    /// A connection without the socket. It ends at once when the holder has ended.
    #[must_use]
    pub fn connect(&self) -> Connection {
        let (ours, theirs) = tokio::io::duplex(MEMORY_PIPE_BYTES);
        // A failure means that the holder has ended: dropping its side tells so.
        let _ = self.local.send(connection(theirs));
        connection(ours)
    }

    /// Writes the address that HTTP is served at into `server.json`.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn announce(&self, address: &str) -> Result<(), Problem> {
        ServerFile::of_this_process(self.socket.clone(), Some(address.to_owned()))
            .write(&self.folder)
            .map_err(|error| unavailable(&error))
    }

    /// Whether it has left the folder.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends it: hangs up, closes the program, gives the folder back.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the holder of the data folder did not end in order");
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Running {
    service: Arc<dyn Service>,
    yields: Yields,
    stop: CancellationToken,
}

impl Running {
    async fn run(
        self,
        folder: DataFolder,
        lock: FolderLock,
        socket: Socket,
        mut local: mpsc::UnboundedReceiver<Connection>,
    ) {
        let running = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = running.stop.cancelled() => break,
                accepted = socket.accept() => match accepted {
                    Ok(stream) => { connections.spawn(Arc::clone(&running).converse(connection(stream))); }
                    Err(error) => {
                        tracing::error!(%error, "the local socket cannot accept connections");
                        // Out of file descriptors, most likely: without a pause this would spin.
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                },
                Some(stream) = local.recv() => { connections.spawn(Arc::clone(&running).converse(stream)); }
                Some(_) = connections.join_next() => {}
            }
        }
        // Bridges repeat their calls in flight at the next holder, under the same request ids.
        connections.shutdown().await;
        running.service.close().await;
        ServerFile::remove(&folder);
        drop(socket);
        drop(lock);
    }

    async fn converse(self: Arc<Self>, mut connection: Connection) {
        let opening = match read_json::<Opening>(&mut connection).await {
            Ok(opening) => opening,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return,
            Err(_) => {
                let problem = Problem::new(Code::InvalidInput, "the first line is not an opening of this version")
                    .hint(format!("use version {} of the program", env!("CARGO_PKG_VERSION")));
                return tell(&mut connection, &Reply::Problem(problem)).await;
            }
        };
        match opening {
            Opening::Mcp(opening) => match self.service.admit(opening).await {
                Ok(session) => {
                    tell(&mut connection, &Reply::Ready {}).await;
                    session(connection).await;
                }
                Err(problem) => tell(&mut connection, &Reply::Problem(problem)).await,
            },
            Opening::Control(command) => self.control(command, connection).await,
            Opening::Yield {} if self.yields == Yields::ToServer => {
                tell(&mut connection, &Reply::Result(serde_json::json!({ "yielded": true }))).await;
                self.stop.cancel();
            }
            Opening::Yield {} => {
                let problem = Problem::new(Code::Conflict, "the process that holds the data folder needs it itself");
                tell(&mut connection, &Reply::Problem(problem)).await;
            }
        }
    }

    /// Carries a command out for as long as somebody wants to know what comes of it.
    async fn control(&self, command: ControlCommand, connection: Connection) {
        let (mut reader, mut writer) = tokio::io::split(connection);
        let (progress, mut lines) = mpsc::channel(PROGRESS_LINES);
        let mut work = self.service.control(command, progress);
        let mut byte = [0];
        let reply = loop {
            tokio::select! {
                biased;
                Some(line) = lines.recv() => tell(&mut writer, &Reply::Progress(line)).await,
                done = &mut work => break done.map_or_else(Reply::Problem, Reply::Result),
                // Nothing more is said on this connection: whatever comes is its end.
                _ = reader.read(&mut byte) => return,
            }
        };
        while let Ok(line) = lines.try_recv() {
            tell(&mut writer, &Reply::Progress(line)).await;
        }
        tell(&mut writer, &reply).await;
    }
}

async fn tell(writer: &mut (impl tokio::io::AsyncWrite + Unpin), reply: &Reply) {
    if let Err(error) = write_json(writer, reply).await {
        tracing::debug!(%error, "a local caller hung up before its answer");
    }
}
