//! `chatbotx stdio`: carries one client's conversation to a backend, and on to the next backend when that one ends, so that the
//! client notices nothing.
//!
//! The backend is the process that holds the data folder (perhaps this one), or a server elsewhere.

mod backend;
mod envelope;
mod legacy_sse;
mod local;
mod remote;
mod session;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

pub use backend::{Backend, Connector};
pub use envelope::REQUEST_ID;
pub use local::LocalConnector;
pub use remote::{RemoteConnector, RemoteOptions};

use self::session::Session;
use super::protocol::{read_line, write_line};
use crate::problem::{Code, Problem};

/// Requests in flight beyond which the client is not listened to.
const MAX_IN_FLIGHT: usize = 1024;
/// How long calls may take that were in flight when the client hung up.
const FAREWELL: Duration = Duration::from_secs(10);
/// How many backends in a row may end without a word before the client is told.
const MAX_FRUITLESS: u32 = 12;

/// Carries the conversation until the client hangs up.
///
/// # Errors
/// When there is no backend and is not going to be one, or the client stopped reading.
pub async fn run(
    mut connector: impl Connector,
    client_in: impl AsyncRead + Send + Unpin + 'static,
    client_out: impl AsyncWrite + Unpin,
) -> Result<(), Problem> {
    let mut bridge = Bridge {
        session: Session::default(),
        client_in: read_lines(client_in),
        client_out,
        hung_up_until: None,
        fruitless: 0,
    };
    loop {
        let problem = match connector.connect().await {
            Ok(backend) => match bridge.serve(backend).await? {
                Ended::Client => return Ok(()),
                Ended::Backend(problem) => problem,
            },
            Err(problem) => {
                bridge.fruitless = MAX_FRUITLESS;
                problem
            }
        };
        tracing::info!(problem.message = problem.message, "the backend ended");
        if bridge.prepare_for_the_next(&problem).await?.is_break() {
            return Ok(());
        }
    }
}

/// Why a backend serves no longer.
enum Ended {
    Client,
    Backend(Problem),
}

struct Bridge<W> {
    session: Session,
    client_in: mpsc::Receiver<Vec<u8>>,
    client_out: W,
    // Set when the client hung up: until then its last calls are waited for.
    hung_up_until: Option<Instant>,
    fruitless: u32,
}

impl<W: AsyncWrite + Unpin> Bridge<W> {
    /// Carries messages until one side ends.
    async fn serve(&mut self, mut backend: Backend) -> Result<Ended, Problem> {
        if let Some(ended) = self.replay(&mut backend).await? {
            return Ok(ended);
        }
        loop {
            if self.hung_up_until.is_some() && self.session.ending() == 0 {
                return Ok(Ended::Client);
            }
            let listening = self.hung_up_until.is_none() && self.session.in_flight() < MAX_IN_FLIGHT;
            let farewell = self.hung_up_until.unwrap_or_else(Instant::now);
            tokio::select! {
                line = self.client_in.recv(), if listening => match line {
                    Some(line) => {
                        for message in self.take_from_client(line).await? {
                            // A failure shows as the end of `incoming`.
                            let _ = backend.outgoing.send(message);
                        }
                    }
                    None => self.hung_up_until = Some(Instant::now() + FAREWELL),
                },
                message = backend.incoming.recv() => match message {
                    Some(Ok(message)) => {
                        self.fruitless = 0;
                        self.give_to_client(message).await?;
                    }
                    Some(Err(problem)) => return Ok(Ended::Backend(problem)),
                    None => return Ok(Ended::Backend(ended_without_a_reason())),
                },
                () = sleep_until(farewell), if self.hung_up_until.is_some() => return Ok(Ended::Client),
            }
        }
    }

    /// Tells a new backend what was said before.
    async fn replay(&mut self, backend: &mut Backend) -> Result<Option<Ended>, Problem> {
        if let Some((line, id)) = self.session.handshake() {
            let _ = backend.outgoing.send(line);
            loop {
                match backend.incoming.recv().await {
                    None => return Ok(Some(Ended::Backend(ended_without_a_reason()))),
                    Some(Err(problem)) => return Ok(Some(Ended::Backend(problem))),
                    Some(Ok(message)) if answers(&message, &id) => break,
                    Some(Ok(message)) => self.give_to_client(message).await?,
                }
            }
        }
        for line in self.session.unanswered() {
            let _ = backend.outgoing.send(line);
        }
        Ok(None)
    }

    /// Between two backends: tells the client what cannot be done, and waits before the next attempt.
    async fn prepare_for_the_next(&mut self, problem: &Problem) -> Result<std::ops::ControlFlow<()>, Problem> {
        use std::ops::ControlFlow::{Break, Continue};
        let permanent = problem.code != Code::Unavailable;
        self.fruitless += 1;
        let refusals = if permanent || self.fruitless > MAX_FRUITLESS {
            self.session.give_up_on_all(problem)
        } else {
            self.session.give_up_on_dangerous(problem)
        };
        for refusal in refusals {
            self.write(&refusal).await?;
        }
        if permanent {
            return Err(problem.clone());
        }
        if self.fruitless > MAX_FRUITLESS {
            // For now nobody is there. The next thing that the client says is a reason to look again.
            self.fruitless = 0;
            return match self.client_in.recv().await {
                Some(line) => {
                    // Notifications that no backend heard are lost; requests wait in the session.
                    self.take_from_client(line).await?;
                    Ok(Continue(()))
                }
                None => Ok(Break(())),
            };
        }
        if self.fruitless > 1 {
            sleep(Duration::from_millis(20) * 2_u32.pow(self.fruitless.min(7))).await;
        }
        Ok(Continue(()))
    }

    async fn take_from_client(&mut self, line: Vec<u8>) -> Result<Vec<String>, Problem> {
        if line.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        match String::from_utf8(line).ok().as_deref().and_then(envelope::messages) {
            Some(messages) => {
                Ok(messages.into_iter().filter_map(|message| self.session.take_from_client(message)).collect())
            }
            None => {
                self.write(&session::parse_error()).await?;
                Ok(Vec::new())
            }
        }
    }

    async fn give_to_client(&mut self, message: String) -> Result<(), Problem> {
        let message = self.session.take_from_backend(message);
        for line in message.into_iter().chain(self.session.take_missed_updates()) {
            self.write(&line).await?;
        }
        Ok(())
    }

    async fn write(&mut self, line: &str) -> Result<(), Problem> {
        write_line(&mut self.client_out, line)
            .await
            .map_err(|error| Problem::new(Code::Unavailable, format!("the client stopped reading: {error}")))
    }
}

fn answers(message: &str, id: &str) -> bool {
    let kind = envelope::Envelope::read(message).map(|envelope| envelope.kind());
    matches!(kind, Some(envelope::Kind::Response(Some(answered))) if answered == id)
}

fn ended_without_a_reason() -> Problem {
    Problem::new(Code::Unavailable, "the process that serves this data ended; the same call may be repeated")
}

/// Reads in a task of its own: a line that is half read is not lost while something else happens.
fn read_lines(client_in: impl AsyncRead + Send + Unpin + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(backend::QUEUE);
    tokio::spawn(async move {
        let mut reader = BufReader::new(client_in);
        loop {
            match read_line(&mut reader).await {
                Ok(Some(line)) => {
                    if sender.send(line).await.is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "the client cannot be read");
                    return;
                }
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests;
