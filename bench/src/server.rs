//! Servers that are measured, each in a program of its own: ours as users start it, and others.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::http::{Connection, get};
use crate::ours::{Database, new_database};
use crate::{Outcome, Settings};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);
/// Our limits of rates and numbers, all off or out of the way: what one client may have is not what is measured.
const UNLIMITED: [&str; 5] = [
    "--limit-calls-per-token=0",
    "--limit-calls-per-workspace=0",
    "--limit-streams-per-token=100000",
    "--limit-event-streams=100000",
    "--limit-connections=100000",
];

/// A running server. It is killed when this is dropped.
pub struct Server {
    /// Where it is.
    pub address: SocketAddr,
    child: Child,
    input: Option<tokio::process::ChildStdin>,
}

impl Server {
    /// Starts one that says its address in the first line that it writes.
    pub async fn saying_its_address(command: &mut Command) -> Outcome<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let line = lines.next_line().await?.ok_or("a server ended before it said where it is")?;
        let address = line.strip_prefix("http://").ok_or_else(|| format!("no address: {line}"))?.parse()?;
        let input = child.stdin.take();
        Ok(Self { address, child, input })
    }

    /// Starts one that takes its port as the last argument.
    pub async fn on_a_port(command: &mut Command) -> Outcome<Self> {
        let address = free_address()?;
        let child = command.arg(address.port().to_string()).stdout(Stdio::null()).kill_on_drop(true).spawn()?;
        let mut server = Self { address, child, input: None };
        server.answers("/").await?;
        Ok(server)
    }

    /// What it holds in memory, in KiB.
    pub fn resident_kib(&self) -> Outcome<f64> {
        let process = self.child.id().ok_or("a server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
    }

    /// Ends it, as a supervisor does, and waits for its end.
    pub async fn end(mut self) -> Outcome<()> {
        drop(self.input.take());
        if let Some(process) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            rustix::process::kill_process(process, rustix::process::Signal::TERM)?;
        }
        self.child.wait().await?;
        Ok(())
    }

    /// Waits until it answers `path`, and with 200 if it is `/readyz`.
    async fn answers(&mut self, path: &str) -> Outcome<()> {
        let (began, request, mut body) = (Instant::now(), get(self.address, path), Vec::new());
        loop {
            if let Ok(mut connection) = Connection::open(self.address).await
                && let Ok(head) = connection.call(&request, &mut body).await
                && (head.status == 200 || path != READY)
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("a server ended before it answered: {status}").into());
            }
            if began.elapsed() > PATIENCE {
                return Err("a server did not answer".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

const READY: &str = "/readyz";

/// An address where nobody listens: it is free until somebody else takes it.
fn free_address() -> Outcome<SocketAddr> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Our program, with a data folder and perhaps a database of its own.
pub struct Product {
    /// It.
    pub server: Server,
    /// From its start until it said that it is ready.
    pub ready_after: Duration,
    program: PathBuf,
    place: Place,
}

/// Where our program keeps what it has.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its data folder.
    pub folder: PathBuf,
    /// Its database, when that is not in the folder.
    pub database_url: Option<String>,
}

impl Place {
    /// A new one; `name` is for the folder and the database.
    pub async fn new(settings: &Settings, database: Database, name: &str) -> Outcome<Self> {
        let folder = settings.folder.join(format!("{name}_{}", database.name()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let database_url = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(new_database(settings, name).await?),
        };
        Ok(Self { folder, database_url })
    }

    fn command(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words).arg("--data").arg(&self.folder).kill_on_drop(true);
        if let Some(url) = &self.database_url {
            command.args(["--database-url", url]);
        }
        command
    }
}

impl Product {
    /// Starts it and waits until it is ready.
    pub async fn start(settings: &Settings, place: &Place) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = place.command(&settings.program, &["serve", "--listen", &address.to_string()]);
        command.args(UNLIMITED).stdout(Stdio::null());
        let began = Instant::now();
        let child = command.spawn()?;
        let mut server = Server { address, child, input: None };
        server.answers(READY).await?;
        let ready_after = began.elapsed();
        Ok(Self { server, ready_after, program: settings.program.clone(), place: place.clone() })
    }

    /// Makes a token that may do everything.
    pub async fn token(&self, name: &str) -> Outcome<String> {
        let answer = self.command_line(&["token", "create", "--name", name, "--json"]).await?;
        Ok(answer["token"].as_str().ok_or_else(|| format!("no token: {answer}"))?.to_owned())
    }

    /// What a command of the program's says beside it, as JSON.
    pub async fn command_line(&self, words: &[&str]) -> Outcome<Value> {
        let output = self.place.command(&self.program, words).stderr(Stdio::inherit()).output().await?;
        if !output.status.success() {
            return Err(format!("{words:?}: {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
