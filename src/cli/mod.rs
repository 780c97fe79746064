//! The command line: parses it, carries the command out, prints what came of it.

mod arguments;
mod call_arguments;
mod chat;
mod chat_stream;
mod commands;
mod control;
mod doctor;
mod expiry;
mod export;
mod flow;
mod log_arguments;
mod migrate;
mod moments;
mod options;
mod output;
mod serve;
mod snippets;
mod stdio;
mod usage;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use rustix::fs::Mode;
use tracing_subscriber::EnvFilter;

use self::arguments::{Arguments, Command};
use self::options::GlobalOptions;
use crate::problem::{Code, Problem};

/// How a problem is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Text,
}

/// Runs the program; gives its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage::tell(&error, std::env::args_os().skip(1)),
    };
    // The files hold people's data: for their owner only, whatever folder they are in.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let command = arguments.command.unwrap_or(Command::Serve);
    let form = commands::form(&command);
    let outcome = start_logging(&arguments.options, &command).and_then(|()| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| Problem::internal(&error))?;
        let outcome = runtime.block_on(commands::execute(&arguments.options, command));
        // Not waited for: reading standard input cannot be called off.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(code) => code,
        Err(problem) => {
            match form {
                Form::Json => eprintln!("{}", serde_json::to_string(&problem).unwrap_or_default()),
                Form::Text => eprintln!("{}", output::problem(&problem)),
            }
            exit_code(&problem)
        }
    }
}

/// 3 when it may be different another time, 1 when it was refused. Wrong usage, 2, is told by the parser.
fn exit_code(problem: &Problem) -> ExitCode {
    match problem.code {
        Code::Unavailable | Code::RateLimited | Code::InProgress | Code::Internal => ExitCode::from(3),
        _ => ExitCode::from(1),
    }
}

/// What is logged. rmcp writes whole messages, with people's names and words in them, and quotes callers in its warnings: of it only
/// errors are logged.
fn filter(wanted: &str) -> Result<EnvFilter, Problem> {
    let unreadable =
        |error: &dyn std::fmt::Display| Problem::invalid("log", error.to_string()).hint("for example: --log info");
    let quiet = "rmcp=error".parse().map_err(|error| unreadable(&error))?;
    // What PostgreSQL notices, such as a table that is there already, tells nobody anything.
    let notices = "sqlx::postgres::notice=warn".parse().map_err(|error| unreadable(&error))?;
    let wanted: Vec<&str> = wanted.split(',').filter(|one| !one.trim_start().starts_with("rmcp")).collect();
    Ok(EnvFilter::try_new(wanted.join(","))
        .map_err(|error| unreadable(&error))?
        .add_directive(notices)
        .add_directive(quiet))
}

/// Logs go to standard error, as far as somebody wants them: a server's owner does, an assistant's host does not.
fn start_logging(options: &GlobalOptions, command: &Command) -> Result<(), Problem> {
    let default = if matches!(command, Command::Serve) { "info" } else { "warn" };
    tracing_subscriber::fmt()
        .with_env_filter(filter(options.log.as_deref().unwrap_or(default))?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_messages_are_logged_at_no_level() {
        for wanted in ["trace", "info,rmcp=trace", "rmcp::service=debug,warn", "debug"] {
            let directives = filter(wanted).expect("a filter").to_string();
            let of_rmcp: Vec<&str> = directives.split(',').filter(|one| one.starts_with("rmcp")).collect();
            assert_eq!(of_rmcp, ["rmcp=error"], "{wanted}: {directives}");
        }
        assert!(filter("bogus=zz=1").is_err());
    }
}
