//! From a parsed command line to what is done and printed.

use std::process::ExitCode;

use serde_json::Value;

use super::arguments::{Command, ProjectionsCommand, TokenCommand, WorkspaceCommand};
use super::call_arguments::CallArguments;
use super::control::{Progress, absolute, control, print_line};
use super::export::Destination;
use super::log_arguments::{ExportArguments, LogCommand, ReplayArguments};
use super::options::GlobalOptions;
use super::output::{OPERATIONS, PROJECTIONS, REPLAYED, TOKENS, VERIFIED, WORKSPACES, table};
use super::{Form, chat, doctor, flow, migrate, serve, stdio};
use crate::app::NewToken;
use crate::local::call_input;
use crate::local::control::ControlCommand;
use crate::local::demo::DemoRequest;
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
        Command::Call(call) => !call.list || call.json.is_some(),
        Command::Flow(command) => command.json(),
        Command::Watch(_) | Command::Log(LogCommand::Tail { .. }) => true,
        Command::Log(LogCommand::Export(arguments)) => arguments.json || arguments.out.is_none(),
        Command::Log(LogCommand::Replay(arguments)) => arguments.json,
        Command::Backup { json, .. }
        | Command::Migrate { json, .. }
        | Command::Doctor { json, .. }
        | Command::Demo { json, .. }
        | Command::Workspace(WorkspaceCommand::Create { json, .. } | WorkspaceCommand::List { json })
        | Command::Token(
            TokenCommand::Create { json, .. }
            | TokenCommand::Rotate { json, .. }
            | TokenCommand::List { json, .. }
            | TokenCommand::Revoke { json, .. },
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
        Command::Log(command) => log(command)?,
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
        Command::Flow(command) => return flow::execute(options, command).await,
        Command::Migrate { from, to, json } => return migrate::migrate(options, &from, &to, json).await,
        Command::Doctor { full, json } => return doctor::doctor(options, full, json).await,
        Command::Demo { contacts, seed, workspace, json } => {
            bar(ControlCommand::Demo(DemoRequest { workspace, contacts, seed }), demo_made, json)
        }
        Command::Call(arguments) if arguments.list => {
            println!("{}", operations(form));
            return Ok(ExitCode::SUCCESS);
        }
        Command::Call(arguments) => call(&arguments)?,
    };
    let verdict = matches!(plan.command, ControlCommand::LogVerify {});
    let result = control(options, plan.command, plan.progress).await?;
    match plan.render {
        Some(_) if plan.json => print_line(&result)?,
        Some(render) => print_line(&render(&result))?,
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
        TokenCommand::Rotate { token, grace, workspace, json } => bar(
            ControlCommand::TokenRotate { workspace, token, grace_us: grace.unwrap_or_default().0 },
            |result| {
                let until = result["previousExpiresAt"].as_str();
                let end = until.map_or("ends now".to_owned(), |until| format!("opens until {until}"));
                format!(
                    "{} has another secret, the old one {end}\nshown this once: {}",
                    text(result, "id"),
                    text(result, "token")
                )
            },
            json,
        ),
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

fn call(arguments: &CallArguments) -> Result<Plan, Problem> {
    let command = ControlCommand::Call {
        workspace: arguments.workspace.clone(),
        name: arguments.name.clone().unwrap_or_default(),
        arguments: arguments.input()?,
    };
    let render: Render = if arguments.compact { Value::to_string } else { |result| format!("{result:#}") };
    Ok(bar(command, render, false))
}

fn operations(form: Form) -> String {
    let listed = call_input::operations();
    if form == Form::Json {
        return listed.to_string();
    }
    let toolsets = listed["toolsets"].as_array().into_iter().flatten();
    let parts = toolsets
        .map(|toolset| format!("Toolset {}\n\n{}\n", text(toolset, "name"), table(&toolset["operations"], OPERATIONS)));
    parts.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn demo_made(result: &Value) -> String {
    let (id, name) = (text(result, "workspace"), text(result, "name"));
    format!(
        "filled the workspace \"{name}\" ({id}): {} contacts, {} conversations, {} messages, {} flows, {} runs, {} events\n\n\
         What to try next:\n  \
           chatbotx call list_contacts --workspace {id} query=müller\n  \
           chatbotx call list_conversations --workspace {id} unanswered=true\n  \
           chatbotx call list_flow_runs --workspace {id} status=waiting\n  \
           chatbotx log tail --workspace {id} -n 5\n  \
           claude mcp add demo -- chatbotx stdio --workspace {id}",
        result["contacts"],
        result["conversations"],
        result["messages"],
        result["flows"],
        result["flowRuns"],
        result["events"],
    )
}

fn export(arguments: ExportArguments) -> Result<Plan, Problem> {
    let ExportArguments { after, until, workspace, out, json } = arguments;
    let to_file = out.is_some();
    let destination = Destination::open(out.as_deref())?;
    let command = ControlCommand::LogExport { workspace, after, until: until.map(|until| until.0) };
    let render: Option<Render> = to_file.then_some(|result: &Value| {
        format!("wrote {} events up to position {}; root {}", result["events"], result["until"], text(result, "root"))
    });
    Ok(Plan { command, progress: Progress::Export(destination), render, json })
}

fn replay(arguments: ReplayArguments) -> Result<Plan, Problem> {
    let ReplayArguments { to, until, workspace, force, json } = arguments;
    let (file, until) = (absolute(&to)?, until.map(|until| until.0));
    let command = ControlCommand::LogReplay { workspace, file, until, overwrite: force };
    let render: Render = |result| {
        let seconds = result["seconds"].as_f64().unwrap_or_default();
        let rows = table(&result["workspaces"], REPLAYED);
        format!("{rows}\nreplayed {} events in {seconds:.2} s into {}", result["events"], text(result, "file"))
    };
    Ok(bar(command, render, json))
}

fn log(command: LogCommand) -> Result<Plan, Problem> {
    Ok(match command {
        LogCommand::Export(arguments) => export(arguments)?,
        LogCommand::Replay(arguments) => replay(arguments)?,
        LogCommand::Tail { lines: count, follow, workspace } => {
            lines(ControlCommand::LogTail { workspace, lines: count, follow })
        }
        LogCommand::Verify { json } => bar(
            ControlCommand::LogVerify {},
            |result| {
                let verdict = if result["ok"] == true { "the log is as it was written" } else { "THE LOG WAS CHANGED" };
                let strays = result["malformedIds"]
                    .as_u64()
                    .map(|rows| format!("rows that belong to no workspace, since its id is malformed: {rows}\n"));
                format!("{}\n{}{verdict}", table(&result["workspaces"], VERIFIED), strays.unwrap_or_default())
            },
            json,
        ),
    })
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
