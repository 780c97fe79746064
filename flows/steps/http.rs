//! `http`: asks a server elsewhere, and goes on by what comes of it.
//!
//! The step says what to ask; whoever carries the flow out asks it, under its guard, and records the outcome before the step sees it. When
//! nobody knows whether a request was made, because the process that was about to make it is gone, only one that is safe to repeat is made
//! again: a GET, or what the step calls `repeatable` because the server knows repeats by their Idempotency-Key. Everything else goes on as
//! failed: an order that may have been placed must not be placed twice, and the flow can ask the server, or a person.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Act, Here, filled, filled_url, filled_value, not_waiting};
use crate::finding::{Code, member};
use crate::mentions::{Given, Mention, Mentions};
use crate::terms::{AnyValue, Duration, StepName};
use crate::turn::{Answer, Effect, FieldOperation, Method, Next, Request, Resumption, Scene, Target, Turn, Waiting};

/// How long an answer is waited for at most, and when the document does not say, in microseconds.
const MAX_TIMEOUT_US: i64 = 30_000_000;
const USUAL_TIMEOUT_US: i64 = 10_000_000;
/// How often a request is made at most whose outcome is not known.
const MAX_ATTEMPTS: u32 = 3;
/// The variable of the run that says what went wrong.
const ERROR: &str = "error";
/// What the program says itself.
const OWN_HEADERS: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "idempotency-key",
];

/// Asks a server of the public internet, or one that the operator allows. At onError {{ run.error.code }} and {{ run.error.message }} say why.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "http")]
pub struct Http {
    /// GET when missing, or POST with json.
    method: Option<Method>,
    /// The address. What templates put into it is percent-encoded, but for one at its beginning.
    #[schemars(length(min = 1, max = 4096))]
    url: String,
    /// Headers; their values may be templates.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 20, "propertyNames" = {"pattern": "^[A-Za-z0-9-]{1,64}$"}), inner(length(max = 4096)))]
    headers: BTreeMap<String, String>,
    /// What is sent. Texts may be templates; one that is a template alone keeps its type.
    json: Option<AnyValue>,
    /// The variable of the run that gets the answer, as in run.reply: JSON, or nothing.
    save_to: Option<Target>,
    /// At most 30s; 10s when missing.
    timeout: Option<Duration>,
    /// Whether to ask again when nobody knows whether it was asked; when missing, for GET.
    repeatable: Option<bool>,
    /// Where to go on without an answer, or at status 400 and more; without it, the run fails.
    on_error: Option<StepName>,
}

impl Http {
    const fn method(&self) -> Method {
        match (self.method, &self.json) {
            (Some(method), _) => method,
            (None, Some(_)) => Method::Post,
            (None, None) => Method::Get,
        }
    }

    fn may_repeat(&self) -> bool {
        self.repeatable.unwrap_or_else(|| self.method() == Method::Get)
    }

    fn ask(&self, attempt: u32, scene: &Scene<'_>) -> Result<Turn, Next> {
        let header = |(name, value): (&String, &String)| Ok((name.clone(), filled(value, scene)?.trim().to_owned()));
        let request = Request {
            method: self.method(),
            url: filled_url(&self.url, scene)?,
            headers: self.headers.iter().map(header).collect::<Result<_, Next>>()?,
            json: self.json.as_ref().map(|json| filled_value(&json.0, scene)).transpose()?,
            time_us: self.timeout.map_or(USUAL_TIMEOUT_US, |timeout| timeout.0),
            keeps_answer: self.save_to.is_some(),
            attempt,
        };
        Ok(Turn { effects: Vec::new(), next: Next::Request(request) })
    }

    fn went_well(&self, here: Here<'_>, answer: &Answer, scene: &Scene<'_>) -> Turn {
        let mut effects = Vec::new();
        if let Some(target) = &self.save_to {
            effects.push(put(target.clone(), FieldOperation::Set, answer.body.clone()));
        }
        // What went wrong before is no longer so.
        if scene.words.get("run").and_then(|run| run.get(ERROR)).is_some() {
            effects.push(put(Target::Variable(ERROR.to_owned()), FieldOperation::Clear, Value::Null));
        }
        Turn { effects, next: here.go_on() }
    }

    fn went_wrong(&self, here: Here<'_>, answer: &Answer) -> Turn {
        let status = answer.status.filter(|_| answer.error.is_none());
        let code = answer.error.as_ref().map_or("status", |error| error.code.as_str());
        let message = match (&answer.error, status) {
            (Some(error), _) => error.message.clone(),
            (None, status) => format!("the server answered with the status {}", status.unwrap_or_default()),
        };
        let Some(step) = &self.on_error else {
            let reason = format!("the request of the step {} failed: {message}", here.name);
            return Turn { effects: Vec::new(), next: Next::Fail { code: "request_failed", reason } };
        };
        let mut error = Map::from_iter([("step".to_owned(), json!(here.name)), ("code".to_owned(), json!(code))]);
        error.extend(answer.status.map(|status| ("status".to_owned(), json!(status))));
        error.insert("message".to_owned(), json!(message));
        let effect = put(Target::Variable(ERROR.to_owned()), FieldOperation::Set, error.into());
        Turn { effects: vec![effect], next: here.go_to(Some(step)) }
    }
}

fn put(target: Target, operation: FieldOperation, value: Value) -> Effect {
    Effect::Put { target, operation, value, typed_by_customer: false }
}

impl Act for Http {
    fn mentions<'s>(&'s self, seen: &mut Mentions<'s>) {
        seen.add("url", Mention::Template(&self.url));
        if let Some(fault) = fault_of_url(&self.url) {
            seen.fault("url", Code::InvalidForm, fault, Some("for example https://example.com/hook"));
        }
        for (name, value) in &self.headers {
            let place = member("headers", name);
            if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) || name.to_lowercase().starts_with("proxy-")
            {
                seen.fault(&place, Code::InvalidForm, "the program says this itself", Some("leave it out"));
            }
            seen.add(&place, Mention::Template(value));
        }
        if let Some(AnyValue(value)) = &self.json {
            if self.method() == Method::Get {
                seen.fault("json", Code::InvalidForm, "GET sends nothing along", Some("take the method POST"));
            }
            seen.add("json", Mention::Values(value));
        }
        match &self.save_to {
            Some(target @ Target::Variable(_)) => {
                seen.add("saveTo", Mention::Put { target, operation: FieldOperation::Set, given: Given::Nothing });
            }
            Some(_) => {
                let hint = "save it to run.reply, and put parts of it elsewhere with setField";
                seen.fault("saveTo", Code::WrongType, "an answer is saved in a variable of the run", Some(hint));
            }
            None => {}
        }
        if let Some(timeout) = self.timeout {
            seen.add("timeout", Mention::Duration(timeout, MAX_TIMEOUT_US));
        }
        seen.step("onError", self.on_error.as_ref());
        seen.add("onError", Mention::Variable(ERROR));
    }

    fn enter(&self, _: Here<'_>, scene: &Scene<'_>) -> Result<Turn, Next> {
        self.ask(1, scene)
    }

    fn resume(&self, here: Here<'_>, waiting: &Waiting, by: &Resumption, scene: &Scene<'_>) -> Result<Turn, Next> {
        let Resumption::Answer(answer) = by else { return Err(not_waiting(here)) };
        let is_unknown = answer.error.as_ref().is_some_and(|error| error.code == aggregates::flow_run::UNKNOWN);
        if is_unknown && self.may_repeat() && waiting.attempt < MAX_ATTEMPTS {
            return self.ask(waiting.attempt.saturating_add(1), scene);
        }
        let is_good = answer.error.is_none() && answer.status.is_some_and(|status| status < 400);
        Ok(if is_good { self.went_well(here, answer, scene) } else { self.went_wrong(here, answer) })
    }
}

/// What is wrong with an address as far as it is written out; the rest is for the guard, when it is known.
fn fault_of_url(url: &str) -> Option<&'static str> {
    let lower = url.to_lowercase();
    let begins = lower.starts_with("http://") || lower.starts_with("https://") || lower.starts_with("{{");
    if !begins || url.contains(|letter: char| letter.is_control()) {
        return Some("an address begins with https:// or http://, or with a template that gives it");
    }
    let host = lower.split("//").nth(1).unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
    (host.contains('@') && !host.contains("{{"))
        .then_some("an address must not hold a name or a password; send them in a header")
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
