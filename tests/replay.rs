//! Read tables as of then equal what the live ones were; an export can be checked by who has nothing but it.

use aggregates::ids::EventId;
use aggregates::stream::StreamType;
use chatbotx::app::{Moment, Replay, unheard};
use chatbotx::event_log::merkle::Frontier;
use chatbotx::local::control::{ControlCommand, run};
use chatbotx::problem::{Code, Problem};
use projections::{Checkpoint, ReadTables};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::fixture::{NEW_YEAR, Program, neighbour, same_tables, says};

type Tables = Vec<(&'static str, Vec<Value>)>;

/// What the live tables were at one moment.
struct Then {
    at: Checkpoint,
    time: i64,
    tables: Tables,
}

/// How many moments are looked at.
const MOMENTS: usize = 20;

async fn now(program: &Program) -> Then {
    let tables = program.tables().await;
    let mut context = program.app.read(program.caller.workspace, None).await.expect("readable");
    let at = context.reader.checkpoint(program.caller.workspace).await.expect("a checkpoint");
    assert_eq!(at.position, program.head().await);
    Then { at, time: program.time(), tables }
}

/// Does a little of everything; gives what was to be seen after each step.
async fn told(program: &Program) -> Vec<Then> {
    program.done("create_custom_field", json!({"name": "Size", "type": "number"})).await;
    let mut seen = vec![now(program).await];
    let ana = program.visitor("Ana").await;
    for number in 0..24 {
        program.clock.turn(1_000_000);
        let contact =
            json!({"firstName": format!("Zoë {number}"), "phone": format!("+4917012345{number:02}"), "tags": ["VIP"]});
        let made = program.done("create_contact", contact).await;
        seen.push(now(program).await);
        program.clock.turn(1_000_000);
        let id = made["contact"]["id"].clone();
        match number % 4 {
            0 => drop(says(&ana, &format!("m{number}"), "Hello").await),
            1 => {
                let field = json!({"contactId": id, "field": "Size", "value": number});
                program.done("set_contact_custom_field", field).await;
            }
            2 => drop(program.done("remove_contact_tags", json!({"contactId": id, "tags": ["VIP"]})).await),
            _ => {
                let contact = format!("webchat:{}", ana.visitor.id());
                program.done("send_message", json!({"contactId": contact, "text": "Yes?"})).await;
            }
        }
        seen.push(now(program).await);
    }
    seen
}

async fn replayed(program: &Program, until: Moment) -> (Tables, Vec<Checkpoint>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("then.db");
    let replay = Replay { file: file.clone(), until: Some(until), workspace: None, overwrite: false };
    let done = program.app.replay_log(&replay, &unheard()).await.expect("replayed");
    assert_eq!(done.events, done.workspaces.iter().map(|workspace| workspace.position).sum::<u64>());
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).expect("readable").flatten().map(|one| one.file_name()).collect();
    assert_eq!(names, ["then.db"], "nothing is left beside it");
    let tables = ReadTables::open(&file).await.expect("tables with their indexes");
    let seen = (tables.dump().await.expect("readable"), tables.checkpoints().await.expect("readable"));
    tables.close().await;
    seen
}

#[tokio::test]
async fn tables_replayed_to_any_position_or_time_are_what_the_live_ones_were_then() {
    let program = Program::start().await;
    let seen = told(&program).await;
    let live = program.tables().await;
    let seed: u64 = rand::rng().random();
    println!("moments by the seed {seed}");
    let moments = rand::seq::index::sample(&mut SmallRng::seed_from_u64(seed), seen.len(), MOMENTS);
    for then in moments.into_iter().map(|number| &seen[number]) {
        let (tables, checkpoints) = replayed(&program, Moment::Position(then.at.position)).await;
        same_tables(&tables, &then.tables);
        assert_eq!(checkpoints, [then.at]);
        // Half a second later nothing more had happened.
        let (tables, checkpoints) = replayed(&program, Moment::Time(then.time + 500_000)).await;
        same_tables(&tables, &then.tables);
        assert_eq!(checkpoints, [then.at]);
    }
    same_tables(&program.tables().await, &live);
    let (nothing, checkpoints) = replayed(&program, Moment::Time(NEW_YEAR - 1)).await;
    assert!(nothing.iter().all(|(_, rows)| rows.is_empty()) && checkpoints.is_empty());
}

#[tokio::test]
async fn a_time_means_the_last_event_recorded_at_or_before_it() {
    let program = Program::start().await;
    told(&program).await;
    let workspace = program.caller.workspace;
    let events = program.app.log_page(workspace, None, Some(0), None, 10_000).await.expect("readable");
    for event in &events {
        for time in [event.recorded_at - 1, event.recorded_at, event.recorded_at + 1] {
            let expected = events.iter().filter(|event| event.recorded_at <= time).count() as u64;
            let found = program.app.position_at(workspace, Some(Moment::Time(time))).await.expect("readable");
            assert_eq!(found, expected);
        }
    }
}

async fn refused(program: &Program, replay: Replay) -> Problem {
    program.app.replay_log(&replay, &unheard()).await.expect_err("refused")
}

#[tokio::test]
async fn a_file_that_must_not_be_replaced_is_not() {
    let program = Program::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("then.db");
    let replay = Replay { file: file.clone(), until: None, workspace: None, overwrite: false };
    let force = Replay { overwrite: true, ..replay.clone() };
    std::fs::write(&file, "my diary").expect("written");
    for replay in [&replay, &force] {
        assert_eq!(refused(&program, replay.clone()).await.code, Code::Conflict);
    }
    assert_eq!(std::fs::read(&file).expect("there"), b"my diary");
    std::fs::remove_file(&file).expect("removed");
    program.app.replay_log(&replay, &unheard()).await.expect("replayed");
    assert_eq!(refused(&program, replay.clone()).await.code, Code::Conflict);
    program.done("create_tag", json!({"name": "late"})).await;
    program.app.replay_log(&force, &unheard()).await.expect("replaced");
    let tables = ReadTables::open(&file).await.expect("tables");
    same_tables(&tables.dump().await.expect("readable"), &program.tables().await);
    tables.close().await;
    let own = Replay { file: program.folder.path().join("views-1.db"), ..force.clone() };
    assert_eq!(refused(&program, own).await.code, Code::Conflict);
    let beyond = Replay { until: Some(Moment::Position(999)), ..force.clone() };
    assert_eq!(refused(&program, beyond).await.code, Code::InvalidInput);
    let nowhere = Replay { file: folder.path().join("no/such/then.db"), ..replay.clone() };
    assert_eq!(refused(&program, nowhere).await.code, Code::Unavailable);
    let other = neighbour(&program).await.workspace;
    let position = Replay { until: Some(Moment::Position(1)), ..force };
    assert_eq!(refused(&program, position.clone()).await.code, Code::Ambiguous);
    let of_other = Replay { workspace: Some(other), ..position };
    let done = program.app.replay_log(&of_other, &unheard()).await.expect("replayed");
    assert_eq!((done.workspaces.len(), done.workspaces[0].id, done.workspaces[0].position), (1, other, 1));
}

async fn exported(program: &Program, after: u64, until: Option<Moment>) -> Result<(Vec<Value>, Value), Problem> {
    let (progress, mut heard) = mpsc::channel::<Value>(1);
    let command = ControlCommand::LogExport { workspace: None, after, until };
    let reading = async {
        let mut events = Vec::new();
        while let Some(mut step) = heard.recv().await {
            events.push(step["event"].take());
        }
        events
    };
    let (result, events) = tokio::join!(run(&program.app, command, progress), reading);
    result.map(|result| (events, result))
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("hex");
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex")).collect()
}

/// The leaf of an exported event, from nothing but its line: as an auditor computes it.
fn leaf(workspace: uuid::Uuid, line: &Value) -> [u8; 32] {
    let number = |member: &str| line[member].as_u64().expect("a number");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let kind = StreamType::from_name(&text(&line["stream"]["type"])).expect("a kind");
    let stream = aggregates::ids::parse_id(kind.prefix(), &text(&line["stream"]["id"])).expect("an id");
    let id: EventId = text(&line["id"]).parse().expect("an id");
    let mut hasher = Sha256::new();
    hasher.update([0]);
    for field in [
        workspace.as_bytes().to_vec(),
        number("position").to_be_bytes().to_vec(),
        line["stream"]["type"].as_str().expect("a kind").as_bytes().to_vec(),
        stream.as_bytes().to_vec(),
        number("sequence").to_be_bytes().to_vec(),
        id.0.as_bytes().to_vec(),
        line["type"].as_str().expect("a type").as_bytes().to_vec(),
        u16::try_from(number("version")).expect("small").to_be_bytes().to_vec(),
        line["recordedAtUs"].as_i64().expect("a time").to_be_bytes().to_vec(),
        bytes(&line["payloadHash"]),
        bytes(&line["metadataHash"]),
    ] {
        hasher.update(u32::try_from(field.len()).expect("short").to_be_bytes());
        hasher.update(field);
    }
    hasher.finalize().into()
}

#[tokio::test]
async fn an_export_is_the_whole_log_and_can_be_checked_without_the_program() {
    let program = Program::start().await;
    told(&program).await;
    let head = program.head().await;
    let (events, result) = exported(&program, 0, None).await.expect("exported");
    assert_eq!((events.len() as u64, &result["events"], &result["until"]), (head, &json!(head), &json!(head)));
    let mut frontier = Frontier::default();
    for (event, position) in events.iter().zip(1_u64..) {
        assert_eq!(event["position"], position);
        let leaf = leaf(program.caller.workspace.0, event);
        assert_eq!(bytes(&event["leafHash"]), leaf, "{event}");
        frontier.push(leaf);
    }
    let verified = program.app.verify(&unheard()).await.expect("readable");
    assert_eq!(
        (&bytes(&result["root"])[..], result["root"].as_str()),
        (&frontier.root()[..], Some(verified.workspaces[0].root.as_str()))
    );
    assert!(events.iter().any(|event| event["data"]["attributes"]["firstName"] == "Zoë 3"), "as callers see them");
    // The root of every part is that of the leaves up to there, wherever the part begins.
    let mut frontier = Frontier::default();
    for event in &events {
        frontier.push(leaf(program.caller.workspace.0, event));
        let position = event["position"].as_u64().expect("a position");
        let (part, result) =
            exported(&program, position - 1, Some(Moment::Position(position))).await.expect("exported");
        assert_eq!((part.len(), bytes(&result["root"])), (1, frontier.root().to_vec()));
    }
    let beyond = exported(&program, 0, Some(Moment::Position(head + 1))).await.expect_err("refused");
    assert_eq!((beyond.code, beyond.field.as_deref()), (Code::InvalidInput, Some("until")));
}
