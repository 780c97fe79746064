//! `chatbotx flow`: flows as files that people read and git compares, and the workspace that they are carried out in.
//!
//! A file is the YAML of one document. Everything goes through the same operations that assistants call.

mod arguments;
mod difference;
mod files;

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

pub use arguments::FlowCommand;
use arguments::{FlowArguments, SimulateArguments};
use files::{FlowFile, file_name, read_files, write_file};

use super::Form;
use super::control::{Progress, control};
use super::options::GlobalOptions;
use crate::local::control::ControlCommand;
use crate::problem::Problem;

/// The workspace, spoken to by operations.
struct Workspace<'a> {
    options: &'a GlobalOptions,
    workspace: Option<String>,
}

/// A flow in the workspace's list.
struct Listed {
    id: String,
    name: String,
}

impl Workspace<'_> {
    async fn call(&self, name: &str, arguments: Value) -> Result<Value, Problem> {
        let Value::Object(arguments) = arguments else { return Err(Problem::internal(&"arguments are an object")) };
        let command = ControlCommand::Call { workspace: self.workspace.clone(), name: name.to_owned(), arguments };
        control(self.options, command, Progress::Bar).await
    }

    /// All flows, by name.
    async fn flows(&self) -> Result<Vec<Listed>, Problem> {
        let mut flows = Vec::new();
        let mut arguments = json!({ "limit": 100 });
        loop {
            let page = self.call("list_flows", arguments.clone()).await?;
            let text = |item: &Value, member: &str| item[member].as_str().unwrap_or_default().to_owned();
            let items = page["items"].as_array().into_iter().flatten();
            flows.extend(items.map(|item| Listed { id: text(item, "id"), name: text(item, "name") }));
            match page.get("nextCursor") {
                Some(cursor) => arguments["cursor"] = cursor.clone(),
                None => return Ok(flows),
            }
        }
    }

    /// The draft of a flow as YAML, whatever its length.
    async fn yaml(&self, id: &str) -> Result<String, Problem> {
        let mut text = String::new();
        let mut offset = 0;
        loop {
            let arguments = json!({ "flowId": id, "format": "yaml", "offset": offset });
            let piece = self.call("get_flow", arguments).await?;
            text.push_str(piece["yaml"].as_str().unwrap_or_default());
            match piece["nextOffset"].as_u64() {
                Some(next) => offset = next,
                None => return Ok(text),
            }
        }
    }
}

/// Carries a command about flows out.
///
/// # Errors
/// What was refused; `unavailable` when the folder cannot be reached.
pub async fn execute(options: &GlobalOptions, command: FlowCommand) -> Result<ExitCode, Problem> {
    let form = if command.common().json { Form::Json } else { Form::Text };
    let workspace = Workspace { options, workspace: command.common().workspace.clone() };
    let (good, report) = match command {
        FlowCommand::Pull(arguments) => pull(&workspace, &arguments).await?,
        FlowCommand::Push { common, publish } => push(&workspace, &common, publish).await?,
        FlowCommand::Diff(arguments) => diff(&workspace, &arguments).await?,
        FlowCommand::Validate(arguments) => validate(&workspace, &arguments).await?,
        FlowCommand::Simulate(arguments) => simulate(&workspace, &arguments).await?,
    };
    match form {
        Form::Json => println!("{}", Value::Array(report)),
        Form::Text => report.iter().for_each(|entry| println!("{}", difference::told(entry))),
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Whether all is well, and what happened to each flow.
type Report = (bool, Vec<Value>);

fn is_wanted(arguments: &FlowArguments, name: &str) -> bool {
    arguments.names.is_empty() || arguments.names.iter().any(|wanted| wanted == name)
}

/// The file that a flow has already, or the one that it gets.
fn place_of(files: &[FlowFile], folder: &Path, name: &str) -> std::path::PathBuf {
    let known = files.iter().find(|file| file.name.as_deref() == Some(name));
    known.map_or_else(|| folder.join(file_name(name)), |file| file.path.clone())
}

async fn pull(workspace: &Workspace<'_>, arguments: &FlowArguments) -> Result<Report, Problem> {
    let files = read_files(&arguments.folder)?;
    let mut report = Vec::new();
    for flow in workspace.flows().await?.iter().filter(|flow| is_wanted(arguments, &flow.name)) {
        let text = workspace.yaml(&flow.id).await?;
        let path = place_of(&files, &arguments.folder, &flow.name);
        // A file that says the same in other words keeps its words, and its comments.
        let says_the_same = |file: &FlowFile| file.path == path && file.as_written().as_ref() == Some(&text);
        let written = !files.iter().any(says_the_same) && write_file(&path, &text)?;
        let what = if written { "written" } else { "unchanged" };
        report.push(json!({ "flow": flow.name, "file": path, "outcome": what }));
    }
    Ok((true, report))
}

async fn push(workspace: &Workspace<'_>, arguments: &FlowArguments, publish: bool) -> Result<Report, Problem> {
    let known = workspace.flows().await?;
    let (mut good, mut report) = (true, Vec::new());
    for file in read_files(&arguments.folder)? {
        let name = file.name.clone().unwrap_or_default();
        if !is_wanted(arguments, &name) {
            continue;
        }
        let outcome = push_one(workspace, &known, &file, publish).await;
        let mut entry = match outcome {
            Ok(entry) => entry,
            Err(problem) => json!({ "outcome": "refused", "problem": problem }),
        };
        good &= entry["outcome"] != "refused";
        entry["flow"] = Value::from(name);
        entry["file"] = json!(file.path);
        report.push(entry);
    }
    Ok((good, report))
}

async fn push_one(
    workspace: &Workspace<'_>,
    known: &[Listed],
    file: &FlowFile,
    publish: bool,
) -> Result<Value, Problem> {
    let there = known.iter().find(|flow| Some(flow.name.as_str()) == file.name.as_deref());
    let answer = match there {
        Some(flow) => workspace.call("update_flow_draft", json!({ "flowId": flow.id, "yaml": file.text })).await?,
        None => workspace.call("create_flow", json!({ "yaml": file.text })).await?,
    };
    let mut outcome = match (there, answer["changed"] == Value::Bool(true)) {
        (None, _) => "created",
        (Some(_), true) => "updated",
        (Some(_), false) => "unchanged",
    };
    let mut entry = Map::new();
    for member in ["errors", "warnings"] {
        if let Some(findings) = answer.get(member) {
            entry.insert(member.to_owned(), findings.clone());
        }
    }
    if publish {
        let published = workspace.call("publish_flow", json!({ "flowId": answer["flow"]["id"] })).await?;
        if published["changed"] == Value::Bool(true) {
            outcome = "published";
        }
        entry.insert("version".to_owned(), published["flow"]["publishedVersion"].clone());
    }
    entry.insert("outcome".to_owned(), Value::from(outcome));
    Ok(Value::Object(entry))
}

async fn diff(workspace: &Workspace<'_>, arguments: &FlowArguments) -> Result<Report, Problem> {
    let files = read_files(&arguments.folder)?;
    let known = workspace.flows().await?;
    let (mut same, mut report) = (true, Vec::new());
    for flow in known.iter().filter(|flow| is_wanted(arguments, &flow.name)) {
        let entry = match files.iter().find(|file| file.name.as_deref() == Some(&flow.name)) {
            None => json!({ "flow": flow.name, "outcome": "only in the workspace" }),
            Some(file) => {
                let here = file.as_written().unwrap_or_else(|| file.text.clone());
                let there = workspace.yaml(&flow.id).await?;
                let lines = difference::lines(&there, &here);
                let outcome = if lines.is_empty() { "same" } else { "differs" };
                json!({ "flow": flow.name, "file": file.path, "outcome": outcome, "lines": lines })
            }
        };
        same &= entry["outcome"] == "same";
        report.push(entry);
    }
    let unknown = |file: &&FlowFile| !known.iter().any(|flow| Some(flow.name.as_str()) == file.name.as_deref());
    for file in files.iter().filter(unknown).filter(|file| is_wanted(arguments, file.name.as_deref().unwrap_or(""))) {
        same = false;
        report.push(json!({ "flow": file.name, "file": file.path, "outcome": "only in the folder" }));
    }
    Ok((same, report))
}

async fn validate(workspace: &Workspace<'_>, arguments: &FlowArguments) -> Result<Report, Problem> {
    let (mut good, mut report) = (true, Vec::new());
    for file in read_files(&arguments.folder)? {
        if !is_wanted(arguments, file.name.as_deref().unwrap_or_default()) {
            continue;
        }
        let mut entry = workspace.call("validate_flow", json!({ "yaml": file.text })).await?;
        let valid = entry["valid"] == Value::Bool(true);
        good &= valid;
        entry["outcome"] = Value::from(if valid { "valid" } else { "not valid" });
        entry["flow"] = json!(file.name);
        entry["file"] = json!(file.path);
        report.push(entry);
    }
    Ok((good, report))
}

async fn simulate(workspace: &Workspace<'_>, arguments: &SimulateArguments) -> Result<Report, Problem> {
    let mut call = Map::new();
    if arguments.flow.is_file() {
        let text = files::read_text(&arguments.flow)?;
        call.insert("yaml".to_owned(), Value::from(text));
    } else {
        call.insert("flowId".to_owned(), Value::from(arguments.flow.to_string_lossy().into_owned()));
    }
    if let Some(contact) = &arguments.contact {
        call.insert("contactId".to_owned(), Value::from(contact.as_str()));
    }
    if !arguments.replies.is_empty() {
        call.insert("replies".to_owned(), json!(arguments.replies));
    }
    let answer = workspace.call("simulate_flow", Value::Object(call)).await?;
    let good = !["failed", "invalid"].iter().any(|bad| answer["status"] == *bad);
    Ok((good, vec![answer]))
}
