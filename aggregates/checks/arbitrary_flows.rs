//! Random events and commands of flows and their runs.

use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::arbitrary::{MARK, id, personal, text};
use crate::event::Event;
use crate::flow_document::FlowDocument;
use crate::flow_run::{Cause, Pause, Reason, RunAnswer, RunInput, RunRequest, RunStart, Variables, Waker};
use crate::personal::Personal;
use crate::{flow, flow_run};

fn document() -> impl Strategy<Value = FlowDocument> {
    (text(), text()).prop_map(|(name, note)| json!({ "name": name, "steps": { "a": { "note": note } } }).into())
}

fn few_documents() -> impl Strategy<Value = FlowDocument> {
    prop::sample::select(vec!["Hi", "HI", "Bye", ""]).prop_map(|name| json!({ "name": name, "steps": {} }).into())
}

/// A step out of few.
fn step() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b"]).prop_map(str::to_owned)
}

fn variables() -> impl Strategy<Value = Variables> {
    (step(), option::of(any::<String>())).prop_map(|(name, value)| {
        let value = value.map(|value| json!(format!("{MARK}{value}")));
        [(name, value.unwrap_or_default())].into_iter().collect()
    })
}

fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        Just(Cause::Operation),
        (any::<u64>(), id()).prop_map(|(position, event)| Cause::Keyword { position, event }),
        (any::<u64>(), id()).prop_map(|(position, event)| Cause::Event { position, event }),
        id().prop_map(|run| Cause::Flow { run }),
    ]
}

fn start() -> impl Strategy<Value = RunStart> {
    (id(), id(), option::of(id()), option::of(id()), variables(), cause(), 0..12_u32, 0..9_u32, 0..4_u64).prop_map(
        |(flow, contact, conversation, account, variables, cause, hops, max_steps, after)| {
            let (version, step, variables) = (1, "a".to_owned(), Personal::Known(variables));
            RunStart { flow, version, contact, conversation, account, step, variables, cause, hops, max_steps, after }
        },
    )
}

fn pause() -> impl Strategy<Value = Pause> {
    let reason = prop_oneof![
        Just(Reason::Time),
        Just(Reason::Input),
        Just(Reason::Button),
        text().prop_map(|event| Reason::Event { event }),
        Just(Reason::Http),
    ];
    (step(), reason, option::of(0..9_i64), 0..3_u32, 0..4_u64).prop_map(|(step, reason, until, attempt, after)| Pause {
        step,
        reason,
        until,
        attempt,
        after,
    })
}

fn input() -> impl Strategy<Value = RunInput> {
    (0..9_u64, id(), personal(), option::of(text()), option::of(0..9_i64), any::<bool>()).prop_map(
        |(position, message, text, button, settles_at, aside)| RunInput {
            position,
            message,
            text,
            button,
            settles_at,
            aside,
        },
    )
}

fn request() -> impl Strategy<Value = RunRequest> {
    (step(), 0..6_u32, 1..3_u32, text(), personal(), 0..9_i64).prop_map(
        |(step, number, attempt, method, url, until)| RunRequest { step, number, attempt, method, url, until },
    )
}

fn answer() -> impl Strategy<Value = RunAnswer> {
    let body = any::<String>().prop_map(|text| Personal::Known(json!({ "said": format!("{MARK}{text}") })));
    (0..6_u32, 1..3_u32, option::of(any::<u16>()), option::of(text()), option::of(text()), option::of(body)).prop_map(
        |(number, attempt, status, error, reason, body)| RunAnswer { number, attempt, status, error, reason, body },
    )
}

fn waker() -> impl Strategy<Value = Waker> {
    prop::sample::select(vec![Waker::Timer, Waker::Input, Waker::Event, Waker::Answer])
}

/// An event of a flow under its name.
fn of_a_flow(name: &str) -> Option<BoxedStrategy<flow::Event>> {
    Some(match name {
        "FlowCreated" => document().prop_map(|document| flow::Event::FlowCreated { document }).boxed(),
        "FlowDraftUpdated" => (document(), option::of(text()), option::of(any::<u32>()))
            .prop_map(|(document, released_name, restored_from)| flow::Event::FlowDraftUpdated {
                document,
                released_name,
                restored_from,
            })
            .boxed(),
        "FlowPublished" => (any::<u32>(), document())
            .prop_map(|(version, document)| flow::Event::FlowPublished { version, document })
            .boxed(),
        "FlowDeleted" => text().prop_map(|released_name| flow::Event::FlowDeleted { released_name }).boxed(),
        _ => return None,
    })
}

/// An event of a flow or a run under its name.
pub fn flow_event_named(name: &str) -> BoxedStrategy<Event> {
    use flow_run::Event::{
        FlowRunCalled, FlowRunCancelled, FlowRunCompleted, FlowRunFailed, FlowRunInputReceived, FlowRunQueued,
        FlowRunRequestEnded, FlowRunRequestStarted, FlowRunResumed, FlowRunReturned, FlowRunStarted,
        FlowRunStepEntered, FlowRunVariablesSet, FlowRunWaiting,
    };
    if let Some(event) = of_a_flow(name) {
        return event.prop_map(Into::into).boxed();
    }
    let event = match name {
        "FlowRunQueued" => start().prop_map(FlowRunQueued).boxed(),
        "FlowRunStarted" => start().prop_map(FlowRunStarted).boxed(),
        "FlowRunStepEntered" => (id(), id(), step(), text(), option::of(any::<u64>()), option::of(step()))
            .prop_map(|(contact, flow, step, kind, chance, next)| FlowRunStepEntered {
                contact,
                flow,
                step,
                kind,
                chance,
                next,
            })
            .boxed(),
        "FlowRunVariablesSet" => (id(), variables())
            .prop_map(|(contact, variables)| FlowRunVariablesSet { contact, variables: Personal::Known(variables) })
            .boxed(),
        "FlowRunWaiting" => (id(), pause()).prop_map(|(contact, pause)| FlowRunWaiting { contact, pause }).boxed(),
        "FlowRunRequestStarted" => {
            (id(), request()).prop_map(|(contact, request)| FlowRunRequestStarted { contact, request }).boxed()
        }
        "FlowRunRequestEnded" => {
            (id(), answer()).prop_map(|(contact, answer)| FlowRunRequestEnded { contact, answer }).boxed()
        }
        "FlowRunInputReceived" => {
            (id(), input()).prop_map(|(contact, input)| FlowRunInputReceived { contact, input }).boxed()
        }
        "FlowRunResumed" => (id(), waker(), option::of(any::<u64>()), option::of(step()))
            .prop_map(|(contact, by, position, next)| FlowRunResumed { contact, by, position, next })
            .boxed(),
        "FlowRunCalled" => (id(), id(), any::<u32>(), step(), option::of(step()))
            .prop_map(|(contact, flow, version, step, return_to)| FlowRunCalled {
                contact,
                flow,
                version,
                step,
                return_to,
            })
            .boxed(),
        "FlowRunReturned" => {
            (id(), id(), step()).prop_map(|(contact, flow, step)| FlowRunReturned { contact, flow, step }).boxed()
        }
        "FlowRunCompleted" => (id(), id()).prop_map(|(contact, flow)| FlowRunCompleted { contact, flow }).boxed(),
        "FlowRunFailed" => (id(), id(), text(), text(), option::of(step()))
            .prop_map(|(contact, flow, code, reason, step)| FlowRunFailed { contact, flow, code, reason, step })
            .boxed(),
        "FlowRunCancelled" => (id(), id(), text(), any::<bool>())
            .prop_map(|(contact, flow, reason, was_queued)| FlowRunCancelled { contact, flow, reason, was_queued })
            .boxed(),
        other => panic!("random events of the name {other} are missing"),
    };
    event.prop_map(Into::into).boxed()
}

/// Any command to a flow.
pub fn flow_command() -> impl Strategy<Value = flow::Command> {
    prop_oneof![
        few_documents().prop_map(|document| flow::Command::Create { document }),
        (few_documents(), option::of(1..3_u32))
            .prop_map(|(document, restored_from)| flow::Command::UpdateDraft { document, restored_from }),
        few_documents().prop_map(|document| flow::Command::UpdateDraft { document, restored_from: None }),
        Just(flow::Command::Publish),
        Just(flow::Command::Publish),
        Just(flow::Command::Delete),
    ]
}

/// Any command to a run.
pub fn run_command() -> impl Strategy<Value = flow_run::Command> {
    use flow_run::Command::{
        Answer, Begin, Call, Cancel, End, Enter, Fail, Finish, Pause, Queue, Receive, Request, Resume, SetVariables,
        Start,
    };
    prop_oneof![
        2 => start().prop_map(Start),
        1 => start().prop_map(Queue),
        1 => Just(Begin),
        9 => (0..6_u32, step(), option::of(step()))
            .prop_map(|(number, step, next)| Enter { number, step, kind: "note".to_owned(), chance: None, next }),
        2 => variables().prop_map(|variables| SetVariables { variables }),
        4 => pause().prop_map(Pause),
        4 => input().prop_map(Receive),
        4 => request().prop_map(Request),
        4 => answer().prop_map(Answer),
        4 => (waker(), 0..9_i64, 0..9_u64, option::of(step()))
            .prop_map(|(by, now, position, next)| Resume { by, now, position, next }),
        3 => (id(), step(), option::of(step()))
            .prop_map(|(flow, step, return_to)| Call { flow, version: 1, step, return_to }),
        3 => Just(End),
        1 => Just(Finish),
        1 => Just(Fail { code: "x".to_owned(), reason: "y".to_owned() }),
        1 => Just(Cancel { reason: "z".to_owned() }),
    ]
}
