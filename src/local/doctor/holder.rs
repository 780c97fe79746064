//! Who holds the folder: nobody, a process that answers, or one that should.

use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Finding;
use crate::local::control::ControlCommand;
use crate::local::data_folder::{DataFolder, FolderLock};
use crate::local::protocol::{Opening, Reply, connection, read_json, write_json};
use crate::local::server_file::ServerFile;
use crate::problem::Problem;

const CHECK: &str = "holder";
/// How long a holder may take to answer at its socket.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take to look at its databases; a whole log is verified for as long as that takes.
const EXAMINATION: Duration = Duration::from_secs(60);

/// Who holds the folder.
pub(super) enum State {
    /// Nobody: this process, from now on.
    Free(FolderLock),
    /// The process that `server.json` tells of.
    Held(ServerFile),
    /// That cannot be told, or it does not answer.
    Unknown,
}

pub(super) async fn check(path: &Path) -> (State, Vec<Finding>) {
    let Ok(folder) = DataFolder::existing(path) else { return (State::Unknown, Vec::new()) };
    let file = ServerFile::read(&folder);
    match folder.try_hold() {
        Ok(Some(lock)) => (State::Free(lock), vec![nobody(path, file)]),
        Err(error) => {
            let what = format!("the folder's lock cannot be looked at: {error}");
            (State::Unknown, vec![Finding::problem(CHECK, what, owner_hint(path))])
        }
        Ok(None) => match file {
            Some(file) => held(file).await,
            None => {
                let what = "a process holds the folder, but no server.json says which";
                let mend = format!("it may just be starting; otherwise end it: fuser {}/chatbotx.lock", path.display());
                (State::Unknown, vec![Finding::problem(CHECK, what, mend)])
            }
        },
    }
}

fn owner_hint(path: &Path) -> String {
    format!("run this as the folder's owner: ls -l {}/chatbotx.lock", path.display())
}

fn nobody(path: &Path, file: Option<ServerFile>) -> Finding {
    if let Some(file) = file {
        let what = format!("nobody holds the folder; process {} was killed and left server.json behind", file.pid);
        return Finding::ok(CHECK, what + ", which the next start replaces");
    }
    if path.join("server.json").exists() {
        let mend = "nothing is lost by it: the next start replaces it";
        return Finding::warning(CHECK, "nobody holds the folder, and server.json cannot be read", mend);
    }
    Finding::ok(CHECK, "nobody holds the folder")
}

async fn held(file: ServerFile) -> (State, Vec<Finding>) {
    let (pid, version, own) = (file.pid, file.version.clone(), env!("CARGO_PKG_VERSION"));
    let reached = timeout(PATIENCE, UnixStream::connect(&file.socket)).await;
    if !matches!(reached, Ok(Ok(_))) {
        let what = format!("the folder is held, but process {pid}, of which server.json tells, does not answer");
        let mend = format!("if it hangs, end it: kill {pid}; if there is no such process: fuser chatbotx.lock");
        return (State::Unknown, vec![Finding::problem(CHECK, what, mend)]);
    }
    let mut findings = vec![match &file.address {
        Some(address) => Finding::ok(CHECK, format!("process {pid} serves the folder at {address}")),
        None => Finding::ok(CHECK, format!("process {pid} holds the folder for an assistant, without HTTP")),
    }];
    if version != own {
        let what = format!("process {pid} is version {version}, this program is {own}");
        findings.push(Finding::warning(CHECK, what, "restart it, so that both are the same"));
    }
    (State::Held(file), findings)
}

/// What the holder finds in its databases.
pub(super) async fn ask(file: &ServerFile, full: bool) -> Vec<Finding> {
    let patience = if full { Duration::MAX } else { EXAMINATION };
    let not_told = |why: &str| {
        let what = format!("the process that holds the folder did not look at its databases: {why}");
        let mend = format!("stop it, then look again: kill {}; chatbotx doctor", file.pid);
        vec![Finding::warning("databases", what, mend)]
    };
    match timeout(patience, asked(file, full)).await {
        Err(_) => not_told("it did not answer in time"),
        Ok(Err(error)) => not_told(&error.to_string()),
        Ok(Ok(Err(problem))) => not_told(&problem.message),
        Ok(Ok(Ok(findings))) => findings,
    }
}

async fn asked(file: &ServerFile, full: bool) -> std::io::Result<Result<Vec<Finding>, Problem>> {
    let mut connection = connection(UnixStream::connect(&file.socket).await?);
    write_json(&mut connection, &Opening::Control(ControlCommand::Examine { full })).await?;
    loop {
        match read_json::<Reply>(&mut connection).await? {
            Reply::Progress(_) | Reply::Ready {} => {}
            Reply::Problem(problem) => return Ok(Err(problem)),
            Reply::Result(findings) => return Ok(Ok(serde_json::from_value(findings)?)),
        }
    }
}
