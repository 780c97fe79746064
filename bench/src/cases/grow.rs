//! Durable writes as there are more processes, more workspaces, and more events behind them.

mod lengthen;
mod spread;

use std::ops::Range;
use std::sync::Arc;

use aggregates::ids::{TagId, WorkspaceId};
use chatbotx::app::{App, Caller};
use futures::future::try_join_all;
use serde_json::json;

use super::Keep;
use crate::latencies::Measured;
use crate::ours::{Database, call};
use crate::report::Section;
use crate::rounds::median;
use crate::worker::Writes;
use crate::{Outcome, Settings};

/// Callers in all.
const CALLERS: usize = 64;
/// How many tags every contact can be given, each once.
const TAGS: usize = 150;
/// How long calls are made before they are measured, in seconds.
const WARM_SECONDS: f64 = 1.0;

/// Measures.
pub async fn run(settings: &Settings, keep: &mut Keep<'_>) -> Outcome<Section> {
    let mut section = Section {
        about: format!(
            "`add_contact_tags` through the operations, {CALLERS} callers in all, each call durable, read tables kept current meanwhile. \
             Processes: workers of this program that have each opened the product on the same database and have their share of the callers; \
             of two processes each meets one half of the contacts or workspaces. Per second: all of them together; p99: that of the slowest process. \
             As the log grows: one process and one workspace, at each point with 5,000 contacts that are new. Medians of {} rounds, after a \
             second that is not measured; the numbers of processes and workspaces alternate.",
            settings.rounds
        ),
        ..Section::default()
    };
    spread::run(settings, &mut section).await?;
    keep(&section)?;
    for database in Database::ALL {
        lengthen::run(settings, database, &mut section, keep).await?;
    }
    Ok(section)
}

/// Workspaces with contacts that are being given tags.
struct Targets {
    places: Vec<(WorkspaceId, Vec<TagId>)>,
    contacts: Range<u64>,
    /// The first pair of contact and tag that nobody has taken yet.
    next: u64,
}

impl Targets {
    /// What this one of so many processes does.
    fn writes(&self, seconds: f64, turn: usize, turns: usize) -> Writes {
        Writes {
            places: self.places.clone(),
            contacts: self.contacts.clone(),
            callers: CALLERS / turns + usize::from(turn < CALLERS % turns),
            seconds,
            from: self.next,
            turn: (turn as u64, turns as u64),
        }
    }
}

/// Makes the tags in a workspace.
async fn make_tags(app: &Arc<App>, workspace: WorkspaceId) -> Outcome<(WorkspaceId, Vec<TagId>)> {
    let caller = Caller::local(workspace);
    let made = (0..TAGS).map(|number| {
        let (app, caller) = (app, &caller);
        async move {
            let answer = call(app, caller, "create_tag", json!({ "name": format!("Grown {number}") })).await?;
            let id = answer["tag"]["id"].as_str().ok_or("a tag without an id")?;
            Outcome::Ok(id.parse::<TagId>()?)
        }
    });
    Ok((workspace, try_join_all(made).await?))
}

/// The medians of several measurements.
fn middle(measured: &[Measured]) -> Option<Measured> {
    let of = |what: fn(&Measured) -> f64| median(&measured.iter().map(what).collect::<Vec<_>>());
    Some(Measured { per_second: of(|it| it.per_second)?, p50_ms: of(|it| it.p50_ms)?, p99_ms: of(|it| it.p99_ms)? })
}
