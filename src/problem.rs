//! The one error that leaves the program: what was wrong, with which value, and what to do next, in every door's form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of problem it is. The names are public: callers branch on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Code {
    /// The call itself is wrong: repeat it otherwise.
    InvalidInput,
    /// What was named is not there, or not in this workspace.
    NotFound,
    /// Several things fit what was named.
    Ambiguous,
    /// Something else holds what is wanted, or it changed in between.
    Conflict,
    /// The token may not do this, or nobody may while something stands in the way, such as a block.
    Forbidden,
    /// The channel's time for free messages is over.
    WindowClosed,
    /// The contact does not want messages.
    OptedOut,
    /// A person has to agree first.
    ApprovalRequired,
    /// Too many calls.
    RateLimited,
    /// The same idempotency key came with another input.
    IdempotencyKeyReused,
    /// The first call with this key is still running.
    InProgress,
    /// For now it cannot be done; the same call may be repeated.
    Unavailable,
    /// Our fault. The log has the details.
    Internal,
}

impl Code {
    /// The public name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidInput | Self::Ambiguous => 400,
            Self::Forbidden | Self::WindowClosed | Self::OptedOut | Self::ApprovalRequired => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::IdempotencyKeyReused | Self::InProgress => 409,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

/// Something close to what was meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Its id, to be used in the next call.
    pub id: String,
    /// Its name. Untrusted when a customer chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why it came close.
    pub reason: String,
}

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct Problem {
    /// What kind of problem it is.
    pub code: Code,
    /// What was wrong. Never holds a customer's words or a secret.
    pub message: String,
    /// The input's member, as the caller wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The member's value, cut to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What may have been meant, at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// When to try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Problem {
    /// A problem of `code`; `message` is a sentence for the caller.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            value: None,
            hint: None,
            candidates: Vec::new(),
            retry_after_ms: None,
        }
    }

    /// The input's member `field` is wrong.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Code::InvalidInput, message).field(field)
    }

    /// Our fault: logs `cause` once, tells the caller nothing of it.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "a call failed for a reason that is not the caller's");
        Self::new(Code::Internal, "the server failed to carry this out; its log says why")
    }

    /// For now it cannot be done: logs `cause` once, tells the caller to come back.
    pub fn unavailable(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "a call cannot be carried out for now");
        Self::new(Code::Unavailable, "the server cannot carry this out for now; the same call may be repeated")
            .retry_after_ms(1_000)
    }

    /// Names the input's member.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Shows the value that the caller gave, cut to 100 characters.
    #[must_use]
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(match value.into() {
            Value::String(text) if text.chars().count() > 100 => {
                Value::String(text.chars().take(99).chain(std::iter::once('…')).collect())
            }
            Value::Array(_) | Value::Object(_) => Value::String("…".to_owned()),
            other => other,
        });
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Lists what may have been meant; keeps the first 5.
    #[must_use]
    pub fn candidates(mut self, candidates: impl IntoIterator<Item = Candidate>) -> Self {
        self.candidates = candidates.into_iter().take(5).collect();
        self
    }

    /// Says when to try again.
    #[must_use]
    pub const fn retry_after_ms(mut self, delay_ms: u64) -> Self {
        self.retry_after_ms = Some(delay_ms);
        self
    }
}

impl From<projections::database::Error> for Problem {
    fn from(error: projections::database::Error) -> Self {
        Self::unavailable(&error)
    }
}
