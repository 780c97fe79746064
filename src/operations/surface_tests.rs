//! Rules that hold for every operation, whoever adds one.

use serde_json::{Map, Value};

use super::operation::{Effect, Toolset};
use super::registry::all;

/// Visits a schema and all schemas within it.
fn visit(schema: &Value, place: &str, look: &mut impl FnMut(&Map<String, Value>, &str)) {
    let Value::Object(members) = schema else { return };
    look(members, place);
    if let Some(Value::Object(properties)) = members.get("properties") {
        properties.iter().for_each(|(name, inner)| visit(inner, &format!("{place}.{name}"), look));
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = members.get(inner) {
            visit(inner, &format!("{place}[]"), look);
        }
    }
    for union in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(choices)) = members.get(union) {
            choices.iter().for_each(|inner| visit(inner, &format!("{place}.{union}"), look));
        }
    }
}

fn both_schemas(mut look: impl FnMut(&Map<String, Value>, &str)) {
    for operation in all().operations() {
        let output = operation.output_schema.iter().map(|schema| ("output", schema));
        for (kind, schema) in std::iter::once(("input", &operation.input_schema)).chain(output) {
            let place = format!("{} {kind}", operation.facts.name);
            visit(&Value::Object((**schema).clone()), &place, &mut look);
        }
    }
}

#[test]
fn schemas_are_in_the_portable_subset() {
    both_schemas(|schema, place| {
        assert!(!matches!(schema.get("type"), Some(Value::Array(_))), "a type array at {place}");
        for refused in ["anyOf", "oneOf", "allOf", "$ref", "$defs", "$schema", "const", "default"] {
            assert!(!schema.contains_key(refused), "{refused} at {place}");
        }
        assert!(!matches!(schema.get("title"), Some(Value::String(_))), "a title at {place}");
    });
    for operation in all().operations() {
        assert_eq!(operation.input_schema["type"], "object", "{operation:?}");
        let output = operation.output_schema.as_ref().map(|schema| schema["type"] == "object");
        assert_eq!(output, (operation.facts.effect != Effect::Any).then_some(true), "{operation:?}");
    }
}

#[test]
fn inputs_refuse_unknown_members_and_describe_the_known_ones() {
    for operation in all().operations() {
        let schema = Value::Object((*operation.input_schema).clone());
        visit(&schema, operation.facts.name, &mut |schema, place| {
            if schema.get("type").is_some_and(|kind| kind == "object") && schema.contains_key("properties") {
                assert_eq!(schema.get("additionalProperties"), Some(&Value::Bool(false)), "{place}");
            }
            for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let described = property.get("description").and_then(Value::as_str).is_some_and(|text| text.len() > 10);
                assert!(described, "{place}.{name} has no description");
            }
            let bounded =
                |limit: &str, kind: &str| schema.get("type").is_none_or(|t| t != kind) || schema.contains_key(limit);
            assert!(bounded("maxItems", "array"), "{place} has no maxItems");
            let fixed = schema.contains_key("enum") || schema.contains_key("pattern");
            assert!(fixed || bounded("maxLength", "string"), "{place} has no maxLength");
        });
    }
}

#[test]
fn names_and_descriptions_keep_to_their_budgets() {
    for operation in all().operations() {
        let facts = operation.facts;
        assert!(facts.name.len() <= 40, "{}", facts.name);
        assert!(facts.name.chars().all(|letter| letter.is_ascii_lowercase() || "_0123456789".contains(letter)));
        assert!(
            (40..2_000).contains(&operation.description.chars().count()),
            "{}: {}",
            facts.name,
            operation.description
        );
        assert!(!facts.toolsets.is_empty(), "{} is in no toolset", facts.name);
        assert!(facts.path.starts_with("/v1/"), "{}", facts.path);
    }
}

#[test]
fn no_two_operations_share_a_name_or_a_route() {
    let mut seen = std::collections::BTreeSet::new();
    for operation in all().operations() {
        assert!(seen.insert(operation.facts.name.to_owned()), "{}", operation.facts.name);
        assert!(
            seen.insert(format!("{} {}", operation.facts.method, operation.facts.path)),
            "{}",
            operation.facts.path
        );
    }
}

#[test]
fn whatever_writes_needs_a_scope_takes_a_key_and_can_be_tried_dry() {
    // What calls another operation gives these to that one.
    for operation in all().operations().iter().filter(|operation| operation.facts.effect != Effect::Any) {
        let properties = operation.input_schema["properties"].as_object().expect("an object");
        let writes = operation.facts.effect != Effect::Read;
        assert_eq!(properties.contains_key("idempotencyKey"), writes, "{operation:?}");
        assert_eq!(properties.contains_key("dryRun"), writes, "{operation:?}");
        assert!(!writes || operation.facts.scope.is_some(), "{operation:?}");
        // A read that is handed a document needs a body.
        let reads_by_get = !writes && !properties.contains_key("document");
        assert_eq!(operation.facts.method == "GET", reads_by_get, "{operation:?}");
    }
}

/// What is listed when nothing is chosen.
const CORE: [&str; 20] = [
    "get_workspace",
    "list_contacts",
    "create_contact",
    "upsert_contact",
    "get_contact",
    "add_contact_tags",
    "remove_contact_tags",
    "list_contact_custom_fields",
    "set_contact_custom_field",
    "send_message",
    "send_contact_flow",
    "list_flows",
    "list_channels",
    "list_conversations",
    "list_contact_messages",
    "search_messages",
    "wait_for_events",
    "get_message_status",
    "search_tools",
    "call_tool",
];

#[test]
fn the_core_is_what_was_promised() {
    let listed = all().operations().iter().filter(|operation| operation.facts.toolsets.contains(&Toolset::Core));
    let mut listed: Vec<&str> = listed.map(|operation| operation.facts.name).collect();
    let mut promised: Vec<&str> = CORE.into_iter().filter(|name| all().get(name).is_ok()).collect();
    listed.sort_unstable();
    promised.sort_unstable();
    assert_eq!(listed, promised);
    // Nothing but flows may still be missing.
    assert!(CORE.iter().all(|name| promised.contains(name) || name.contains("flow")), "{promised:?}");
}

#[test]
fn no_toolset_lists_more_than_hosts_take() {
    use strum::VariantArray;
    for toolset in Toolset::VARIANTS {
        let listed = all().operations().iter().filter(|operation| operation.facts.toolsets.contains(toolset)).count();
        let most = if *toolset == Toolset::Core { 20 } else { 40 };
        assert!(listed <= most, "{toolset:?} lists {listed}");
    }
}
