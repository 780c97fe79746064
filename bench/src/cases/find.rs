//! Lists and searches in a full workspace: many different questions of each kind, through the operations, in the process.

mod questions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregates::ids::WorkspaceId;
use chatbotx::app::{App, Caller};
use serde_json::{Value, json};

use super::Keep;
use crate::filling::{Filled, Sizes, filled};
use crate::latencies::Measured;
use crate::ours::{Database, call};
use crate::report::{Section, Table, Target};
use crate::{Outcome, Settings};
use questions::{Kind, kinds};

/// How many questions of a kind are asked.
const QUESTIONS: usize = 300;
/// How many lists are walked to their hundredth page, and how many pages are measured from there on.
const WALKS: usize = 8;
const DEEP_PAGES: usize = 25;
const HUNDREDTH: usize = 100;
/// Longer than this no part of a kind takes: what is slow is asked less often.
const AT_MOST: Duration = Duration::from_secs(8);

/// What was found of one kind of question.
struct Found {
    kind: Kind,
    first: Vec<Duration>,
    deep: Vec<Duration>,
    partial: usize,
}

/// Measures.
pub async fn run(settings: &Settings, keep: &mut Keep<'_>) -> Outcome<Section> {
    let sizes = Sizes::of(settings);
    let mut section = Section { about: about(sizes), ..Section::default() };
    for database in Database::ALL {
        let filled = filled(settings, database, "find", sizes).await?;
        let app = filled.at.open().await?;
        let mut found = Vec::new();
        for kind in kinds(&filled) {
            found.push(ask(&app, &filled, kind).await?);
        }
        app.close().await;
        section.targets.extend(found.iter().flat_map(|found| found.targets(database)));
        section.tables.push(table(database, &filled, &found));
        keep(&section)?;
    }
    Ok(section)
}

fn about(sizes: Sizes) -> String {
    format!(
        "One workspace with {} contacts, {} conversations and {} messages, at rest, without a connection between: the operation called in the \
         process by one caller. Of each kind up to {QUESTIONS} different questions; for the hundredth page up to {WALKS} lists are walked \
         there, and {DEEP_PAGES} pages measured from it on. Pages have 20 items. A page counts as partial when the program stopped looking \
         after its limit of rows and said so.",
        sizes.contacts, sizes.conversations, sizes.messages
    )
}

/// Asks a page; gives it and how long it took.
async fn page(app: &Arc<App>, workspace: WorkspaceId, kind: &Kind, arguments: Value) -> Outcome<(Value, Duration)> {
    let sent = Instant::now();
    let answer = call(app, &Caller::local(workspace), kind.operation, arguments).await?;
    Ok((answer, sent.elapsed()))
}

fn with_cursor(question: &Value, answer: &Value) -> Option<Value> {
    let cursor = answer.get("nextCursor").and_then(Value::as_str)?;
    let mut question = question.clone();
    question["cursor"] = json!(cursor);
    Some(question)
}

async fn ask(app: &Arc<App>, filled: &Filled, kind: Kind) -> Outcome<Found> {
    let workspace = filled.place.workspace;
    let mut found = Found { kind, first: Vec::new(), deep: Vec::new(), partial: 0 };
    // Once before: what is asked is at rest and has been asked before, though not the same.
    for question in found.kind.questions.iter().rev().take(5) {
        page(app, workspace, &found.kind, question.clone()).await?;
    }
    let began = Instant::now();
    for question in found.kind.questions.iter().take(QUESTIONS) {
        if began.elapsed() > AT_MOST {
            break;
        }
        let (answer, took) = page(app, workspace, &found.kind, question.clone()).await?;
        found.first.push(took);
        found.partial += usize::from(answer.get("examined").is_some_and(|examined| !examined.is_null()));
    }
    let (began, mut walked) = (Instant::now(), 0);
    for question in &found.kind.questions {
        if walked == WALKS || began.elapsed() > AT_MOST {
            break;
        }
        let mut next = Some(question.clone());
        for number in 1..HUNDREDTH + DEEP_PAGES {
            let Some(question_now) = next else { break };
            let (answer, took) = page(app, workspace, &found.kind, question_now).await?;
            if number >= HUNDREDTH {
                found.deep.push(took);
                walked += usize::from(number == HUNDREDTH);
            }
            next = with_cursor(question, &answer);
        }
    }
    Ok(found)
}

impl Found {
    fn targets(&self, database: Database) -> Vec<Target> {
        let parts = [("first page", &self.first), ("hundredth page", &self.deep)];
        let target = |(part, times): (&str, &Vec<Duration>)| {
            let p99 = (!times.is_empty()).then(|| measured(times).p99_ms);
            Target {
                what: format!("{}, {}, {part}: p99 at most {} ms", database.name(), self.kind.name, self.kind.limit_ms),
                measured: p99.map_or_else(|| "no list is that long".to_owned(), |p99| format!("{p99:.1} ms")),
                reached: p99.map(|p99| p99 <= self.kind.limit_ms),
            }
        };
        parts.into_iter().map(target).collect()
    }
}

fn measured(times: &[Duration]) -> Measured {
    Measured::of(times.iter().sum(), times.to_vec())
}

fn table(database: Database, filled: &Filled, found: &[Found]) -> Table {
    let columns =
        ["question", "asked", "p50, ms", "p99, ms", "partial", "pages from the 100th on", "p50, ms", "p99, ms"];
    let rows = found.iter().map(|found| {
        let (first, deep) = (measured(&found.first), measured(&found.deep));
        let deep = if found.deep.is_empty() {
            ["–".to_owned(), "–".to_owned()]
        } else {
            [format!("{:.1}", deep.p50_ms), format!("{:.1}", deep.p99_ms)]
        };
        let [deep_p50, deep_p99] = deep;
        vec![
            format!("`{}` {}", found.kind.operation, found.kind.name),
            found.first.len().to_string(),
            format!("{:.1}", first.p50_ms),
            format!("{:.1}", first.p99_ms),
            found.partial.to_string(),
            found.deep.len().to_string(),
            deep_p50,
            deep_p99,
        ]
    });
    Table {
        title: format!("{}, {} events", database.name(), filled.events),
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}
