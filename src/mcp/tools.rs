//! An operation as an MCP tool.

use std::sync::Arc;

use aggregates::token::Scope;
use rmcp::model::{Tool, ToolAnnotations};

use crate::operations::{Effect, Facts, Operation};

/// The tool that lists show for an operation.
#[must_use]
pub fn describe(operation: &Operation) -> Tool {
    let facts = &operation.facts;
    Tool::new(facts.name, operation.description.clone(), Arc::clone(&operation.input_schema))
        .with_title(facts.title)
        .with_raw_output_schema(Arc::clone(&operation.output_schema))
        .with_annotations(annotations(facts))
}

/// All hints are stated: what a client assumes without them is pessimistic.
fn annotations(facts: &Facts) -> ToolAnnotations {
    ToolAnnotations::with_title(facts.title)
        .read_only(!facts.effect.writes())
        .destructive(matches!(facts.effect, Effect::Destructive | Effect::ReachesCustomers))
        .idempotent(is_idempotent(facts))
        .open_world(is_open_world(facts))
}

/// Claimed only where the REST method promises it, too; a sent message is never the same as none.
fn is_idempotent(facts: &Facts) -> bool {
    !facts.effect.writes() || (facts.effect != Effect::ReachesCustomers && matches!(facts.method, "PUT" | "DELETE"))
}

/// Whether words of customers come in or words go out to them.
fn is_open_world(facts: &Facts) -> bool {
    facts.effect == Effect::ReachesCustomers
        || matches!(
            facts.scope,
            Scope::ContactsRead | Scope::ContactsWrite | Scope::MessagesRead | Scope::MessagesSend | Scope::EventsRead
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(effect: Effect, method: &'static str, scope: Scope) -> [Option<bool>; 4] {
        let facts = Facts { name: "x", title: "X", scope, toolsets: &[], effect, method, path: "/x" };
        let hints = annotations(&facts);
        [hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint]
    }

    #[test]
    fn every_hint_is_stated_and_follows_the_effect() {
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(hints(Effect::Read, "GET", Scope::Admin), [yes, no, yes, no]);
        assert_eq!(hints(Effect::Read, "POST", Scope::MessagesRead), [yes, no, yes, yes]);
        assert_eq!(hints(Effect::Write, "POST", Scope::ContactsWrite), [no, no, no, yes]);
        assert_eq!(hints(Effect::Write, "PUT", Scope::Admin), [no, no, yes, no]);
        assert_eq!(hints(Effect::Destructive, "DELETE", Scope::Admin), [no, yes, yes, no]);
        assert_eq!(hints(Effect::ReachesCustomers, "PUT", Scope::MessagesSend), [no, yes, no, yes]);
    }
}
