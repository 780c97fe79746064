//! Runs folded and found.

use aggregates::Personal;
use aggregates::flow_run::{Event as RunEvent, RunRequest, Variables};
use aggregates::ids::MessageId;
use uuid::Uuid;

use super::*;
use crate::given::{BEGINNING, Given, folded, person, rows};

const FLOW: FlowId = FlowId(Uuid::from_u128(70));
const SECOND: i64 = 1_000_000;

struct Runs {
    given: Given,
    workspace: WorkspaceId,
    contact: ContactId,
    conversation: ConversationId,
}

fn runs() -> Runs {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    let account = given.account(workspace, "local");
    let contact = given.contact(workspace, person("Ana", "", "", ""), None);
    let conversation = given.conversation(workspace, contact, account);
    Runs { given, workspace, contact, conversation }
}

fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

impl Runs {
    fn start(&self) -> RunStart {
        RunStart {
            flow: FLOW,
            version: 2,
            contact: self.contact,
            conversation: Some(self.conversation),
            account: None,
            step: "ask".to_owned(),
            variables: Personal::Known(Variables::new()),
            cause: Cause::Operation,
            hops: 1,
            max_steps: 9,
            after: 0,
        }
    }

    fn record(&mut self, number: u128, event: RunEvent) -> u64 {
        self.given.record(self.workspace, run(number), event)
    }

    fn started(&mut self, number: u128) {
        let start = self.start();
        self.record(number, RunEvent::FlowRunStarted(start));
    }

    fn waits(&mut self, number: u128, reason: Reason, until: Option<i64>) -> u64 {
        let pause = Pause { step: "ask".to_owned(), reason, until, attempt: 0, after: 0 };
        let contact = self.contact;
        self.record(number, RunEvent::FlowRunWaiting { contact, pause })
    }

    fn hears(&mut self, number: u128, position: u64, settles_at: Option<i64>) {
        let message = MessageId(Uuid::from_u128(1));
        let text = Personal::Known("hello".to_owned());
        let input = RunInput { position, message, text, button: None, settles_at, aside: false };
        let contact = self.contact;
        self.record(number, RunEvent::FlowRunInputReceived { contact, input });
    }

    fn row(&self, number: u128) -> FlowRun {
        rows::<FlowRun>(&self.given).into_iter().find(|row| row.id == run(number)).expect("a row")
    }
}

#[test]
fn a_run_shows_what_it_waits_for_and_when_it_goes_on() {
    let mut runs = runs();
    runs.started(1);
    assert_eq!((runs.row(1).status, runs.row(1).due_at, runs.row(1).hops), (Status::Running, None, 1));
    let contact = runs.contact;
    let (step, kind, next) = ("ask".to_owned(), "question".to_owned(), None);
    runs.record(1, RunEvent::FlowRunStepEntered { contact, flow: FLOW, step, kind, chance: None, next });
    let asked = runs.waits(1, Reason::Input, Some(5_000));
    let row = runs.row(1);
    assert_eq!((row.status, row.due_at, row.waits_since), (Status::Waiting, Some(5_000), Some(asked)));
    assert_eq!((row.waits_for.as_deref(), row.steps), (Some("input"), 1));
    runs.hears(1, 9, Some(7_000));
    let row = runs.row(1);
    assert_eq!((row.due_at, row.until, row.pending, row.hops), (Some(7_000), Some(5_000), 1, 0));
    runs.record(
        1,
        RunEvent::FlowRunResumed { contact, by: Waker::Input, position: Some(9), next: Some("bye".to_owned()) },
    );
    let row = runs.row(1);
    assert_eq!((row.status, row.due_at, row.pending), (Status::Running, None, 0));
    assert_eq!((row.waits_for, row.step.as_deref()), (None, Some("bye")));
}

#[test]
fn a_run_that_asks_a_server_is_not_woken_by_what_is_written_meanwhile() {
    let mut runs = runs();
    runs.started(1);
    let contact = runs.contact;
    let request = RunRequest {
        step: "call".to_owned(),
        number: 1,
        attempt: 2,
        method: "GET".to_owned(),
        url: Personal::Known("https://example.com".to_owned()),
        until: 5_000,
    };
    runs.record(1, RunEvent::FlowRunRequestStarted { contact, request });
    runs.hears(1, 9, None);
    let row = runs.row(1);
    assert_eq!((row.waits_for.as_deref(), row.step.as_deref(), row.attempt), (Some("http"), Some("call"), 2));
    assert_eq!((row.status, row.due_at, row.pending), (Status::Waiting, Some(5_000), 1));
    runs.record(1, RunEvent::FlowRunResumed { contact, by: Waker::Answer, position: None, next: None });
    let row = runs.row(1);
    assert_eq!(
        (row.status, row.due_at, row.pending),
        (Status::Running, None, 1),
        "the next question is answered by it"
    );
}

#[test]
fn a_run_shows_how_it_ended() {
    let mut runs = runs();
    for number in 1..=3 {
        runs.started(number);
        runs.waits(number, Reason::Time, Some(1));
    }
    let (contact, flow) = (runs.contact, FLOW);
    runs.record(1, RunEvent::FlowRunCompleted { contact, flow });
    let (code, reason) = ("x".to_owned(), "y".to_owned());
    runs.record(2, RunEvent::FlowRunFailed { contact, flow, code, reason: reason.clone(), step: None });
    runs.record(3, RunEvent::FlowRunCancelled { contact, flow, reason, was_queued: false });
    let ends: Vec<_> = (1..=3).map(|number| runs.row(number)).map(|row| (row.status, row.error_code)).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ends, [(Status::Completed, None), (Status::Failed, text("x")), (Status::Cancelled, text("y"))]);
    assert!((1..=3).all(|number| runs.row(number).due_at.is_none() && runs.row(number).ended_at.is_some()));
}

#[tokio::test]
async fn what_is_due_is_found_over_all_workspaces_the_oldest_first() {
    let mut runs = runs();
    for (number, until) in [(1, Some(30)), (2, Some(10)), (3, None), (4, Some(20)), (5, Some(99))] {
        runs.started(number);
        runs.waits(number, Reason::Time, until);
    }
    let elsewhere = runs.given.workspace("Beta");
    let start = runs.start();
    runs.given.record(elsewhere, run(6), RunEvent::FlowRunStarted(start));
    let pause = Pause { step: "a".to_owned(), reason: Reason::Time, until: Some(15), attempt: 0, after: 0 };
    let contact = runs.contact;
    runs.given.record(elsewhere, run(6), RunEvent::FlowRunWaiting { contact, pause });
    for tables in folded(&runs.given).await {
        let mut reader = tables.read().await.expect("a reader");
        let connection = reader.connection();
        let found = due(connection, 30, 9).await.expect("rows");
        assert_eq!(found.iter().map(|due| due.run).collect::<Vec<_>>(), [run(2), run(6), run(4), run(1)]);
        assert_eq!(found[1].workspace, elsewhere);
        assert_eq!(due(connection, 30, 1).await.expect("rows").len(), 1);
        assert_eq!(next_due(connection).await.expect("a time"), Some(10));
    }
}

#[tokio::test]
async fn runs_are_found_by_what_they_wait_for_and_with_whom() {
    let mut runs = runs();
    for number in 1..=5 {
        runs.started(number);
    }
    runs.waits(2, Reason::Button, None);
    runs.waits(1, Reason::Input, None);
    runs.waits(3, Reason::Time, Some(1));
    runs.hears(2, 7, None);
    let (contact, flow, conversation) = (runs.contact, FLOW, runs.conversation);
    runs.record(5, RunEvent::FlowRunCompleted { contact, flow });
    let queued = runs.start();
    runs.record(6, RunEvent::FlowRunQueued(queued));
    for tables in folded(&runs.given).await {
        let mut reader = tables.read().await.expect("a reader");
        let (connection, workspace) = (reader.connection(), runs.workspace);
        let ids = |rows: Vec<FlowRun>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids(waiting_in(connection, workspace, conversation).await.expect("rows")), [run(1), run(2)]);
        assert!(any_under_way(connection, workspace).await.expect("an answer"));
        let elsewhere = aggregates::ids::WorkspaceId(uuid::Uuid::from_u128(99));
        assert!(!any_under_way(connection, elsewhere).await.expect("an answer"));
        let active = active_of_contact(connection, workspace, contact).await.expect("rows");
        assert_eq!(ids(active), [run(1), run(2), run(3), run(4), run(6)]);
        assert_eq!(handled_in(connection, workspace, conversation).await.expect("a position"), Some(7));
        assert_eq!(last_of(connection, workspace, flow, contact).await.expect("a row").map(|row| row.id), Some(run(6)));
        assert_eq!(
            queued_of(connection, workspace, flow, contact).await.expect("a row").map(|row| row.id),
            Some(run(6))
        );
        let last = last_by_flow(connection, workspace, contact).await.expect("rows");
        assert_eq!(last, [(flow, Status::Queued)]);
        assert!(get(connection, workspace, run(5)).await.expect("a row").is_some());
    }
}

#[tokio::test]
async fn runs_are_listed_by_every_filter_and_page() {
    let mut runs = runs();
    for number in 1..=4 {
        runs.started(number);
    }
    let (contact, flow) = (runs.contact, FLOW);
    runs.record(2, RunEvent::FlowRunCompleted { contact, flow });
    let other = RunStart { flow: FlowId(Uuid::from_u128(71)), ..runs.start() };
    runs.record(5, RunEvent::FlowRunStarted(other));
    assert!(runs.row(1).created_at >= BEGINNING + SECOND);
    for tables in folded(&runs.given).await {
        let mut reader = tables.read().await.expect("a reader");
        let (connection, workspace) = (reader.connection(), runs.workspace);
        let cases = [
            (Filter::default(), vec![5, 4, 3, 2, 1]),
            (Filter { flow: Some(flow), ..Filter::default() }, vec![4, 3, 2, 1]),
            (Filter { contact: Some(contact), statuses: vec![Status::Completed], ..Filter::default() }, vec![2]),
            (Filter { statuses: vec![Status::Running], ..Filter::default() }, vec![5, 4, 3, 1]),
            (Filter { contact: Some(ContactId(Uuid::nil())), ..Filter::default() }, vec![]),
        ];
        for (filter, wanted) in cases {
            let (mut after, mut seen) = (None, Vec::new());
            loop {
                let page = list(connection, workspace, &filter, after.as_ref(), 2).await.expect("a page");
                seen.extend(page.items.iter().map(|row| row.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, wanted.iter().map(|number| run(*number)).collect::<Vec<_>>(), "{filter:?}");
            assert_eq!(count(connection, workspace, &filter).await.expect("a count").value, wanted.len() as u64);
        }
    }
}
