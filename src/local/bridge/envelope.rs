//! As much of a JSON-RPC message as a bridge has to understand. Everything else stays the bytes that it came as: a bridge must not
//! change a number or the order of members.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The member of `params._meta` that names a tool call: repeated under the same name, a mutation has one effect.
pub const REQUEST_ID: &str = "chatbotx/requestId";

/// The members that every message may have.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// What a message is.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asks for an answer under this id.
    Request(String),
    /// It asks for nothing.
    Notification,
    /// It answers the request of this id; an error may answer nothing in particular.
    Response(Option<String>),
}

impl<'a> Envelope<'a> {
    /// Reads a message; nothing when it is none.
    pub fn read(line: &'a str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// What the message is. Ids that are written differently and mean the same are the same.
    pub fn kind(&self) -> Kind {
        let id = self.id.map(|id| canonical(id.get()));
        match (&self.method, id) {
            (Some(_), Some(id)) => Kind::Request(id),
            (Some(_), None) => Kind::Notification,
            (None, id) => Kind::Response(id),
        }
    }

    /// The method; empty for a response.
    pub fn method(&self) -> &str {
        self.method.as_deref().unwrap_or_default()
    }

    /// Whether a response says that the request failed.
    pub fn is_error(&self) -> bool {
        self.error.is_some()
    }

    /// A member of the params as text, such as a URI; nothing when it is no text.
    pub fn text_param(&self, name: &str) -> Option<String> {
        match self.param(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A member of the params in the form in which ids are compared.
    pub fn id_param(&self, name: &str) -> Option<String> {
        self.param(name).map(|id| id.to_string())
    }

    /// A member of `params._meta`.
    pub fn meta(&self, name: &str) -> Option<Value> {
        let params: BTreeMap<String, &RawValue> = serde_json::from_str(self.params?.get()).ok()?;
        let meta: BTreeMap<String, &RawValue> = serde_json::from_str(params.get("_meta")?.get()).ok()?;
        serde_json::from_str(meta.get(name)?.get()).ok()
    }

    /// The revision that the answer to `initialize` agrees to.
    pub fn agreed_version(&self) -> Option<String> {
        let result: BTreeMap<String, &RawValue> = serde_json::from_str(self.result?.get()).ok()?;
        serde_json::from_str(result.get("protocolVersion")?.get()).ok()
    }

    fn param(&self, name: &str) -> Option<Value> {
        let params: BTreeMap<String, &RawValue> = serde_json::from_str(self.params?.get()).ok()?;
        serde_json::from_str(params.get(name)?.get()).ok()
    }
}

/// The messages of a line: one, or those of a batch, which revision 2025-03-26 allows. Nothing when the line is no JSON, or
/// something else than an object is among them.
pub fn messages(line: &str) -> Option<Vec<String>> {
    let messages: Vec<&RawValue> = if line.trim_start().starts_with('[') {
        serde_json::from_str(line).ok()?
    } else {
        vec![serde_json::from_str(line).ok()?]
    };
    let objects = messages.iter().all(|message| message.get().starts_with('{'));
    objects.then(|| messages.into_iter().map(|message| message.get().to_owned()).collect())
}

/// The message with the member at `path` set to `value`, every other one left as it is. A member on the way that is no object is
/// left alone, and so is the message: its receiver refuses it.
pub fn with_member(line: &str, path: &[&str], value: &Value) -> String {
    replaced(line, path, value).unwrap_or_else(|| line.to_owned())
}

fn replaced(object: &str, path: &[&str], value: &Value) -> Option<String> {
    let (name, rest) = path.split_first()?;
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(object).ok()?;
    let member = if rest.is_empty() {
        value.to_string()
    } else {
        replaced(members.get(*name).map_or("{}", |member| member.get()), rest, value)?
    };
    members.insert((*name).to_owned(), RawValue::from_string(member).ok()?);
    serde_json::to_string(&members).ok()
}

fn canonical(id: &str) -> String {
    serde_json::from_str::<Value>(id).map_or_else(|_| id.to_owned(), |id| id.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_told_apart() {
        for (line, kind) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Kind::Request("1".into())),
            (r#"{"jsonrpc":"2.0","id":"\u0061","method":"ping"}"#, Kind::Request("\"a\"".into())),
            (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, Kind::Notification),
            (r#"{"jsonrpc":"2.0","id":"a","result":{}}"#, Kind::Response(Some("\"a\"".into()))),
            (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":""}}"#, Kind::Response(None)),
        ] {
            assert_eq!(Envelope::read(line).unwrap().kind(), kind, "{line}");
        }
    }

    #[test]
    fn setting_a_member_leaves_the_bytes_of_the_others() {
        let line = r#"{"params":{"arguments":{"z":1.0,"a":123456789012345678901234567890},"name":"x"},"id":1}"#;
        let set = with_member(line, &["params", "_meta", REQUEST_ID], &json!("r1"));
        assert!(set.contains(r#""arguments":{"z":1.0,"a":123456789012345678901234567890}"#), "{set}");
        assert_eq!(Envelope::read(&set).unwrap().meta(REQUEST_ID), Some(json!("r1")));
        let with_meta = r#"{"params":{"_meta":{"progressToken":7}}}"#;
        let set = with_member(with_meta, &["params", "_meta", REQUEST_ID], &json!("r1"));
        assert_eq!(Envelope::read(&set).unwrap().meta("progressToken"), Some(json!(7)));
        assert_eq!(with_member(r#"{"params":3}"#, &["params", "_meta", "x"], &json!(1)), r#"{"params":3}"#);
    }

    #[test]
    fn a_batch_is_its_messages() {
        assert_eq!(messages(r#" [{"id":1},{"id":2}]"#).unwrap(), [r#"{"id":1}"#, r#"{"id":2}"#]);
        assert_eq!(messages(r#"{"id":1}"#).unwrap(), [r#"{"id":1}"#]);
        for broken in ["{", "3", r#"[{"id":1},2]"#, ""] {
            assert_eq!(messages(broken), None, "{broken}");
        }
    }
}
