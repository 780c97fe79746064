//! What a bridge remembers of the conversation it carries, so that another backend can go on with it: the handshake, what is
//! subscribed to, and the requests without an answer. Pure: lines in, lines out.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::envelope::{Envelope, Kind, REQUEST_ID, with_member};
use crate::problem::Problem;

/// How many backends may end during one request before it is answered with an error: it may be what ends them.
const MAX_TRIES: u32 = 3;
/// Ids of the bridge's own requests begin with this.
const OWN_ID: &str = "chatbotx/bridge/";
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// A request of the client that has no answer yet.
#[derive(Debug)]
struct Pending {
    order: u64,
    line: String,
    tries: u32,
    listens: bool,
    // Set when the client was told that its listening began, to these resources: it must not be told twice.
    acknowledged: Option<Vec<Value>>,
}

/// The state of one conversation.
#[derive(Debug, Default)]
pub struct Session {
    in_flight: BTreeMap<String, Pending>,
    sent: u64,
    initialize: Option<String>,
    initialized: Option<String>,
    log_level: Option<String>,
    subscriptions: BTreeMap<String, String>,
    // What a new backend is being subscribed to: the bridge's id -> the resource.
    again: BTreeMap<String, String>,
    missed: Vec<String>,
    // The backend's requests to the client, under ids that no other backend gave: bridge's number -> backend's id.
    asked: BTreeMap<u64, Value>,
    asked_count: u64,
}

impl Session {
    /// How many requests wait for an answer.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many of them end by themselves: not those that listen until they are told to stop.
    pub fn ending(&self) -> usize {
        self.in_flight.values().filter(|pending| !pending.listens).count()
    }

    /// Takes a message of the client; gives what is to be sent to the backend, now or, for a request, with the rest of
    /// [`Self::unanswered`] when there is a backend again.
    pub fn take_from_client(&mut self, line: String) -> Option<String> {
        let Some(envelope) = Envelope::read(&line) else { return Some(line) };
        match envelope.kind() {
            Kind::Request(id) => Some(self.request(id, &envelope, &line)),
            Kind::Notification => {
                match envelope.method() {
                    "notifications/initialized" => self.initialized = Some(line.clone()),
                    "notifications/cancelled" => {
                        if let Some(id) = envelope.id_param("requestId") {
                            self.in_flight.remove(&id);
                        }
                    }
                    _ => {}
                }
                Some(line)
            }
            // An answer to a backend that is gone is of no use to the next one.
            Kind::Response(id) => {
                let number = id.as_deref().and_then(own_number)?;
                Some(with_member(&line, &["id"], &self.asked.remove(&number)?))
            }
        }
    }

    /// Takes a message of the backend; gives what is to be sent to the client.
    pub fn take_from_backend(&mut self, line: String) -> Option<String> {
        let Some(envelope) = Envelope::read(&line) else {
            tracing::warn!("the backend said something that is no message");
            return None;
        };
        match envelope.kind() {
            Kind::Response(None) => Some(line),
            Kind::Response(Some(id)) => {
                if let Some(uri) = self.again.remove(&id) {
                    self.missed.push(update(&json!({ "uri": uri })));
                }
                // Without a pending request it answers one that was cancelled, or one of the bridge's own.
                let pending = self.in_flight.remove(&id)?;
                if !envelope.is_error() {
                    self.remember(pending.line);
                }
                Some(line)
            }
            Kind::Request(id) => {
                self.asked_count += 1;
                self.asked.insert(self.asked_count, serde_json::from_str(&id).unwrap_or(Value::Null));
                Some(with_member(&line, &["id"], &json!(own_id(self.asked_count))))
            }
            Kind::Notification => self.notification(&envelope, &line),
        }
    }

    /// The `initialize` request to begin with at a new backend, and the id that its answer is going to have. Nothing when the
    /// client has not finished one.
    pub fn handshake(&self) -> Option<(String, String)> {
        let id = json!(format!("{OWN_ID}initialize"));
        let line = self.initialize.as_ref()?;
        Some((with_member(line, &["id"], &id), id.to_string()))
    }

    /// What a new backend must hear after the handshake: the rest of the handshake, what the client is subscribed to, and every
    /// request without an answer, in their order. What was asked by the backend before is forgotten.
    pub fn unanswered(&mut self) -> Vec<String> {
        self.asked.clear();
        let mut lines: Vec<String> = self.initialize.as_ref().and(self.initialized.clone()).into_iter().collect();
        // The answers find no pending request and go nowhere.
        let own = |what: &str| json!(format!("{OWN_ID}again/{what}"));
        lines.extend(self.log_level.iter().map(|line| with_member(line, &["id"], &own("level"))));
        self.again.clear();
        for (uri, line) in &self.subscriptions {
            let id = own(uri);
            lines.push(with_member(line, &["id"], &id));
            self.again.insert(id.to_string(), uri.clone());
        }
        let mut pending: Vec<&mut Pending> = self.in_flight.values_mut().collect();
        pending.sort_by_key(|pending| pending.order);
        lines.extend(pending.into_iter().map(|pending| {
            pending.tries += 1;
            pending.line.clone()
        }));
        lines
    }

    /// What is to be said to the client besides: each resource that another backend follows from now on may have changed in between, when
    /// nobody followed it.
    pub fn take_missed_updates(&mut self) -> Vec<String> {
        std::mem::take(&mut self.missed)
    }

    /// Gives up the requests during which too many backends ended.
    pub fn give_up_on_dangerous(&mut self, problem: &Problem) -> Vec<String> {
        self.give_up(problem, |pending| pending.tries >= MAX_TRIES)
    }

    /// Answers every request with an error.
    pub fn give_up_on_all(&mut self, problem: &Problem) -> Vec<String> {
        self.give_up(problem, |_| true)
    }

    fn request(&mut self, id: String, envelope: &Envelope<'_>, line: &str) -> String {
        let line = match envelope.method() {
            "tools/call" if envelope.meta(REQUEST_ID).is_none() => {
                with_member(line, &["params", "_meta", REQUEST_ID], &json!(Uuid::new_v4()))
            }
            "resources/unsubscribe" => {
                if let Some(uri) = envelope.text_param("uri") {
                    self.subscriptions.remove(&uri);
                }
                line.to_owned()
            }
            _ => line.to_owned(),
        };
        self.sent += 1;
        let listens = envelope.method() == "subscriptions/listen";
        let pending = Pending { order: self.sent, line: line.clone(), tries: 0, listens, acknowledged: None };
        self.in_flight.insert(id, pending);
        line
    }

    /// Keeps what the backend agreed to and the next one has to be told.
    fn remember(&mut self, line: String) {
        let Some(envelope) = Envelope::read(&line) else { return };
        match envelope.method() {
            "initialize" => self.initialize = Some(line),
            "logging/setLevel" => self.log_level = Some(line),
            "resources/subscribe" => {
                if let Some(uri) = envelope.text_param("uri") {
                    self.subscriptions.insert(uri, line);
                }
            }
            _ => {}
        }
    }

    fn notification(&mut self, envelope: &Envelope<'_>, line: &str) -> Option<String> {
        match envelope.method() {
            "notifications/subscriptions/acknowledged" => {
                let id = envelope.meta(SUBSCRIPTION_ID)?;
                let Some(pending) = self.in_flight.get_mut(&id.to_string()) else { return Some(line.to_owned()) };
                if let Some(told) = &pending.acknowledged {
                    let params = |uri: &Value| json!({"uri": uri, "_meta": {SUBSCRIPTION_ID: id}});
                    self.missed.extend(told.iter().map(|uri| update(&params(uri))));
                    return None;
                }
                let said: Value = serde_json::from_str(line).unwrap_or_default();
                let accepted = &said["params"]["notifications"]["resourceSubscriptions"];
                pending.acknowledged = Some(accepted.as_array().cloned().unwrap_or_default());
                Some(line.to_owned())
            }
            "notifications/cancelled" => {
                let id = envelope.id_param("requestId")?;
                let (number, _) = self.asked.iter().find(|(_, asked)| asked.to_string() == id)?;
                Some(with_member(line, &["params", "requestId"], &json!(own_id(*number))))
            }
            _ => Some(line.to_owned()),
        }
    }

    fn give_up(&mut self, problem: &Problem, which: impl Fn(&Pending) -> bool) -> Vec<String> {
        let ids: Vec<String> =
            self.in_flight.iter().filter(|(_, pending)| which(pending)).map(|(id, _)| id.clone()).collect();
        ids.into_iter()
            .map(|id| {
                self.in_flight.remove(&id);
                error_answer(&serde_json::from_str(&id).unwrap_or(Value::Null), problem)
            })
            .collect()
    }
}

fn update(params: &Value) -> String {
    json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params}).to_string()
}

/// The answer to a line that is no message.
pub fn parse_error() -> String {
    json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "this line is not JSON"}}).to_string()
}

fn error_answer(id: &Value, problem: &Problem) -> String {
    let error = json!({ "code": -32603, "message": problem.message, "data": problem });
    json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()
}

fn own_id(number: u64) -> String {
    format!("{OWN_ID}{number}")
}

fn own_number(id: &str) -> Option<u64> {
    id.strip_prefix('"')?.strip_suffix('"')?.strip_prefix(OWN_ID)?.parse().ok()
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
