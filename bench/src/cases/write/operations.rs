//! Our side: `add_contact_tags` through the operations, every pair of a contact and a tag once, so that each call changes something.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use serde_json::{Value, json};

use super::callers::measure;
use super::commands::CONTACTS;
use crate::latencies::Measured;
use crate::ours::{Database, Ours, call};
use crate::{Outcome, Settings};

/// Callers that make the contacts.
const MAKERS: usize = 256;
/// More calls than this in a second are not expected of one side over all its turns, however many its callers are.
const MOST_PER_SECOND: f64 = 100_000.0;
/// A projection that is further behind than this stands still.
const PATIENCE: Duration = Duration::from_secs(120);

/// The product with its contacts.
pub struct Operations {
    ours: Ours,
    pairs: Arc<Pairs>,
    /// The longest time that the read tables needed after a turn.
    pub longest_lag: Duration,
}

struct Pairs {
    contacts: Vec<String>,
    tags: Vec<String>,
    next: AtomicUsize,
}

impl Pairs {
    fn take(&self) -> Outcome<Value> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Neighbouring calls meet different contacts, as those of different people do.
        let contact = &self.contacts[number % self.contacts.len()];
        let tag = self
            .tags
            .get(number / self.contacts.len())
            .ok_or("every contact has every tag: there is nothing left to add")?;
        Ok(json!({"contactId": contact, "tagIds": [tag]}))
    }
}

impl Operations {
    /// Opens the product on a new database and makes the contacts, and tags enough for all turns.
    pub async fn open(settings: &Settings, database: Database, turns: usize) -> Outcome<Self> {
        let ours = Ours::open(settings, database, "write_ours").await?;
        let contacts = Arc::new(AtomicUsize::new(0));
        let makers = (0..MAKERS)
            .map(|_| tokio::spawn(make_contacts(Arc::clone(&ours.app), ours.caller.clone(), Arc::clone(&contacts))));
        let contacts: Outcome<Vec<Vec<String>>> = try_join_all(makers).await?.into_iter().collect();
        let calls = settings.seconds * turns as f64 * MOST_PER_SECOND;
        let mut tags = Vec::new();
        for number in 0..(calls / CONTACTS as f64).ceil() as usize {
            let made = ours.call("create_tag", json!({"name": format!("tag {number}")})).await?;
            tags.push(id(&made, "tag")?);
        }
        let pairs = Pairs { contacts: contacts?.concat(), tags, next: AtomicUsize::new(0) };
        let mut side = Self { ours, pairs: Arc::new(pairs), longest_lag: Duration::ZERO };
        side.catch_up().await?;
        Ok(side)
    }

    /// A turn, and the wait until the read tables have seen its last event: it is no other side's burden.
    pub async fn measure(&mut self, callers: usize, seconds: f64) -> Outcome<Measured> {
        let (app, caller, pairs) = (Arc::clone(&self.ours.app), self.ours.caller.clone(), Arc::clone(&self.pairs));
        let measured = measure(callers, seconds, move || {
            let (app, caller, pair) = (Arc::clone(&app), caller.clone(), pairs.take());
            async move {
                let answer = call(&app, &caller, "add_contact_tags", pair?).await?;
                if answer["changed"] == true { Ok(()) } else { Err(format!("a call changed nothing: {answer}").into()) }
            }
        })
        .await?;
        self.longest_lag = self.longest_lag.max(self.catch_up().await?);
        Ok(measured)
    }

    async fn catch_up(&mut self) -> Outcome<Duration> {
        let (app, workspace) = (&self.ours.app, self.ours.caller.workspace);
        let began = Instant::now();
        let head = app.head(workspace).await.map_err(|problem| problem.message)?;
        while !app.tables_reach(workspace, head).await {
            if began.elapsed() > PATIENCE {
                return Err("the read tables do not catch up".into());
            }
        }
        Ok(began.elapsed())
    }

    /// Closes it.
    pub async fn close(self) -> Outcome<()> {
        self.ours.close().await
    }
}

async fn make_contacts(
    app: Arc<chatbotx::app::App>,
    caller: chatbotx::app::Caller,
    next: Arc<AtomicUsize>,
) -> Outcome<Vec<String>> {
    let mut ids = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= CONTACTS {
            return Ok(ids);
        }
        let arguments = json!({
            "firstName": format!("Name{}", number % 5_000), "lastName": format!("Family{number}"),
            "email": format!("person{number}@example.com"), "phone": format!("+49170{number:07}"),
        });
        ids.push(id(&call(&app, &caller, "create_contact", arguments).await?, "contact")?);
    }
}

fn id(made: &Value, what: &str) -> Outcome<String> {
    Ok(made[what]["id"].as_str().ok_or("made without an id")?.to_owned())
}
