//! Folders broken in each way: the doctor says what is wrong and how to mend it, and goes on to the end.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;

use chatbotx::app::{App, OpenOptions, unheard};
use chatbotx::clock::ManualClock;
use chatbotx::local::DataFolder;
use chatbotx::local::control::{ControlCommand, run};
use chatbotx::local::doctor::{Finding, Level, Patient, examine};
use chatbotx::local::holder::Yields;
use chatbotx::local::reach::Reach;
use chatbotx::local::server_file::ServerFile;
use chatbotx::local::service::opener;
use chatbotx::settings::Settings;

/// A folder with a workspace that works, held by nobody.
async fn sound() -> tempfile::TempDir {
    folder_of(Arc::new(chatbotx::clock::SystemClock)).await
}

async fn folder_of(clock: Arc<dyn chatbotx::clock::Clock>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("the ground of the story");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("the ground of the story");
    let options = OpenOptions::in_folder(folder.path());
    let app = App::open_with_clock(&options, clock).await.expect("the ground of the story");
    let (progress, _heard) = mpsc::channel(1);
    let made = run(&app, ControlCommand::WorkspaceCreate { name: "Shop".into() }, progress)
        .await
        .expect("the ground of the story");
    let token = made["token"].as_str().expect("the ground of the story").to_owned();
    app.authenticate(&token).await.expect("the ground of the story");
    app.verify(&unheard()).await.expect("the ground of the story");
    app.close().await;
    folder
}

fn patient(path: &Path) -> Patient {
    // Whatever is free: a port is not what most of these are about.
    let settings = Settings { listen: "127.0.0.1:0".parse().expect("the ground of the story"), ..Settings::default() };
    Patient { options: OpenOptions::in_folder(path), settings, full: false }
}

async fn findings(path: &Path) -> Vec<Finding> {
    examine(&patient(path)).await
}

/// What is worse than well.
async fn ill(path: &Path) -> Vec<(Level, String, String)> {
    let found = findings(path).await;
    assert!(found.iter().any(|finding| finding.check == "listen address"), "the checks went on to the end: {found:?}");
    let ill = found.into_iter().filter(|finding| finding.level != Level::Ok);
    ill.map(|finding| {
        assert!(finding.mend.is_some(), "{finding:?}");
        (finding.level, finding.check, finding.what)
    })
    .collect()
}

/// Expects one finding, of this level and check, whose words hold `part`, among what is ill.
#[track_caller]
fn found(ill: &[(Level, String, String)], level: Level, check: &str, part: &str) {
    let fits = |(found, of, what): &&(Level, String, String)| *found == level && of == check && what.contains(part);
    assert!(ill.iter().any(|finding| fits(&finding)), "no {level:?} of {check} with {part:?} in {ill:#?}");
}

pub async fn tamper(folder: &Path, file: &str, sql: &'static str) {
    let url = format!("sqlite:{}", folder.join(file).display());
    let mut connection = SqliteConnection::connect(&url).await.expect("the ground of the story");
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("the ground of the story");
    connection.close().await.expect("the ground of the story");
}

const FREE: &str = "drop trigger events_are_never_updated; drop trigger events_are_never_deleted;";

#[tokio::test]
async fn a_sound_folder_is_well_and_left_as_it_was() {
    let folder = sound().await;
    let before = std::fs::read(folder.path().join("events.db")).expect("the ground of the story");
    assert_eq!(ill(folder.path()).await, []);
    let full = examine(&Patient { full: true, ..patient(folder.path()) }).await;
    assert!(full.iter().all(|finding| finding.level == Level::Ok), "{full:#?}");
    assert!(full.iter().any(|finding| finding.what.starts_with("all ")), "{full:#?}");
    assert!(std::fs::read(folder.path().join("events.db")).expect("the ground of the story") == before);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the ground of the story")
        .map(|entry| entry.expect("the ground of the story").file_name())
        .collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made() {
    let parent = tempfile::tempdir().expect("the ground of the story");
    let path = parent.path().join("data");
    found(&ill(&path).await, Level::Problem, "data folder", "there is no folder");
    assert!(!path.exists());
    std::fs::write(&path, "a file").expect("the ground of the story");
    found(&ill(&path).await, Level::Problem, "data folder", "is not a folder");
}

#[tokio::test]
async fn a_new_folder_is_told_what_it_lacks() {
    let parent = tempfile::tempdir().expect("the ground of the story");
    std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(0o700)).expect("the ground of the story");
    let ill = ill(parent.path()).await;
    found(&ill, Level::Warning, "event log", "there is no log yet");
    found(&ill, Level::Warning, "master key", "no master.key yet");
    assert!(ill.iter().all(|(level, ..)| *level == Level::Warning), "{ill:?}");
    assert!(!parent.path().join("events.db").exists() && !parent.path().join("master.key").exists());
}

#[tokio::test]
async fn what_others_can_look_into_is_told() {
    let folder = sound().await;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("the ground of the story");
    let key = folder.path().join("master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("the ground of the story");
    let ill = ill(folder.path()).await;
    found(&ill, Level::Warning, "data folder", "other users");
    found(&ill, Level::Problem, "master key", "other users");
}

#[tokio::test]
async fn a_missing_malformed_or_foreign_key_is_told() {
    let folder = sound().await;
    let key = folder.path().join("master.key");
    let kept = std::fs::read(&key).expect("the ground of the story");
    std::fs::remove_file(&key).expect("the ground of the story");
    found(&ill(folder.path()).await, Level::Problem, "master key", "not its master.key");
    assert!(!key.exists(), "the doctor makes no key");
    for (text, part) in [("short".to_owned(), "64 hex digits"), ("ab".repeat(32), "another master key")] {
        std::fs::write(&key, text).expect("the ground of the story");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("the ground of the story");
        found(&ill(folder.path()).await, Level::Problem, "master key", part);
    }
    std::fs::write(&key, kept).expect("the ground of the story");
    assert_eq!(ill(folder.path()).await, []);
}

#[tokio::test]
async fn a_damaged_log_is_told() {
    for (sql, check, part) in [
        ("update events set payload = x'7b7d' where position = 2", "log verify", "was changed at 2"),
        ("update heads set frontier = x'00'", "log verify", "malformed"),
        ("insert into heads values (x'00', 1, 1, x'')", "event log", "rows that belong to no workspace"),
        (
            "update _sqlx_migrations set version = 9999 where version = (select max(version) from _sqlx_migrations)",
            "event log",
            "not known to this version",
        ),
    ] {
        let folder = sound().await;
        tamper(folder.path(), "events.db", FREE).await;
        tamper(folder.path(), "events.db", sql).await;
        found(&ill(folder.path()).await, Level::Problem, check, part);
    }
    let folder = sound().await;
    std::fs::write(folder.path().join("events.db"), "no database at all".repeat(500)).expect("the ground of the story");
    found(&ill(folder.path()).await, Level::Problem, "event log", "cannot be read");
}

#[tokio::test]
async fn read_tables_that_are_damaged_foreign_or_behind_are_told() {
    let folder = sound().await;
    tamper(folder.path(), "views.db", "update checkpoints set position = position - 1").await;
    found(&ill(folder.path()).await, Level::Warning, "read tables", "are at 2 of 3");
    tamper(folder.path(), "views.db", "update checkpoints set position = position + 9").await;
    found(&ill(folder.path()).await, Level::Warning, "read tables", "another log");
    tamper(folder.path(), "views.db", "update checkpoints set version = version + 7").await;
    found(&ill(folder.path()).await, Level::Warning, "read tables", "built anew");
    std::fs::write(folder.path().join("views-1.db"), "no database at all".repeat(500))
        .expect("the ground of the story");
    found(&ill(folder.path()).await, Level::Problem, "read tables", "cannot be read");
}

#[tokio::test]
async fn a_clock_before_the_last_event_is_told() {
    let year_2100 = 4_102_444_800_000_000;
    let folder = folder_of(Arc::new(ManualClock::at(year_2100))).await;
    found(&ill(folder.path()).await, Level::Problem, "clock", "before the last event");
}

#[tokio::test]
async fn a_taken_port_and_a_strange_address_are_told() {
    let folder = sound().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("the ground of the story");
    let mut patient = patient(folder.path());
    patient.settings.listen = taken.local_addr().expect("the ground of the story");
    patient.settings.public_url = Some("chat.example.com".parse().expect("the ground of the story"));
    let found = examine(&patient).await;
    let problems: Vec<&str> =
        found.iter().filter(|one| one.level == Level::Problem).map(|one| one.check.as_str()).collect();
    assert_eq!(problems, ["listen address", "public URL"], "{found:#?}");
}

#[tokio::test]
async fn a_running_holder_is_asked_and_a_killed_one_is_told() {
    let folder = sound().await;
    let data = DataFolder::existing(folder.path()).expect("the ground of the story");
    let (opened, _) = mpsc::unbounded_channel();
    let options = OpenOptions::in_folder(data.path());
    let mut reach = Reach::new(data.clone(), opener(options, opened), Yields::Never);
    reach.take().await.expect("the ground of the story");
    assert_eq!(ill(folder.path()).await, []);
    let seen = findings(folder.path()).await;
    assert!(seen.iter().any(|finding| finding.check == "log verify"), "the holder looked at its log: {seen:#?}");
    let mut file = ServerFile::read(&data).expect("the ground of the story");
    file.version = "0.0.1".into();
    file.write(&data).expect("the ground of the story");
    found(&ill(folder.path()).await, Level::Warning, "holder", "is version 0.0.1");
    // The lock is held, but where server.json points nobody listens.
    file.socket = folder.path().join("nobody.sock");
    file.write(&data).expect("the ground of the story");
    found(&ill(folder.path()).await, Level::Problem, "holder", "does not answer");
    ServerFile::remove(&data);
    let without = ill(folder.path()).await;
    found(&without, Level::Problem, "holder", "no server.json");
    found(&without, Level::Warning, "databases", "were not looked at");
    reach.leave().await;
    file.write(&data).expect("the ground of the story");
    let left = findings(folder.path()).await;
    assert!(left.iter().any(|finding| finding.level == Level::Ok && finding.what.contains("left server.json behind")));
    std::fs::write(folder.path().join("server.json"), "{").expect("the ground of the story");
    found(&ill(folder.path()).await, Level::Warning, "holder", "cannot be read");
}
