//! Workspaces that are full: people with tags and fields, conversations and messages; the same ones every time.

mod bulk;
mod chance;
mod contents;
pub mod people;
pub mod talk;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aggregates::ids::{AccountId, FieldId, TagId, WorkspaceId};
use chatbotx::app::{App, Caller, OpenOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ours::{Database, Ours, call};
use crate::{Outcome, Settings};

pub use bulk::open_log;
pub use chance::Chance;
pub use contents::{Progress, contact_id, fill_messages, fill_people, talker};

/// How full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Contacts.
    pub contacts: u64,
    /// Messages, in and out.
    pub messages: u64,
    /// Conversations, each of another contact.
    pub conversations: u64,
    /// The number of the first one of each.
    pub first: u64,
}

impl Sizes {
    /// The workspace that targets are named for, or a tenth of it.
    pub fn of(settings: &Settings) -> Self {
        let [contacts, messages, conversations] = [1_000_000, 5_000_000, 200_000].map(|size| settings.sized(size));
        Self { contacts, messages, conversations, first: 0 }
    }

    /// The numbers of so many.
    pub const fn numbers(self, count: u64) -> Range<u64> {
        self.first..self.first + count
    }

    /// About so many events of the same mixture.
    pub const fn of_events(events: u64) -> Self {
        // Measured: the default sizes make 1.1 million events.
        Self { contacts: events / 11, messages: events * 5 / 11, conversations: events / 55, first: 0 }
    }
}

/// What a workspace has before it is filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Its web chat account.
    pub account: AccountId,
    /// Its tags, by number.
    pub tags: Vec<TagId>,
    /// Its custom fields, in the order of [`people::FIELDS`].
    pub fields: Vec<FieldId>,
}

/// A full workspace in a database of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filled {
    /// How full.
    pub sizes: Sizes,
    /// Where it is.
    pub place: Place,
    /// How the program is opened on it.
    pub at: At,
    /// How many events its log has.
    pub events: u64,
}

/// Where a program keeps its data, for another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    folder: std::path::PathBuf,
    url: Option<String>,
}

impl At {
    /// Of a program.
    pub fn of(options: &OpenOptions) -> Self {
        Self { folder: options.data.clone(), url: options.database_url.clone() }
    }

    /// To open one there.
    pub fn options(&self) -> OpenOptions {
        OpenOptions { database_url: self.url.clone(), ..OpenOptions::in_folder(self.folder.clone()) }
    }

    /// Opens the program and waits until its read tables have come as far as its log.
    pub async fn open(&self) -> Outcome<Arc<App>> {
        let app = App::open(&self.options()).await.map_err(|problem| problem.message)?;
        caught_up(&app).await?;
        Ok(app)
    }
}

/// Waits until the read tables have come as far as the log.
pub async fn caught_up(app: &App) -> Outcome<()> {
    loop {
        let status = app.projection_status().await.map_err(|problem| problem.message)?;
        if let Some(error) = status.iter().find_map(|status| status.error.clone()) {
            return Err(error.into());
        }
        if status.iter().all(|status| status.position >= status.head) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Makes tags, fields and what else people refer to, through the operations.
pub async fn prepare(app: &Arc<App>, workspace: WorkspaceId) -> Outcome<Place> {
    let caller = Caller::local(workspace);
    let id = |answer: &Value, noun: &str| -> Outcome<String> {
        let id = answer.get(noun).and_then(|noun| noun.get("id")).and_then(Value::as_str);
        Ok(id.ok_or_else(|| format!("no id of a {noun} in {answer}"))?.to_owned())
    };
    let mut tags = Vec::new();
    for number in 0..people::TAGS {
        let answer = call(app, &caller, "create_tag", json!({ "name": tag_name(number) })).await?;
        tags.push(id(&answer, "tag")?.parse()?);
    }
    let mut fields = Vec::new();
    for (name, kind) in people::FIELDS {
        let answer = call(app, &caller, "create_custom_field", json!({ "name": name, "type": kind })).await?;
        fields.push(id(&answer, "customField")?.parse()?);
    }
    let channels = call(app, &caller, "list_channels", json!({})).await?;
    let account = channels["items"][0]["id"].as_str().ok_or("a workspace without a channel")?.parse()?;
    Ok(Place { workspace, account, tags, fields })
}

/// What a tag is called.
pub fn tag_name(number: usize) -> String {
    format!("Tag {number}")
}

/// The full workspace called `name`: as an earlier case of this run left it, or made anew.
pub async fn filled(settings: &Settings, database: Database, name: &str, sizes: Sizes) -> Outcome<Filled> {
    let kept = settings.folder.join(format!("{name}_{}.json", database.name()));
    if let Ok(text) = std::fs::read_to_string(&kept) {
        let (server, filled): (String, Filled) = serde_json::from_str(&text)?;
        if server == settings.postgres && filled.sizes == sizes {
            return Ok(filled);
        }
    }
    let ours = Ours::open(settings, database, name).await?;
    let place = prepare(&ours.app, ours.caller.workspace).await?;
    ours.app.close().await;
    let at = At::of(&ours.options);
    let progress = Progress::new(&format!("filling {name} on {}", database.name()), sizes);
    let log = open_log(&at.options()).await?;
    let keys = fill_people(&log, &place, sizes, &progress).await?;
    fill_messages(&log, &place, keys, sizes, &progress).await?;
    let events = log.head(place.workspace).await?;
    log.store().close().await;
    progress.says("building the read tables");
    at.open().await?.close().await;
    progress.ends();
    let filled = Filled { sizes, place, at, events };
    std::fs::write(&kept, serde_json::to_vec(&(&settings.postgres, &filled))?)?;
    Ok(filled)
}
