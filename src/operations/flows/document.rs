//! How a call brings a flow document along: as an object or as YAML, exactly one of them.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use flows::finding::Finding;

use super::checked::refused;
use crate::problem::Problem;

/// A document.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct DocumentInput {
    /// The flow as an object; `get_flow_schema` tells its form. Give this or yaml.
    document: Option<Map<String, Value>>,
    /// The flow as YAML text. Give this or document.
    #[schemars(length(min = 1, max = 400_000))]
    yaml: Option<String>,
}

impl DocumentInput {
    /// The member of the call in which the document's name stands.
    pub(super) const fn place_of_name(&self) -> &'static str {
        if self.yaml.is_some() { "yaml" } else { "document.name" }
    }

    /// Whether neither is given.
    pub(super) fn is_missing(&self) -> bool {
        self.document.is_none() && self.yaml.is_none()
    }

    /// The document, or what is wrong with its YAML.
    ///
    /// # Errors
    /// `invalid_input` when none or both are given.
    pub(super) fn parse(&self) -> Result<Result<Value, Vec<Finding>>, Problem> {
        match (&self.document, &self.yaml) {
            (Some(document), None) => Ok(Ok(Value::Object(document.clone()))),
            (None, Some(text)) => Ok(flows::yaml::read(text)),
            _ => Err(Problem::invalid("document", "give either document (an object) or yaml (a text)")),
        }
    }

    /// The document, if it can be read at all.
    ///
    /// # Errors
    /// `invalid_input` when none or both are given, or the YAML cannot be read.
    pub(super) fn read(&self) -> Result<Value, Problem> {
        self.parse()?.map_err(|findings| refused("yaml", &findings))
    }
}
