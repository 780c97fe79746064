//! An operation as an MCP tool.

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};

use crate::operations::{Facts, Operation, listed_schema};

/// The tool that lists show for an operation.
#[must_use]
pub fn describe(operation: &Operation) -> Tool {
    let facts = &operation.facts;
    let input = listed_schema::input(&operation.input_schema);
    let tool = Tool::new(facts.name, operation.description.clone(), Arc::new(input))
        .with_title(facts.title)
        .with_annotations(annotations(facts));
    match &operation.output_schema {
        Some(schema) => tool.with_raw_output_schema(Arc::new(listed_schema::output(schema))),
        None => tool,
    }
}

/// All hints are stated: what a client assumes without them is pessimistic.
fn annotations(facts: &Facts) -> ToolAnnotations {
    let hints = facts.annotations();
    ToolAnnotations::with_title(facts.title)
        .read_only(hints.read_only)
        .destructive(hints.destructive)
        .idempotent(hints.idempotent)
        .open_world(hints.open_world)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{Effect, all};

    #[test]
    fn every_tool_states_its_title_its_schemas_and_all_hints() {
        for operation in all().operations() {
            let tool = serde_json::to_value(describe(operation)).unwrap();
            let hints = &tool["annotations"];
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
                assert!(hints[hint].is_boolean(), "{} does not state {hint}", tool["name"]);
            }
            assert_eq!(hints["readOnlyHint"], !operation.facts.effect.writes());
            assert!(tool["title"].is_string() && hints["title"].is_string());
            assert_eq!(tool["inputSchema"]["type"], "object");
            let own_answer = operation.facts.effect != Effect::Any;
            assert_eq!(tool.get("outputSchema").map(|schema| schema["type"] == "object"), own_answer.then_some(true));
        }
    }
}
