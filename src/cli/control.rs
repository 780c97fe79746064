//! Commands of the folder's owner, carried out by the process that holds the folder, or by this one when none does.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::sync::mpsc;

use super::export::Destination;
use super::options::GlobalOptions;
use crate::local::Reach;
use crate::local::control::ControlCommand;
use crate::local::holder::Yields;
use crate::local::listing::ended_without_an_answer;
use crate::local::protocol::{Connection, Opening, Reply, read_json};
use crate::local::service::opener;
use crate::problem::{Code, Problem};

/// What becomes of the progress of a command.
pub enum Progress {
    /// A bar on the terminal, when standard error is one.
    Bar,
    /// Every line on standard output: it is what was asked for.
    Lines,
    /// Events go where they are wanted, and a bar on the terminal, unless it would stand between them.
    Export(Destination),
}

/// Carries a command out; gives its result.
///
/// # Errors
/// What was refused; `unavailable` when the folder cannot be reached.
pub async fn control(options: &GlobalOptions, command: ControlCommand, progress: Progress) -> Result<Value, Problem> {
    let folder = options.folder()?;
    let (opened, _) = mpsc::unbounded_channel();
    let mut reach = Reach::new(folder.clone(), opener(options.open_options(&folder), opened), Yields::Never);
    let outcome = match reach.connect(&Opening::Control(command)).await {
        Ok(connection) => tokio::select! {
            outcome = follow(connection, progress) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Problem::new(Code::Unavailable, "interrupted")),
        },
        Err(problem) => Err(problem),
    };
    reach.leave().await;
    outcome
}

async fn follow(mut connection: Connection, progress: Progress) -> Result<Value, Problem> {
    // Hidden by itself when standard error is no terminal.
    let bar = || Some(ProgressBar::new(0).with_style(style()));
    let (bar, mut destination) = match progress {
        Progress::Bar => (bar(), None),
        Progress::Lines => (None, None),
        Progress::Export(destination) => (bar().filter(|_| !destination.is_terminal()), Some(destination)),
    };
    loop {
        match read_json(&mut connection).await {
            Ok(Reply::Progress(step)) => {
                match (&mut destination, &bar) {
                    (Some(destination), _) => destination.write(&step["event"])?,
                    (None, None) => print_line(&step)?,
                    (None, Some(_)) => {}
                }
                if let Some(bar) = &bar {
                    let number = |name: &str| step.get(name).and_then(Value::as_u64).unwrap_or_default();
                    bar.set_length(number("total"));
                    bar.set_position(number("done"));
                }
            }
            Ok(Reply::Result(result)) => {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                if let Some(mut destination) = destination {
                    destination.finish()?;
                }
                return Ok(result);
            }
            Ok(Reply::Problem(problem)) => return Err(problem),
            Ok(Reply::Ready {}) => return Err(Problem::internal(&"a command was answered as if it were MCP")),
            Err(error) => {
                tracing::info!(%error, "the holder of the data folder hung up");
                return Err(ended_without_an_answer());
            }
        }
    }
}

/// Prints one line, and ends quietly when its reader has seen enough.
///
/// # Errors
/// `unavailable` when nobody reads standard output any more.
pub fn print_line(value: &dyn std::fmt::Display) -> Result<(), Problem> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{value}").map_err(|_| Problem::new(Code::Unavailable, "standard output was closed"))
}

/// How a bar looks.
pub fn style() -> ProgressStyle {
    ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} {per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A path as the process that holds the folder understands it, which may work in another directory.
///
/// # Errors
/// When this process has no working directory any more.
pub fn absolute(path: &Path) -> Result<std::path::PathBuf, Problem> {
    std::path::absolute(path).map_err(|error| Problem::invalid("file", error.to_string()))
}
