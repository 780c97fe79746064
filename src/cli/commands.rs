//! From a parsed command line to what is done and printed.

use std::process::ExitCode;

use serde_json::Value;

use super::arguments::{Command, LogCommand, ProjectionsCommand, TokenCommand, WorkspaceCommand};
use super::control::{Progress, absolute, control};
use super::options::GlobalOptions;
use super::output::{PROJECTIONS, TOKENS, VERIFIED, WORKSPACES, table};
use super::{Form, chat, serve, stdio};
use crate::app::NewToken;
use crate::local::control::ControlCommand;
use crate::problem::Problem;

/// A result for people.
type Render = fn(&Value) -> String;

/// What a command line comes to, when it is a command for the folder's holder.
struct Plan {
    command: ControlCommand,
    progress: Progress,
    /// Absent: nothing is printed at the end.
    render: Option<Render>,
    json: bool,
}

/// How a command's problem is shown: whoever reads JSON from it gets the problem as JSON, too.
pub(super) fn form(command: &Command) -> Form {
    let json = match command {
        Command::Serve | Command::Stdio(_) | Command::Chat(_) => false,
        Command::Call { .. } | Command::Watch(_) | Command::Log(LogCommand::Tail { .. }) => true,
        Command::Backup { json, .. }
        | Command::Workspace(WorkspaceCommand::Create { json, .. } | WorkspaceCommand::List { json })
        | Command::Token(
            TokenCommand::Create { json, .. } | TokenCommand::List { json, .. } | TokenCommand::Revoke { json, .. },
        )
        | Command::Log(LogCommand::Verify { json })
        | Command::Projections(ProjectionsCommand::Status { json } | ProjectionsCommand::Rebuild { json }) => *json,
    };
    if json { Form::Json } else { Form::Text }
}

/// Carries a command out; gives the exit code.
pub(super) async fn execute(options: &GlobalOptions, command: Command) -> Result<ExitCode, Problem> {
    let form = form(&command);
    let plan = match command {
        Command::Serve => return serve::serve(options).await.map(|()| ExitCode::SUCCESS),
        Command::Stdio(arguments) => return stdio::stdio(options, arguments).await.map(|()| ExitCode::SUCCESS),
        Command::Chat(arguments) => return chat::chat(options, arguments).await.map(|()| ExitCode::SUCCESS),
        Command::Workspace(command) => workspace(command),
        Command::Token(command) => token(command)?,
        Command::Log(command) => log(command),
        Command::Projections(command) => projections(&command),
        Command::Watch(arguments) => lines(ControlCommand::Watch {
            workspace: arguments.workspace,
            after: arguments.after,
            types: arguments.types,
        }),
        Command::Backup { file, json } => {
            let command = ControlCommand::Backup { file: absolute(&file)? };
            bar(command, |result| format!("wrote {} bytes to {}", result["bytes"], text(result, "file")), json)
        }
        Command::Call { name, json, workspace } => {
            bar(ControlCommand::Call { workspace, name, arguments: json }, Value::to_string, true)
        }
    };
    let verdict = matches!(plan.command, ControlCommand::LogVerify {});
    let result = control(options, plan.command, plan.progress).await?;
    match plan.render {
        Some(_) if plan.json || form == Form::Json => println!("{result}"),
        Some(render) => println!("{}", render(&result)),
        None => {}
    }
    let found_bad = verdict && result["ok"] != Value::Bool(true);
    Ok(if found_bad { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn workspace(command: WorkspaceCommand) -> Plan {
    match command {
        WorkspaceCommand::Create { name, json } => bar(
            ControlCommand::WorkspaceCreate { name },
            |result| format!("made {}\nits token, shown this once: {}", text(result, "id"), text(result, "token")),
            json,
        ),
        WorkspaceCommand::List { json } => {
            bar(ControlCommand::WorkspaceList {}, |result| table(&result["items"], WORKSPACES), json)
        }
    }
}

fn token(command: TokenCommand) -> Result<Plan, Problem> {
    Ok(match command {
        TokenCommand::Create { name, workspace, permission, scopes, expires, json } => {
            let now = jiff::Timestamp::now();
            let expires_at = expires.map(|expires| expires.end_after(now)).transpose();
            let expires_at = expires_at.map_err(|message| Problem::invalid("expires", message))?;
            bar(
                ControlCommand::TokenCreate { workspace, token: NewToken { name, permission, scopes, expires_at } },
                |result| format!("made {}\nshown this once: {}", text(result, "id"), text(result, "token")),
                json,
            )
        }
        TokenCommand::List { workspace, json } => {
            bar(ControlCommand::TokenList { workspace }, |result| table(&result["items"], TOKENS), json)
        }
        TokenCommand::Revoke { token, workspace, json } => bar(
            ControlCommand::TokenRevoke { workspace, token },
            |result| format!("{} opens nothing any more", text(result, "id")),
            json,
        ),
    })
}

fn log(command: LogCommand) -> Plan {
    match command {
        LogCommand::Tail { lines: count, follow, workspace } => {
            lines(ControlCommand::LogTail { workspace, lines: count, follow })
        }
        LogCommand::Verify { json } => bar(
            ControlCommand::LogVerify {},
            |result| {
                let verdict = if result["ok"] == true { "the log is as it was written" } else { "THE LOG WAS CHANGED" };
                format!("{}\n{verdict}", table(&result["workspaces"], VERIFIED))
            },
            json,
        ),
    }
}

fn projections(command: &ProjectionsCommand) -> Plan {
    match command {
        ProjectionsCommand::Status { json } => {
            bar(ControlCommand::ProjectionsStatus {}, |result| table(&result["items"], PROJECTIONS), *json)
        }
        ProjectionsCommand::Rebuild { json } => bar(
            ControlCommand::ProjectionsRebuild {},
            |result| format!("rebuilt from {} events", result["events"]),
            *json,
        ),
    }
}

fn bar(command: ControlCommand, render: Render, json: bool) -> Plan {
    Plan { command, progress: Progress::Bar, render: Some(render), json }
}

fn lines(command: ControlCommand) -> Plan {
    Plan { command, progress: Progress::Lines, render: None, json: true }
}

fn text<'a>(result: &'a Value, member: &str) -> &'a str {
    result[member].as_str().unwrap_or_default()
}
