//! Between a step's request and what is fetched: what is sent, and what is kept of the answer.

use std::time::Duration;

use aggregates::Personal;
use aggregates::flow_run::RunAnswer;
use aggregates::personal::{ERASED_MEMBER, PERSONAL_MEMBER};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use bytes::Bytes;
use flows::turn::{self, Answer, AnswerError};
use serde_json::Value;

use crate::fetch::{Failure, Fetched, IDEMPOTENCY_KEY, Refusal, Request};

/// The most of an answer that a run keeps, in bytes.
pub(super) const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// How deep lists and objects of an answer may stand in one another.
const MAX_DEPTH: usize = 16;
/// What the log reads as something else than a member.
const RESERVED: [&str; 3] = [PERSONAL_MEMBER, ERASED_MEMBER, "$sealed"];

/// What is fetched for a step. `key` names the request: the same each time that it is made.
///
/// # Errors
/// That a header cannot be sent.
pub(super) fn prepared(request: &turn::Request, key: &str) -> Result<Request, Failure> {
    let mut headers = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Failure::Refused(Refusal::Header));
    for (name, text) in &request.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| Failure::Refused(Refusal::Header))?;
        headers.insert(name, value(text)?);
    }
    let json = HeaderValue::from_static("application/json");
    headers.entry(ACCEPT).or_insert_with(|| json.clone());
    let body = request.json.as_ref().map_or_else(Bytes::new, |json| json.to_string().into());
    if request.json.is_some() {
        headers.entry(CONTENT_TYPE).or_insert(json);
    }
    headers.insert(IDEMPOTENCY_KEY, value(key)?);
    Ok(Request {
        method: match request.method {
            turn::Method::Get => Method::GET,
            turn::Method::Post => Method::POST,
            turn::Method::Put => Method::PUT,
            turn::Method::Patch => Method::PATCH,
            turn::Method::Delete => Method::DELETE,
        },
        url: request.url.clone(),
        headers,
        body,
        time: Duration::from_micros(request.time_us.unsigned_abs()),
        answer_bytes: request.keeps_answer.then_some(MAX_ANSWER_BYTES),
    })
}

/// What is recorded of what was fetched.
pub(super) fn answer_of(
    fetched: Result<Fetched, Failure>,
    keeps_answer: bool,
    (number, attempt): (u32, u32),
) -> RunAnswer {
    let mut answer = RunAnswer { number, attempt, status: None, error: None, reason: None, body: None };
    match fetched {
        Err(failure) => {
            (answer.error, answer.reason) = (Some(failure.code().to_owned()), Some(failure.to_string()));
        }
        Ok(Fetched { status, body }) => {
            answer.status = Some(status.as_u16());
            if keeps_answer && status.as_u16() < 400 {
                match value_of(&body) {
                    Some(value) => answer.body = Some(Personal::Known(value)),
                    None => {
                        let reason = format!("the answer is not JSON, or nested more than {MAX_DEPTH} deep");
                        (answer.error, answer.reason) = (Some("not_json".to_owned()), Some(reason));
                    }
                }
            }
        }
    }
    answer
}

/// The value of a body; that of an empty one is null. Nothing when it cannot be kept.
fn value_of(body: &[u8]) -> Option<Value> {
    if body.trim_ascii().is_empty() {
        return Some(Value::Null);
    }
    serde_json::from_slice(body).ok().filter(|value| can_be_kept(value, 0))
}

fn can_be_kept(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth < MAX_DEPTH && items.iter().all(|item| can_be_kept(item, depth + 1)),
        Value::Object(members) => {
            let mut all = members.iter();
            depth < MAX_DEPTH
                && all.all(|(name, value)| !RESERVED.contains(&name.as_str()) && can_be_kept(value, depth + 1))
        }
        _ => true,
    }
}

/// What a step is shown of it. What was erased is not there any more.
pub(super) fn shown(answer: &RunAnswer) -> Answer {
    let error = answer.error.as_ref().map(|code| AnswerError {
        code: code.clone(),
        message: answer.reason.clone().unwrap_or_else(|| "there is no answer".to_owned()),
    });
    let body = answer.body.as_ref().and_then(Personal::known).cloned();
    Answer { status: answer.status, error, body: body.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;

    fn recorded(status: u16, body: &str, keeps_answer: bool) -> RunAnswer {
        let status = StatusCode::from_u16(status).unwrap();
        answer_of(Ok(Fetched { status, body: Bytes::copy_from_slice(body.as_bytes()) }), keeps_answer, (3, 1))
    }

    #[test]
    fn an_answer_is_kept_when_it_is_wanted_and_can_be() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        for (body, kept) in [
            (r#"{"plan": "gold"}"#, Some(json!({"plan": "gold"}))),
            ("7", Some(json!(7))),
            ("", Some(Value::Null)),
            (" \n", Some(Value::Null)),
            (&deep(MAX_DEPTH), Some(serde_json::from_str(&deep(MAX_DEPTH)).unwrap())),
            ("<html>", None),
            ("{} {}", None),
            ("NaN", None),
            (r#"{"a": [{"$personal": 1}]}"#, None),
            (r#"{"$sealed": "x"}"#, None),
            (&deep(MAX_DEPTH + 1), None),
            (&deep(1_000), None),
        ] {
            let answer = recorded(200, body, true);
            assert_eq!(answer.error.as_deref(), kept.is_none().then_some("not_json"), "{body}");
            assert_eq!(answer.body.as_ref().and_then(Personal::known), kept.as_ref(), "{body}");
        }
        let unwanted = recorded(200, "<html>", false);
        assert_eq!((unwanted.status, unwanted.error, unwanted.body), (Some(200), None, None));
        let failed = recorded(500, "<html>", true);
        assert_eq!((failed.status, failed.error, failed.body), (Some(500), None, None));
    }

    #[test]
    fn what_went_wrong_is_recorded_by_its_code() {
        let answer = answer_of(Err(Failure::TimedOut), true, (3, 2));
        assert_eq!((answer.number, answer.attempt, answer.status), (3, 2, None));
        assert_eq!(answer.error.as_deref(), Some("timeout"));
        assert_eq!(shown(&answer).error.unwrap().message, "the answer did not come in time");
    }

    #[test]
    fn a_request_says_what_it_is_and_headers_hold_one_line() {
        let request = turn::Request {
            method: turn::Method::Post,
            url: "https://example.com".to_owned(),
            headers: vec![("X-Key".to_owned(), "a".to_owned())],
            json: Some(json!({"a": 1})),
            time_us: 2_000_000,
            keeps_answer: true,
            attempt: 2,
        };
        let made = prepared(&request, "run_1/call/3").unwrap();
        assert_eq!((made.method, &made.body[..], made.time.as_secs()), (Method::POST, &br#"{"a":1}"#[..], 2));
        assert_eq!(made.headers["idempotency-key"], "run_1/call/3");
        assert_eq!(
            (&made.headers["content-type"], &made.headers["x-key"]),
            (&"application/json".parse().unwrap(), &"a".parse().unwrap())
        );
        let split = turn::Request { headers: vec![("X".to_owned(), "a\r\nHost: b".to_owned())], ..request };
        assert_eq!(prepared(&split, "k").unwrap_err(), Failure::Refused(Refusal::Header));
    }
}
