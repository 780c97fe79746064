//! Given / when / then for runs.

use serde_json::json;

use super::*;
use crate::checks::{causes, holds, refuses};
use crate::ids::{MessageId, RunId};

const FLOW: FlowId = FlowId(Uuid::from_u128(1));
const OTHER: FlowId = FlowId(Uuid::from_u128(2));
const CONTACT: ContactId = ContactId(Uuid::from_u128(3));

fn start(hops: u32) -> RunStart {
    RunStart {
        flow: FLOW,
        version: 1,
        contact: CONTACT,
        conversation: None,
        account: None,
        step: "a".to_owned(),
        variables: Personal::Known(Variables::new()),
        cause: Cause::Operation,
        hops,
        max_steps: 3,
        after: 10,
    }
}

fn started() -> Event {
    Event::FlowRunStarted(start(0))
}

fn enter(number: u32, step: &str, next: Option<&str>) -> Command {
    let next = next.map(str::to_owned);
    Command::Enter { number, step: step.to_owned(), kind: "note".to_owned(), chance: None, next }
}

fn entered(flow: FlowId, step: &str, next: Option<&str>) -> Event {
    let next = next.map(str::to_owned);
    let (step, kind) = (step.to_owned(), "note".to_owned());
    Event::FlowRunStepEntered { contact: CONTACT, flow, step, kind, chance: None, next }
}

fn pause(reason: Reason, until: Option<i64>) -> Pause {
    Pause { step: "a".to_owned(), reason, until, attempt: 0, after: 12 }
}

fn waiting(reason: Reason, until: Option<i64>) -> Event {
    Event::FlowRunWaiting { contact: CONTACT, pause: pause(reason, until) }
}

/// Begun, in step `a`, and waiting there.
fn asleep(reason: Reason, until: Option<i64>) -> Vec<Event> {
    vec![started(), entered(FLOW, "a", None), waiting(reason, until)]
}

fn input(position: u64, settles_at: Option<i64>) -> RunInput {
    RunInput {
        position,
        message: MessageId(Uuid::from_u128(u128::from(position))),
        text: "hello".to_owned().into(),
        button: None,
        settles_at,
        aside: false,
    }
}

fn received(input: RunInput) -> Event {
    Event::FlowRunInputReceived { contact: CONTACT, input }
}

fn resume(by: Waker, now: i64, position: u64) -> Command {
    Command::Resume { by, now, position, next: Some("b".to_owned()) }
}

fn resumed(by: Waker, position: Option<u64>) -> Event {
    Event::FlowRunResumed { contact: CONTACT, by, position, next: Some("b".to_owned()) }
}

fn failed(code: &str, reason: &str, step: &str) -> Event {
    let (code, reason, step) = (code.to_owned(), reason.to_owned(), Some(step.to_owned()));
    Event::FlowRunFailed { contact: CONTACT, flow: FLOW, code, reason, step }
}

fn completed() -> Event {
    Event::FlowRunCompleted { contact: CONTACT, flow: FLOW }
}

fn cancelled(reason: &str, was_queued: bool) -> Event {
    Event::FlowRunCancelled { contact: CONTACT, flow: FLOW, reason: reason.to_owned(), was_queued }
}

fn call(flow: FlowId, return_to: Option<&str>) -> Command {
    Command::Call { flow, version: 4, step: "x".to_owned(), return_to: return_to.map(str::to_owned) }
}

fn called(flow: FlowId, return_to: Option<&str>) -> Event {
    let return_to = return_to.map(str::to_owned);
    Event::FlowRunCalled { contact: CONTACT, flow, version: 4, step: "x".to_owned(), return_to }
}

#[test]
fn a_run_starts_once_and_holds_its_contact_in_the_flow_until_it_ends() {
    causes::<FlowRun>(vec![], Command::Start(start(0)), vec![started()]);
    refuses::<FlowRun>(vec![started()], Command::Start(RunStart { flow: OTHER, ..start(0) }), Error::Exists);
    refuses::<FlowRun>(vec![], Command::End, Error::Unknown);
    holds::<FlowRun>(&[started()], &[active_claim(FLOW, CONTACT)]);
    for end in [completed(), failed("x", "y", "a"), cancelled("z", false)] {
        holds::<FlowRun>(&[started(), end], &[]);
    }
}

#[test]
fn a_queued_run_begins_later_and_holds_nothing_before() {
    let queued = Event::FlowRunQueued(start(0));
    causes::<FlowRun>(vec![], Command::Queue(start(0)), vec![queued.clone()]);
    causes::<FlowRun>(vec![queued.clone()], Command::Begin, vec![started()]);
    causes::<FlowRun>(vec![queued.clone()], enter(0, "a", None), vec![]);
    let cancel = Command::Cancel { reason: "gone".to_owned() };
    causes::<FlowRun>(vec![queued.clone()], cancel, vec![cancelled("gone", true)]);
    assert_eq!(FlowRun::claims(&queued, Uuid::nil()), []);
    assert_eq!(FlowRun::claims(&cancelled("gone", true), Uuid::nil()), []);
}

#[test]
fn the_run_that_would_pass_the_hop_budget_fails_at_once() {
    causes::<FlowRun>(vec![], Command::Start(start(MAX_HOPS)), vec![Event::FlowRunStarted(start(MAX_HOPS))]);
    let reason = "more than 10 runs began by themselves in a row, without a word of the contact";
    let cut = vec![Event::FlowRunStarted(start(MAX_HOPS + 1)), failed("hop_budget", reason, "a")];
    causes::<FlowRun>(vec![], Command::Start(start(MAX_HOPS + 1)), cut);
}

#[test]
fn a_step_is_entered_only_where_the_run_stands() {
    let first = entered(FLOW, "a", Some("b"));
    causes::<FlowRun>(vec![started()], enter(0, "a", Some("b")), vec![first.clone()]);
    refuses::<FlowRun>(vec![started()], enter(0, "b", None), Error::Elsewhere);
    // The same decision again, even of a step that leads back to itself.
    causes::<FlowRun>(vec![started(), first], enter(0, "a", Some("b")), vec![]);
    let back = entered(FLOW, "a", Some("a"));
    causes::<FlowRun>(vec![started(), back.clone()], enter(0, "a", Some("a")), vec![]);
    causes::<FlowRun>(vec![started(), back.clone()], enter(1, "a", Some("a")), vec![back]);
}

#[test]
fn a_run_that_takes_too_many_steps_fails() {
    let mut history = vec![started()];
    history.extend(vec![entered(FLOW, "a", Some("a")); 3]);
    let reason = "it took 3 steps, as many as it may";
    causes::<FlowRun>(history, enter(3, "a", Some("a")), vec![failed("step_budget", reason, "a")]);
}

#[test]
fn variables_are_set_when_they_change() {
    let set = |value: serde_json::Value| match value {
        serde_json::Value::Object(variables) => variables,
        _ => panic!("an object"),
    };
    let event = |value| Event::FlowRunVariablesSet { contact: CONTACT, variables: Personal::Known(set(value)) };
    let command = |value| Command::SetVariables { variables: set(value) };
    let history = vec![started(), event(json!({ "plan": "free", "score": 1 }))];
    let change = json!({ "plan": "free", "score": 2, "gone": null });
    causes::<FlowRun>(history.clone(), command(change), vec![event(json!({ "score": 2 }))]);
    causes::<FlowRun>(history, command(json!({ "plan": null })), vec![event(json!({ "plan": null }))]);
}

#[test]
fn a_step_pauses_once_after_it_was_entered() {
    let history = vec![started(), entered(FLOW, "a", None)];
    let command = Command::Pause(pause(Reason::Time, Some(5)));
    causes::<FlowRun>(history, command.clone(), vec![waiting(Reason::Time, Some(5))]);
    causes::<FlowRun>(vec![started()], command, vec![]);
}

#[test]
fn a_timer_counts_when_it_is_due_and_once() {
    let history = asleep(Reason::Time, Some(100));
    causes::<FlowRun>(history.clone(), resume(Waker::Timer, 99, 0), vec![]);
    causes::<FlowRun>(history.clone(), resume(Waker::Timer, 100, 0), vec![resumed(Waker::Timer, None)]);
    causes::<FlowRun>(asleep(Reason::Input, None), resume(Waker::Timer, 100, 0), vec![]);
    // What came in before goes first.
    let answered = [asleep(Reason::Input, Some(100)), vec![received(input(13, Some(200)))]].concat();
    causes::<FlowRun>(answered, resume(Waker::Timer, 300, 0), vec![]);
}

#[test]
fn a_message_is_taken_in_once_and_not_when_it_is_older_than_the_pause() {
    let history = asleep(Reason::Input, None);
    for old in [9, 10, 12] {
        causes::<FlowRun>(history.clone(), Command::Receive(input(old, None)), vec![]);
    }
    causes::<FlowRun>(history.clone(), Command::Receive(input(13, None)), vec![received(input(13, None))]);
    let answered = [history.clone(), vec![received(input(13, None))]].concat();
    causes::<FlowRun>(answered, resume(Waker::Input, 0, 0), vec![resumed(Waker::Input, Some(13))]);
    causes::<FlowRun>(history, resume(Waker::Input, 0, 0), vec![]);
}

#[test]
fn what_comes_in_a_burst_waits_until_it_has_settled() {
    let mut history = asleep(Reason::Input, None);
    history.extend([received(input(13, Some(100))), received(input(14, Some(150)))]);
    causes::<FlowRun>(history.clone(), resume(Waker::Input, 149, 0), vec![]);
    causes::<FlowRun>(history, resume(Waker::Input, 150, 0), vec![resumed(Waker::Input, Some(14))]);
}

#[test]
fn a_message_aside_is_kept_and_does_not_advance() {
    let aside = RunInput { aside: true, ..input(13, None) };
    let history = asleep(Reason::Button, None);
    causes::<FlowRun>(history.clone(), Command::Receive(aside.clone()), vec![received(aside.clone())]);
    causes::<FlowRun>([history, vec![received(aside)]].concat(), resume(Waker::Input, 9, 0), vec![]);
}

#[test]
fn an_event_resumes_only_who_waits_for_one_and_only_a_later_one() {
    let history = asleep(Reason::Event { event: "tagApplied".to_owned() }, None);
    causes::<FlowRun>(history.clone(), resume(Waker::Event, 0, 12), vec![]);
    causes::<FlowRun>(history, resume(Waker::Event, 0, 13), vec![resumed(Waker::Event, Some(13))]);
    causes::<FlowRun>(asleep(Reason::Time, None), resume(Waker::Event, 0, 13), vec![]);
}

#[test]
fn a_called_flow_returns_to_where_it_was_called_for() {
    let history = vec![started(), entered(FLOW, "a", None)];
    causes::<FlowRun>(history.clone(), call(OTHER, Some("c")), vec![called(OTHER, Some("c"))]);
    let inside = [history, vec![called(OTHER, Some("c")), entered(OTHER, "x", None)]].concat();
    let returned = Event::FlowRunReturned { contact: CONTACT, flow: FLOW, step: "c".to_owned() };
    causes::<FlowRun>(inside.clone(), Command::End, vec![returned.clone()]);
    causes::<FlowRun>(inside.clone(), Command::Finish, vec![completed()]);
    let back = [inside, vec![returned]].concat();
    causes::<FlowRun>(back, enter(2, "c", Some("d")), vec![entered(FLOW, "c", Some("d"))]);
}

#[test]
fn a_flow_with_nothing_to_return_to_ends_with_what_it_called() {
    let inside = vec![started(), entered(FLOW, "a", None), called(OTHER, None), entered(OTHER, "x", None)];
    causes::<FlowRun>(inside.clone(), Command::End, vec![completed()]);
    // Through two that end together, back to the one that wanted to go on.
    let deep = vec![
        started(),
        entered(FLOW, "a", None),
        called(OTHER, Some("c")),
        entered(OTHER, "x", None),
        called(OTHER, None),
        entered(OTHER, "x", None),
    ];
    let returned = Event::FlowRunReturned { contact: CONTACT, flow: FLOW, step: "c".to_owned() };
    causes::<FlowRun>(deep.clone(), Command::End, vec![returned.clone()]);
    let mut run = FlowRun::default();
    deep.iter().chain([&returned]).for_each(|event| run.fold(event));
    assert_eq!(run.frames.len(), 1);
}

#[test]
fn flows_that_call_each_other_for_ever_fail() {
    let mut history = vec![Event::FlowRunStarted(RunStart { max_steps: 99, ..start(0) }), entered(FLOW, "a", None)];
    for _ in 1..MAX_FRAMES {
        history.extend([called(OTHER, Some("c")), entered(OTHER, "x", None)]);
    }
    let reason = "flows call each other more than 20 deep";
    causes::<FlowRun>(history, call(OTHER, None), vec![failed("call_depth", reason, "x")]);
}

#[test]
fn a_run_that_is_over_stays_over() {
    let fail = Command::Fail { code: "x".to_owned(), reason: "y".to_owned() };
    causes::<FlowRun>(asleep(Reason::Time, Some(1)), fail.clone(), vec![failed("x", "y", "a")]);
    let over = vec![started(), completed()];
    for command in [
        fail,
        Command::End,
        Command::Begin,
        Command::Cancel { reason: "z".to_owned() },
        Command::Receive(input(99, None)),
        resume(Waker::Timer, i64::MAX, 0),
        enter(0, "a", None),
    ] {
        causes::<FlowRun>(over.clone(), command, vec![]);
    }
}

#[test]
fn a_word_of_the_person_ends_a_chain_of_automatic_starts() {
    let mut run = FlowRun::default();
    run.fold(&Event::FlowRunStarted(start(7)));
    assert_eq!(run.hops, 7);
    run.fold(&received(input(13, None)));
    assert_eq!(run.hops, 0);
}

#[test]
fn every_event_is_about_the_contact() {
    let by_flow = RunStart { cause: Cause::Flow { run: RunId(Uuid::nil()) }, ..start(1) };
    for event in [Event::FlowRunQueued(by_flow), started(), waiting(Reason::Time, None), completed()] {
        assert_eq!(FlowRun::subject(&event, Uuid::nil()), Some(CONTACT));
    }
}

fn request(attempt: u32) -> RunRequest {
    RunRequest {
        step: "a".to_owned(),
        number: 1,
        attempt,
        method: "POST".to_owned(),
        url: "https://example.com".to_owned().into(),
        until: 50,
    }
}

fn answer(attempt: u32) -> RunAnswer {
    let body = Some(Personal::Known(json!("yes")));
    RunAnswer { number: 1, attempt, status: Some(200), error: None, reason: None, body }
}

/// Begun, in step `a`, and asking there.
fn asking() -> Vec<Event> {
    let request = request(1);
    vec![started(), entered(FLOW, "a", None), Event::FlowRunRequestStarted { contact: CONTACT, request }]
}

#[test]
fn a_request_is_announced_once_and_its_outcome_is_taken_in_once() {
    let begun = vec![started(), entered(FLOW, "a", None)];
    causes::<FlowRun>(begun, Command::Request(request(1)), asking().split_off(2));
    causes::<FlowRun>(vec![started()], Command::Request(request(1)), vec![]);
    let ended = Event::FlowRunRequestEnded { contact: CONTACT, answer: answer(1) };
    causes::<FlowRun>(asking(), Command::Answer(answer(1)), vec![ended.clone()]);
    // Of another attempt, or of one that has an outcome already.
    causes::<FlowRun>(asking(), Command::Answer(answer(2)), vec![]);
    let unknown = RunAnswer { status: None, error: Some(UNKNOWN.to_owned()), body: None, ..answer(1) };
    causes::<FlowRun>([asking(), vec![ended.clone()]].concat(), Command::Answer(unknown), vec![]);
    let cancelled = [asking(), vec![cancelled("z", false)]].concat();
    causes::<FlowRun>(cancelled, Command::Answer(answer(1)), vec![]);
    // It goes on by the outcome, and asks again under another attempt.
    let answered = [asking(), vec![ended]].concat();
    causes::<FlowRun>(answered.clone(), resume(Waker::Answer, 20, 0), vec![resumed(Waker::Answer, None)]);
    let again = Event::FlowRunResumed { contact: CONTACT, by: Waker::Answer, position: None, next: None };
    let again = [answered, vec![again]].concat();
    let announced = Event::FlowRunRequestStarted { contact: CONTACT, request: request(2) };
    causes::<FlowRun>(again, Command::Request(request(2)), vec![announced]);
}

#[test]
fn nothing_but_the_outcome_ends_the_wait_for_a_server_and_what_is_written_is_kept_for_later() {
    let heard = [asking(), vec![received(input(12, None))]].concat();
    for by in [Waker::Timer, Waker::Input, Waker::Event, Waker::Answer] {
        causes::<FlowRun>(asking(), resume(by, 99, 20), vec![]);
        causes::<FlowRun>(heard.clone(), resume(by, 99, 20), vec![]);
    }
    causes::<FlowRun>(asking(), Command::Receive(input(12, None)), vec![received(input(12, None))]);
    let ended = Event::FlowRunRequestEnded { contact: CONTACT, answer: answer(1) };
    let next = vec![ended, resumed(Waker::Answer, None), entered(FLOW, "b", None), waiting(Reason::Input, None)];
    let by_input = Event::FlowRunResumed { contact: CONTACT, by: Waker::Input, position: Some(12), next: None };
    let resume = Command::Resume { by: Waker::Input, now: 0, position: 0, next: None };
    causes::<FlowRun>([heard, next].concat(), resume, vec![by_input]);
}
