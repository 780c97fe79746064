//! What is wrong with an installation, and how to mend it. Made for folders that are broken: every check stands alone, and none
//! needs another to have gone well.
//!
//! Databases are looked at by whoever holds the folder: by its holder when there is one, otherwise by this process, which takes the
//! lock for that time.

mod databases;
mod folder;
mod holder;
mod log;
mod network;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::app::{App, OpenOptions};
use crate::clock::SystemClock;
use crate::settings::Settings;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is as it should be.
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// It does not work, or will not soon.
    Problem,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// How to mend it; absent when there is nothing to mend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Finding {
    fn ok(check: &str, what: impl Into<String>) -> Self {
        Self { check: check.to_owned(), level: Level::Ok, what: what.into(), mend: None }
    }

    fn warning(check: &str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check: check.to_owned(), level: Level::Warning, what: what.into(), mend: Some(mend.into()) }
    }

    fn problem(check: &str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check: check.to_owned(), level: Level::Problem, what: what.into(), mend: Some(mend.into()) }
    }
}

/// What is to be looked at.
#[derive(Clone, Debug)]
pub struct Patient {
    /// Where its data are; the folder may be there or not.
    pub options: OpenOptions,
    /// How a server would listen.
    pub settings: Settings,
    /// Whether the whole log is verified, and not only its last events.
    pub full: bool,
}

/// Makes every check; gives what each found, in the order in which a start would meet it.
pub async fn examine(patient: &Patient) -> Vec<Finding> {
    let mut findings = folder::check(&patient.options.data);
    let (state, found) = holder::check(&patient.options.data).await;
    findings.extend(found);
    let serving = match state {
        holder::State::Free(lock) => {
            findings.extend(at_rest(&patient.options, patient.full).await);
            drop(lock);
            None
        }
        holder::State::Held(server) => {
            findings.extend(holder::ask(&server, patient.full).await);
            server.address
        }
        holder::State::Unknown => {
            let what = "the databases were not looked at: who holds the folder is not known, and two never open them";
            findings.push(Finding::warning("databases", what, "mend what is said of the holder, then look again"));
            None
        }
    };
    findings.extend(network::check(&patient.settings, serving.as_deref()).await);
    findings
}

/// The databases of a folder that nobody holds but the caller.
async fn at_rest(options: &OpenOptions, full: bool) -> Vec<Finding> {
    let (mut findings, sound) = databases::check(options).await;
    if sound {
        findings.extend(log::check_at_rest(options, full).await);
    }
    findings
}

/// The databases of a running program, looked at from within.
pub async fn within(app: &Arc<App>, full: bool) -> Vec<Finding> {
    let (mut findings, _) = databases::check(app.opened_at()).await;
    let positions = app.projection_status().await.map(|status| {
        status.into_iter().map(|row| log::Standing {
            workspace: row.workspace,
            position: row.position,
            error: row.error,
        })
    });
    match positions {
        Ok(standings) => findings.extend(log::check_tables(app.log(), &standings.collect::<Vec<_>>()).await),
        Err(problem) => findings.push(Finding::problem("read tables", problem.message, log::SEE_LOG)),
    }
    findings.extend(log::check(app.log(), &SystemClock, full).await);
    findings
}
