//! `chatbotx migrate`: the log into another database. It needs no server, and none may be at work on the log.

use std::process::ExitCode;

use indicatif::ProgressBar;

use super::control::style;
use super::options::GlobalOptions;
use super::output::{VERIFIED, table};
use crate::local::migrate::migrate as copy;
use crate::problem::Problem;

/// Copies, verifies, and prints what was found.
///
/// # Errors
/// As [`copy`].
pub async fn migrate(options: &GlobalOptions, from: &str, to: &str, json: bool) -> Result<ExitCode, Problem> {
    let options = options.open_options_in(&options.data_path()?);
    // Hidden by itself when standard error is no terminal.
    let bar = ProgressBar::new(0).with_style(style());
    let shown = bar.clone();
    let progress: crate::app::OnProgress = std::sync::Arc::new(move |done, total| {
        shown.set_length(total);
        shown.set_position(done);
    });
    let migrated = copy(&options, from, to, &progress).await?;
    bar.finish_and_clear();
    let value = serde_json::to_value(&migrated).map_err(|error| Problem::internal(&error))?;
    if json {
        println!("{value}");
    } else {
        println!("copied and verified {} events in {} s", migrated.events, migrated.seconds);
        println!("{}", table(&value["workspaces"], VERIFIED));
        println!("start the program with --database-url and the same master key; its read tables are built then");
    }
    Ok(ExitCode::SUCCESS)
}
