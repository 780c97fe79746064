//! Requests as a run sees them: what is asked, what is made of the outcome, and what is asked again.

use serde_json::json;

use super::super::given::{Given, failure, faults, mentioned, refused, to};
use super::*;
use crate::turn::AnswerError;

fn steps(http: &Value) -> Value {
    json!({"here": {"http": http}, "below": {"end": {}}})
}

fn words() -> Value {
    json!({
        "contact": {"firstName": "Ana & Bo", "id": "con_1", "tags": ["a"], "customField": {}},
        "run": {"base": "https://api.example.com/v1", "count": 2, "error": {"code": "old"}}
    })
}

fn asked(http: &Value) -> Request {
    let turn = Given { words: words(), ..Given::default() }.enter(&steps(http));
    match turn.next {
        Next::Request(request) if turn.effects.is_empty() => request,
        other => panic!("{other:?}"),
    }
}

fn waiting(attempt: u32) -> Waiting {
    Waiting { reason: crate::turn::WaitingFor::Answer, until: None, attempt }
}

fn answer(status: u16, body: Value) -> Answer {
    Answer { status: Some(status), error: None, body }
}

fn error(code: &str) -> Answer {
    let error = AnswerError { code: code.to_owned(), message: "it is so".to_owned() };
    Answer { status: None, error: Some(error), body: Value::Null }
}

fn answered(http: &Value, attempt: u32, answer: Answer) -> Turn {
    let given = Given { words: words(), ..Given::default() };
    given.resume(&steps(http), &waiting(attempt), &Resumption::Answer(answer))
}

fn set(name: &str, operation: FieldOperation, value: Value) -> Effect {
    put(Target::Variable(name.to_owned()), operation, value)
}

#[test]
fn what_is_asked_is_filled_in_and_has_usual_values() {
    let request = asked(&json!({
        "url": "https://example.com/hook", "headers": {"X-Key": " {{ contact.id }} "},
        "json": {"id": "{{ contact.id }}", "count": "{{ run.count + 1 }}"}, "saveTo": "run.reply", "timeout": "3s"
    }));
    let expected = Request {
        method: Method::Post,
        url: "https://example.com/hook".to_owned(),
        headers: vec![("X-Key".to_owned(), "con_1".to_owned())],
        json: Some(json!({"id": "con_1", "count": 3})),
        time_us: 3_000_000,
        keeps_answer: true,
        attempt: 1,
    };
    assert_eq!(request, expected);
    let plain = asked(&json!({"url": "https://example.com"}));
    assert_eq!((plain.method, plain.time_us, plain.keeps_answer), (Method::Get, USUAL_TIMEOUT_US, false));
    assert_eq!(asked(&json!({"url": "https://example.com", "method": "DELETE"})).method, Method::Delete);
}

#[test]
fn what_a_template_puts_into_an_address_stays_one_part_of_it() {
    for (url, filled) in [
        (
            "https://example.com/{{ contact.firstName }}?n={{ contact.firstName }}",
            "https://example.com/Ana%20%26%20Bo?n=Ana%20%26%20Bo",
        ),
        ("https://example.com/{{ '../a/b?c#d@e' | lower }}", "https://example.com/..%2Fa%2Fb%3Fc%23d%40e"),
        ("{{ run.base }}/x/{{ 'a/b' | lower }}", "https://api.example.com/v1/x/a%2Fb"),
        ("{{ run.base }}", "https://api.example.com/v1"),
        ("https://{{ 'a.b/c' | lower }}/", "https://a.b%2Fc/"),
        ("https://example.com/a%20b?c=d&e", "https://example.com/a%20b?c=d&e"),
    ] {
        assert_eq!(asked(&json!({ "url": url })).url, filled, "{url}");
    }
}

#[test]
fn a_good_answer_is_saved_and_what_went_wrong_before_is_forgotten() {
    let http = json!({"url": "https://example.com", "saveTo": "run.reply", "onError": "late"});
    let turn = answered(&http, 1, answer(201, json!({"plan": "gold"})));
    let effects = vec![
        set("reply", FieldOperation::Set, json!({"plan": "gold"})),
        set("error", FieldOperation::Clear, Value::Null),
    ];
    assert_eq!(turn, Turn { effects, next: to("below") });
    let first = Given::default().resume(
        &steps(&json!({"url": "https://example.com"})),
        &waiting(1),
        &Resumption::Answer(answer(302, Value::Null)),
    );
    assert_eq!(first, Turn { effects: vec![], next: to("below") });
}

#[test]
fn what_went_wrong_is_told_where_the_step_goes_on_then() {
    let http = json!({"url": "https://example.com", "saveTo": "run.reply", "onError": "late"});
    let told = |answer: Answer| match answered(&http, 1, answer) {
        Turn { effects, next } if next == to("late") => match effects.as_slice() {
            [Effect::Put { target: Target::Variable(name), value, .. }] if name == "error" => value.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let status = "the server answered with the status 503";
    let expected = json!({"step": "here", "code": "status", "status": 503, "message": status});
    assert_eq!(told(answer(503, Value::Null)), expected);
    assert_eq!(told(answer(400, Value::Null))["status"], 400);
    assert_eq!(told(error("timeout")), json!({"step": "here", "code": "timeout", "message": "it is so"}));
    let not_json = Answer { status: Some(200), ..error("not_json") };
    assert_eq!(told(not_json), json!({"step": "here", "code": "not_json", "status": 200, "message": "it is so"}));
    let failed = answered(&json!({"url": "https://example.com"}), 1, error("refused"));
    assert_eq!(failure(&failed), "request_failed");
}

#[test]
fn only_what_is_safe_to_repeat_is_asked_again_when_nobody_knows_and_not_for_ever() {
    let again = |http: &Value, attempt| match answered(http, attempt, error("unknown")).next {
        Next::Request(request) => Some(request.attempt),
        _ => None,
    };
    let url = "https://example.com";
    for (http, repeats) in [
        (json!({"url": url}), true),
        (json!({"url": url, "repeatable": false}), false),
        (json!({"url": url, "method": "POST"}), false),
        (json!({"url": url, "method": "PUT"}), false),
        (json!({"url": url, "method": "DELETE"}), false),
        (json!({"url": url, "json": {}, "repeatable": true}), true),
    ] {
        assert_eq!(again(&http, 1), repeats.then_some(2), "{http}");
        assert_eq!(again(&http, 2), repeats.then_some(3), "{http}");
        assert_eq!(again(&http, 3), None, "{http}");
    }
    // What is known to have failed is not asked again by itself.
    let failed = answered(&json!({"url": url, "onError": "late"}), 1, error("timeout"));
    assert_eq!(failed.next, to("late"));
}

#[test]
fn nothing_but_an_answer_ends_the_wait_for_one() {
    let given = Given::default();
    for by in [Resumption::Timer, Resumption::Event, super::super::given::written("hello")] {
        let turn = given.resume(&steps(&json!({"url": "https://example.com"})), &waiting(1), &by);
        assert_eq!(failure(&turn), "not_waiting");
    }
}

#[test]
fn what_cannot_be_asked_is_told_when_the_flow_is_checked() {
    let paths = |http: &Value| faults(&steps(http)).into_iter().map(|(_, path)| path).collect::<Vec<_>>();
    let url = "https://example.com";
    assert_eq!(
        paths(&json!({"url": url, "method": "POST", "headers": {"X-Key": "a"}, "saveTo": "run.reply"})),
        [""; 0]
    );
    assert_eq!(paths(&json!({"url": "{{ run.base }}/x"})), [""; 0]);
    for wrong in ["example.com", "ftp://example.com", "https://ana:secret@example.com/", "https://a.com/\nb"] {
        assert_eq!(paths(&json!({ "url": wrong })), ["steps.here.http.url"], "{wrong}");
    }
    assert_eq!(paths(&json!({"url": url, "method": "GET", "json": 1})), ["steps.here.http.json"]);
    assert_eq!(paths(&json!({"url": url, "saveTo": "contact.email"})), ["steps.here.http.saveTo"]);
    for own in ["Host", "content-length", "Proxy-Authorization", "Idempotency-Key"] {
        assert_eq!(paths(&json!({"url": url, "headers": {own: "x"}})).len(), 1, "{own}");
    }
    let codes = |http: &Value| refused(&steps(http)).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(codes(&json!({})), ["missing_member"]);
    assert_eq!(codes(&json!({"url": url, "method": "BREW"})).len(), 1);
    assert_eq!(codes(&json!({"url": url, "headers": {"a b": "x"}})).len(), 1);
}

#[test]
fn everything_that_a_request_names_is_told() {
    let http = json!({
        "url": "https://example.com/{{ run.a }}", "headers": {"X": "{{ run.b }}"}, "json": ["{{ run.c }}"],
        "saveTo": "run.reply", "timeout": "31s", "onError": "below"
    });
    let told = mentioned(&steps(&http)).join("\n");
    for named in [
        "url: Template(",
        "headers.X: Template(",
        "json: Values(",
        "saveTo: Put {",
        "timeout: Duration(",
        "onError: Step(\"below\")",
        "Variable(\"error\")",
    ] {
        assert!(told.contains(named), "{named} in {told}");
    }
}
