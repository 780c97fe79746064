//! Personal data, marked as such in the types, so that the log can seal it and no log line can print it.
//!
//! In JSON a value is `{"$personal": …}`. The event log replaces that object with a sealed one before it stores the event and
//! puts it back when it reads; when the person's key is gone the value reads as [`Personal::Erased`], never as an error.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The member under which a personal value stands in JSON, in clear. Stored form: never edited.
pub const PERSONAL_MEMBER: &str = "$personal";
/// The member that stands where the value's key was deleted. Stored form: never edited.
pub const ERASED_MEMBER: &str = "$erased";

/// A value about a person, or the trace that there was one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Personal<T> {
    /// The value.
    #[serde(rename = "$personal")]
    Known(T),
    /// The person was forgotten: the value cannot be read any more.
    #[serde(rename = "$erased")]
    Erased(bool),
}

impl<T> Personal<T> {
    /// The value, unless it was erased.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Erased(_) => None,
        }
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

/// Never prints the value: personal data does not belong into logs.
impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Known(_) => "Personal(…)",
            Self::Erased(_) => "Personal(erased)",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_stands_in_json_under_the_member_that_the_log_seals() {
        let known = Personal::Known("Ana".to_owned());
        assert_eq!(serde_json::to_value(&known).expect("a JSON form"), json!({ PERSONAL_MEMBER: "Ana" }));
        let erased: Personal<String> = serde_json::from_value(json!({ ERASED_MEMBER: true })).expect("a stored form");
        assert_eq!((erased.known(), known.known().map(String::as_str)), (None, Some("Ana")));
    }
}
