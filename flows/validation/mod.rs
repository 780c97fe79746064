//! Whether a document makes sense in its workspace: everything that is wrong with it, at once.

use serde_json::Value;

use crate::catalog::Catalog;
use crate::finding::Finding;
use crate::form;

/// What there is to say about a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validation {
    /// What keeps it from being published.
    pub errors: Vec<Finding>,
    /// What is allowed and may be meant otherwise.
    pub warnings: Vec<Finding>,
}

/// Checks a document's form and meaning.
#[must_use]
pub fn validate(value: &Value, _catalog: &Catalog) -> Validation {
    Validation { errors: form::check(&form::canonical(value)), warnings: Vec::new() }
}
