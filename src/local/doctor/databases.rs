//! The databases and the key, looked at before anything is opened with them.

use std::os::unix::fs::MetadataExt;

use super::Finding;
use crate::app::{self, LogPlace, OpenOptions};
use crate::event_log::sealing::{MasterKey, MasterKeyError};
use crate::event_log::{self, Tables};

const DATABASE: &str = "database";
const LOG: &str = "event log";
const KEY: &str = "master key";
const TABLES: &str = "read tables";

/// Looks at the log's database, the key and the read tables; tells, too, whether the log can be opened without changing it.
pub(super) async fn check(options: &OpenOptions) -> (Vec<Finding>, bool) {
    let place = match options.log_place() {
        Ok(place) => place,
        Err(problem) => {
            let mend = problem.hint.unwrap_or_default();
            return (vec![Finding::problem(LOG, problem.message, mend)], false);
        }
    };
    match &place {
        LogPlace::File(file) => {
            let there = file.exists();
            let (key, mut findings) = key(options, there);
            let mut sound = false;
            if there {
                let (found, readable) = log(&place, key.as_ref()).await;
                findings.extend(found);
                sound = readable && key.is_some();
            } else {
                let what = format!("there is no log yet at {}", file.display());
                let mend = "the first start makes it; if there was one, restore it from a backup, with its master.key";
                findings.push(Finding::warning(LOG, what, mend));
            }
            findings.push(tables(options).await);
            (findings, sound)
        }
        LogPlace::Server(_) => {
            let (key, mut findings) = key(options, true);
            let (found, readable) = log(&place, key.as_ref()).await;
            findings.extend(found);
            findings.extend(left_over(options).await);
            (findings, readable && key.is_some())
        }
    }
}

fn key(options: &OpenOptions, has_log: bool) -> (Option<MasterKey>, Vec<Finding>) {
    let path = options.key_file();
    let restore =
        "put the master.key that belongs to this log into the data folder; without it nobody can read the log";
    match MasterKey::read(&path) {
        Ok(key) => {
            let mode = path.metadata().map_or(0, |metadata| metadata.mode());
            let finding = if mode & 0o077 == 0 {
                Finding::ok(KEY, "it is there, for its owner only")
            } else {
                let what = "other users of this machine can read it, and with it everything";
                Finding::problem(KEY, what, format!("chmod 600 {}", path.display()))
            };
            (Some(key), vec![finding])
        }
        Err(MasterKeyError::File(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            let finding = if has_log {
                Finding::problem(KEY, "there is an event log, but not its master.key", restore)
            } else {
                Finding::warning(KEY, "there is no master.key yet", "the first start makes it, with the log")
            };
            (None, vec![finding])
        }
        Err(error) => (None, vec![Finding::problem(KEY, error.to_string(), restore)]),
    }
}

async fn log(place: &LogPlace, key: Option<&MasterKey>) -> (Vec<Finding>, bool) {
    let restore = "restore the last backup into a new folder, with its master.key; keep this one for whoever helps you";
    let (found, mend) = match place {
        LogPlace::File(file) => (event_log::inspect(file, key).await, restore),
        LogPlace::Server(url) => {
            (event_log::inspect_server(url, key).await, "see that the server runs, and that the URL is right")
        }
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return (vec![Finding::problem(LOG, format!("it cannot be read: {error}"), mend)], false),
    };
    let mut findings = Vec::new();
    if let Some(unsound) = &found.unsound {
        let mend = match place {
            LogPlace::File(_) => "build the program with a newer SQLite",
            LogPlace::Server(_) => "mend the server's configuration, or use a newer server",
        };
        findings.push(Finding::problem(DATABASE, unsound.clone(), mend));
    } else {
        findings.push(Finding::ok(DATABASE, found.database.clone()));
    }
    match (&found.damage, place) {
        (None, LogPlace::File(_)) => findings.push(Finding::ok(LOG, "the file is sound")),
        (None, LogPlace::Server(_)) => {}
        (Some(damage), _) => findings.push(Finding::problem(LOG, format!("it is damaged: {damage}"), restore)),
    }
    match found.tables {
        None => {
            let what = "there is no log yet in this database";
            findings.push(Finding::warning(LOG, what, "the first start makes it"));
        }
        Some(Tables::Known) => findings.push(Finding::ok(LOG, "its tables are those of this version")),
        Some(Tables::Older) => {
            let what = "an older version of the program made its tables";
            findings.push(Finding::warning(LOG, what, "nothing to do: they are brought up to date at the next start"));
        }
        Some(Tables::Foreign) => {
            let what = "its tables are not known to this version of the program";
            findings.push(Finding::problem(LOG, what, "use the version that wrote it last, or a newer one"));
        }
    }
    if found.key_fits == Some(false) {
        let what = "the log was written under another master key";
        let mend = "put the master.key that belongs to this log into the data folder";
        findings.push(Finding::problem(KEY, what, mend));
    }
    let sound = found.unsound.is_none()
        && found.damage.is_none()
        && found.tables == Some(Tables::Known)
        && found.key_fits != Some(false);
    (findings, sound)
}

/// Read tables of other versions on the server: they serve processes of theirs, and nobody once those are gone.
async fn left_over(options: &OpenOptions) -> Vec<Finding> {
    let drop = |schema: &String| {
        let what = format!("those of another version are there, too, in the schema {schema}");
        let mend = format!("when no process of that version runs any more: drop schema {schema} cascade");
        Finding::warning(TABLES, what, mend)
    };
    match app::tables_of_other_versions(options).await {
        Ok(schemas) => schemas.iter().map(drop).collect(),
        // What cannot be reached is told of with the log.
        Err(_) => Vec::new(),
    }
}

async fn tables(options: &OpenOptions) -> Finding {
    let link = options.tables_link();
    if !link.exists() {
        return Finding::ok(TABLES, "there are none yet: the next start makes them from the log");
    }
    let mend = "chatbotx projections rebuild; nothing is lost, they follow from the log";
    match projections::inspect(&link).await {
        Err(error) => Finding::problem(TABLES, format!("the file cannot be read: {error}"), mend),
        Ok(found) => match (found.damage, found.outdated) {
            (Some(damage), _) => Finding::problem(TABLES, format!("the file is damaged: {damage}"), mend),
            (None, Some(why)) => {
                let what = format!("they are built anew from the log at the next start: {why}");
                Finding::warning(TABLES, what, "nothing to do")
            }
            (None, None) => Finding::ok(TABLES, "the file is sound, and its tables are those of this version"),
        },
    }
}
