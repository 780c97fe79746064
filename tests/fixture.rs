//! A whole program in a folder of its own, without its doors: what the stories here act on.

use std::sync::Arc;

use aggregates::ids::WorkspaceId;
use chatbotx::app::{App, Caller, OpenOptions};
use chatbotx::channels::webchat::{Account, InboundText, Received, Session, new_visitor, receive};
use chatbotx::clock::ManualClock;
use chatbotx::operations::{CallOptions, registry};
use chatbotx::problem::Problem;
use chatbotx::reactions::Reactions;
use ipnet::IpNet;
use serde_json::{Map, Value};

use crate::database;

/// 2026-01-01T00:00:00Z, in microseconds.
pub const NEW_YEAR: i64 = 1_767_225_600_000_000;

/// A program with one workspace.
pub struct Program {
    pub folder: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub app: Arc<App>,
    pub caller: Caller,
    /// Ranges beside the public internet that flows may fetch from.
    allow_fetch_to: Vec<IpNet>,
    /// They react only when [`Self::settle`] lets them.
    pub reactions: Arc<Reactions>,
}

impl Program {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = database::options(folder.path()).await;
        Self::start_with(folder, options).await
    }

    /// The same with ranges that flows may fetch from.
    pub async fn start_allowing(ranges: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let allow_fetch_to = ranges.iter().map(|range| range.parse().expect("a range")).collect();
        let options = OpenOptions { allow_fetch_to, ..database::options(folder.path()).await };
        Self::start_with(folder, options).await
    }

    /// The same on SQLite, whatever this run is on.
    pub async fn start_on_sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = OpenOptions::in_folder(folder.path());
        Self::start_with(folder, options).await
    }

    async fn start_with(folder: tempfile::TempDir, options: OpenOptions) -> Self {
        let clock = Arc::new(ManualClock::at(NEW_YEAR));
        let app = App::open_with_clock(&options, Arc::<ManualClock>::clone(&clock)).await.expect("opened");
        let workspace = app.create_workspace("Bakery").await.expect("a workspace");
        let reactions = reacting(&app);
        let (caller, allow_fetch_to) = (Caller::local(workspace), options.allow_fetch_to);
        Self { folder, clock, app, caller, allow_fetch_to, reactions }
    }

    /// As if the process had been killed and started again.
    pub async fn restart(mut self) -> Self {
        // What it was doing beside ends with it.
        self.reactions = reacting(&self.app);
        self.app.close().await;
        self.app = open(&self.folder, &self.clock, self.allow_fetch_to.clone()).await;
        self.reactions = reacting(&self.app);
        self
    }

    /// Calls an operation as the workspace's owner.
    pub async fn call(&self, name: &str, arguments: Value) -> Result<Value, Problem> {
        call_as(&self.app, &self.caller, name, arguments).await
    }

    /// The same where it must succeed.
    pub async fn done(&self, name: &str, arguments: Value) -> Value {
        match self.call(name, arguments.clone()).await {
            Ok(answer) => answer,
            Err(problem) => panic!("{name} {arguments} was refused: {problem:?}"),
        }
    }

    /// The same where it must be refused.
    pub async fn refused(&self, name: &str, arguments: Value) -> Problem {
        match self.call(name, arguments.clone()).await {
            Ok(answer) => panic!("{name} {arguments} was not refused: {answer}"),
            Err(problem) => problem,
        }
    }

    /// Lets flows do all that there is to do by now.
    pub async fn settle(&self) {
        self.reactions.settle().await.expect("flows go on");
    }

    /// What the clock says, in microseconds since the epoch.
    pub fn time(&self) -> i64 {
        chatbotx::clock::Clock::now(&*self.clock)
    }

    /// The position of the last event.
    pub async fn head(&self) -> u64 {
        self.app.head(self.caller.workspace).await.expect("readable")
    }

    /// A visitor of the built-in web chat.
    pub async fn visitor(&self, name: &str) -> Session {
        let account = Account::find(&self.app, "local").await.expect("built in");
        let (_, secret) = new_visitor(&self.app, account, Some(name)).expect("a visitor");
        Session::open(&self.app, account, &secret).expect("its own secret")
    }

    /// The same visitor, after the program was started again.
    pub async fn reopen(&self, visitor: &Session) -> Session {
        let account = Account::find(&self.app, "local").await.expect("built in");
        let secret = visitor.visitor.secret(self.app.log().master(), account.id);
        Session::open(&self.app, account, &secret).expect("its own secret")
    }

    /// All that the read tables hold.
    pub async fn tables(&self) -> Vec<(&'static str, Vec<Value>)> {
        for workspace in self.app.workspaces().await.expect("readable") {
            let context = self.app.read(workspace.id, None).await.expect("readable");
            assert!(!context.stale);
        }
        self.app.dump_tables().await.expect("readable")
    }
}

/// Programs die often here, and nobody wants to wait for their leases.
fn reacting(app: &Arc<App>) -> Arc<Reactions> {
    Reactions::with_lease(app, std::time::Duration::from_secs(1))
}

impl Drop for Program {
    fn drop(&mut self) {
        // Its tasks end: they would go on asking for a database that is gone.
        self.app.stopping().cancel();
        database::remove(self.folder.path());
    }
}

async fn open(folder: &tempfile::TempDir, clock: &Arc<ManualClock>, allow_fetch_to: Vec<IpNet>) -> Arc<App> {
    let options = OpenOptions { allow_fetch_to, ..database::options(folder.path()).await };
    let clock = Arc::<ManualClock>::clone(clock);
    App::open_with_clock(&options, clock).await.expect("opened")
}

/// Expects the same rows in the same tables, and shows no more than the first table that differs.
pub fn same_tables(left: &[(&'static str, Vec<Value>)], right: &[(&'static str, Vec<Value>)]) {
    assert_eq!(left.len(), right.len());
    for ((name, left), (_, right)) in left.iter().zip(right) {
        let differing = left.iter().zip(right).find(|(left, right)| left != right);
        assert!(
            differing.is_none() && left.len() == right.len(),
            "{name}: {} and {} rows, {differing:?}",
            left.len(),
            right.len()
        );
    }
}

/// Calls an operation.
pub async fn call_as(app: &Arc<App>, caller: &Caller, name: &str, arguments: Value) -> Result<Value, Problem> {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    call_with(app, caller, name, arguments, CallOptions::default()).await
}

/// Calls an operation with options.
pub async fn call_with(
    app: &Arc<App>,
    caller: &Caller,
    name: &str,
    arguments: Map<String, Value>,
    options: CallOptions,
) -> Result<Value, Problem> {
    let operation = registry::all().get(name).expect("an operation");
    operation.call(Arc::clone(app), caller.clone(), options, arguments).await
}

/// What a visitor writes.
pub async fn says(visitor: &Session, id: &str, text: &str) -> Received {
    let inbound =
        InboundText { client_message_id: id.to_owned(), text: Some(text.to_owned()), button_id: None, reply_to: None };
    receive(visitor, &inbound).await.expect("taken in")
}

/// A second workspace of the same program.
pub async fn neighbour(program: &Program) -> Caller {
    let workspace: WorkspaceId = program.app.create_workspace("Neighbour").await.expect("a workspace");
    Caller::local(workspace)
}
