//! How a folder passes from one process to the next.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::local::control::ControlCommand;
use crate::local::holder::McpSession;
use crate::local::protocol::{McpOpening, read_line, write_line};

/// Answers every line with its own name, and counts how often it was opened.
struct Named(&'static str);

impl Service for Named {
    fn admit(&self, opening: McpOpening) -> BoxFuture<'_, Result<McpSession, Problem>> {
        let name = self.0;
        async move {
            if opening.workspace.is_some() {
                return Err(Problem::new(Code::NotFound, "there is no such workspace"));
            }
            let session: McpSession = Box::new(move |mut connection| {
                async move {
                    while let Ok(Some(_)) = read_line(&mut connection).await {
                        write_line(&mut connection, name).await.unwrap();
                    }
                }
                .boxed()
            });
            Ok(session)
        }
        .boxed()
    }

    fn control(&self, _: ControlCommand, progress: mpsc::Sender<Value>) -> BoxFuture<'_, Result<Value, Problem>> {
        async move {
            progress.send(json!({"done": 1, "total": 2})).await.unwrap();
            Ok(json!({"from": self.0}))
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

struct Setting {
    parent: tempfile::TempDir,
    opened: Arc<AtomicU32>,
}

impl Setting {
    fn new() -> Self {
        Self { parent: tempfile::tempdir().unwrap(), opened: Arc::default() }
    }

    fn folder(&self) -> DataFolder {
        DataFolder::open(self.parent.path()).unwrap()
    }

    fn process(&self, name: &'static str, yields: Yields) -> Reach {
        let opened = Arc::clone(&self.opened);
        let open: Open = Arc::new(move || {
            opened.fetch_add(1, Ordering::SeqCst);
            async move { Ok(Arc::new(Named(name)) as Arc<dyn Service>) }.boxed()
        });
        Reach::new(self.folder(), open, yields)
    }
}

fn mcp() -> Opening {
    Opening::Mcp(McpOpening::default())
}

async fn who(connection: &mut Connection) -> Option<String> {
    write_line(connection, "who").await.ok()?;
    read_line(connection).await.ok()?.map(|line| String::from_utf8(line).unwrap())
}

#[tokio::test]
async fn the_second_process_works_through_the_first_and_takes_over_when_it_ends() {
    let setting = Setting::new();
    let mut first = setting.process("first", Yields::ToServer);
    let mut second = setting.process("second", Yields::ToServer);
    let mut own = first.connect(&mcp()).await.unwrap();
    let mut bridged = second.connect(&mcp()).await.unwrap();
    assert_eq!(who(&mut own).await.as_deref(), Some("first"));
    assert_eq!(who(&mut bridged).await.as_deref(), Some("first"));
    assert_eq!(setting.opened.load(Ordering::SeqCst), 1);
    assert_eq!(ServerFile::read_live(&setting.folder()).unwrap().unwrap().pid, std::process::id());

    first.leave().await;
    assert_eq!(who(&mut bridged).await, None);
    assert_eq!(who(&mut second.connect(&mcp()).await.unwrap()).await.as_deref(), Some("second"));
    second.leave().await;
    assert_eq!(ServerFile::read(&setting.folder()), None);
    assert!(!setting.folder().is_held().unwrap());
    assert!(!setting.parent.path().join("chatbotx.sock").exists());
}

#[tokio::test]
async fn what_a_killed_holder_left_behind_stops_nobody() {
    let setting = Setting::new();
    let gone =
        ServerFile::of_this_process(setting.parent.path().join("chatbotx.sock"), Some("http://127.0.0.1:1".into()));
    gone.write(&setting.folder()).unwrap();
    std::os::unix::net::UnixListener::bind(&gone.socket).unwrap();
    let mut next = setting.process("next", Yields::Never);
    assert_eq!(who(&mut next.connect(&mcp()).await.unwrap()).await.as_deref(), Some("next"));
    let file = ServerFile::read_live(&setting.folder()).unwrap().unwrap();
    assert_eq!(file.address, None);
    next.leave().await;
}

#[tokio::test]
async fn a_server_gets_the_folder_from_an_assistants_process_which_goes_on_through_it() {
    let setting = Setting::new();
    let mut assistant = setting.process("assistant", Yields::ToServer);
    let mut server = setting.process("server", Yields::Never);
    let mut own = assistant.connect(&mcp()).await.unwrap();
    server.take().await.unwrap().announce("http://127.0.0.1:8080").unwrap();
    assert_eq!(who(&mut own).await, None);
    assert_eq!(who(&mut assistant.connect(&mcp()).await.unwrap()).await.as_deref(), Some("server"));

    let mut another = setting.process("another", Yields::Never);
    let refused = another.take().await.err().unwrap();
    assert!(refused.message.contains("http://127.0.0.1:8080"), "{}", refused.message);
    server.leave().await;
}

#[tokio::test]
async fn a_refused_opening_is_told_and_not_tried_again() {
    let setting = Setting::new();
    let mut holder = setting.process("holder", Yields::Never);
    holder.connect(&mcp()).await.unwrap();
    let opening = Opening::Mcp(McpOpening { workspace: Some("elsewhere".into()), ..McpOpening::default() });
    let refused = setting.process("caller", Yields::Never).connect(&opening).await.err().unwrap();
    assert_eq!(refused.code, Code::NotFound);
    holder.leave().await;
}

#[tokio::test]
async fn a_command_gives_its_progress_and_then_its_result() {
    let setting = Setting::new();
    let mut holder = setting.process("holder", Yields::Never);
    holder.connect(&mcp()).await.unwrap();
    let opening = Opening::Control(ControlCommand::LogVerify {});
    let mut connection = setting.process("caller", Yields::Never).connect(&opening).await.unwrap();
    let replies: [Reply; 2] = [read_json(&mut connection).await.unwrap(), read_json(&mut connection).await.unwrap()];
    assert_eq!(replies, [Reply::Progress(json!({"done": 1, "total": 2})), Reply::Result(json!({"from": "holder"}))]);
    holder.leave().await;
}
