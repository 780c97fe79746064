//! A flow's document as it is stored: JSON that keeps the order in which it was written, shared instead of copied.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A document. Two are equal when they were written alike: the order of steps counts.
#[derive(Clone)]
pub struct FlowDocument(Arc<Value>);

impl FlowDocument {
    /// Its JSON.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Its name, without blanks around it; empty when it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.get("name").and_then(Value::as_str).unwrap_or_default().trim()
    }

    /// Its JSON as text, in the order in which it was written.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

impl From<Value> for FlowDocument {
    fn from(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl PartialEq for FlowDocument {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.text() == other.text()
    }
}

/// Prints the name alone: documents are long.
impl fmt::Debug for FlowDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FlowDocument({:?})", self.name())
    }
}

impl Serialize for FlowDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FlowDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_keeps_the_order_of_its_steps_and_counts_it() {
        let read = |text: &str| -> FlowDocument { serde_json::from_str(text).expect("JSON") };
        let document = read(r#"{"name":" Hi ","steps":{"b":1,"a":2}}"#);
        assert_eq!(document.text(), r#"{"name":" Hi ","steps":{"b":1,"a":2}}"#);
        assert_eq!((document.name(), format!("{document:?}")), ("Hi", "FlowDocument(\"Hi\")".to_owned()));
        assert_ne!(document, read(r#"{"name":" Hi ","steps":{"a":2,"b":1}}"#));
        assert_eq!(document, document.clone());
    }
}
