//! The input of an operation as people type it, and the list of operations that they choose from.

use serde_json::{Map, Value, json};

use crate::operations::{Effect, Operation, Toolset, registry};
use crate::problem::Problem;

/// Adds members that were written as `key=value` to an input. Where the operation wants a text, the value is one; where it wants a
/// list, it is one of texts between commas; everything else is read as JSON, and is a text when it is none.
///
/// # Errors
/// `invalid_input` for what has no `=`.
pub fn add_members(operation: &str, members: &[String], input: &mut Map<String, Value>) -> Result<(), Problem> {
    // What is not known here is told by the call, with near misses.
    let known = registry::all().operations().iter().find(|known| known.facts.name == operation);
    for member in members {
        let Some((key, text)) = member.split_once('=') else {
            return Err(Problem::invalid("KEY=VALUE", "a member of the input is written as key=value")
                .value(member.as_str())
                .hint("for example: chatbotx call list_contacts query=ana; or give the input with --json"));
        };
        let schema = known.and_then(|known| known.input_schema.get("properties")?.get(key));
        input.insert(key.to_owned(), value(schema, text));
    }
    Ok(())
}

fn value(schema: Option<&Value>, text: &str) -> Value {
    let json = || serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    match schema.and_then(|schema| schema.get("type")?.as_str()) {
        Some("string") => Value::from(text),
        Some("array") if !text.trim_start().starts_with('[') => {
            let items = schema.and_then(|schema| schema.get("items"));
            text.split(',').map(|item| value(items, item.trim())).collect()
        }
        _ => json(),
    }
}

/// Every operation, by toolset: name, effect, and the first sentence of its description.
#[must_use]
pub fn operations() -> Value {
    use strum::VariantArray;
    let toolsets = Toolset::VARIANTS.iter().map(|toolset| {
        let of_it = |operation: &&Operation| operation.facts.toolsets.contains(toolset);
        let listed: Vec<Value> = registry::all().operations().iter().filter(of_it).map(listed).collect();
        json!({ "name": <&'static str>::from(*toolset), "operations": listed })
    });
    json!({ "toolsets": toolsets.collect::<Vec<_>>() })
}

fn listed(operation: &Operation) -> Value {
    let effect = match operation.facts.effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Destructive => "destructive",
        Effect::ReachesCustomers => "reaches customers",
    };
    let first = operation.description.split_inclusive(". ").next().unwrap_or_default().trim();
    json!({ "name": operation.facts.name, "effect": effect, "description": first })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(operation: &str, members: &[&str]) -> Value {
        let members: Vec<String> = members.iter().map(|member| (*member).to_owned()).collect();
        let mut input = Map::new();
        add_members(operation, &members, &mut input).unwrap();
        Value::Object(input)
    }

    #[test]
    fn a_member_is_read_as_the_operation_wants_it() {
        assert_eq!(
            read("list_contacts", &["query=007", "limit=5", "withCount=true"]),
            json!({"query": "007", "limit": 5, "withCount": true})
        );
        assert_eq!(
            read("add_contact_tags", &["contactId=email:a=b@example.org", "tags=VIP, late order"]),
            json!({"contactId": "email:a=b@example.org", "tags": ["VIP", "late order"]})
        );
        assert_eq!(read("add_contact_tags", &[r#"tags=["a,b"]"#]), json!({"tags": ["a,b"]}));
        // What the operation does not have is refused by the call.
        assert_eq!(read("list_contacts", &["colour=red"]), json!({"colour": "red"}));
        assert_eq!(read("no_such", &["a=1", "b=x"]), json!({"a": 1, "b": "x"}));
    }

    #[test]
    fn a_member_without_a_value_is_refused() {
        let refused = add_members("list_contacts", &["query".to_owned()], &mut Map::new()).unwrap_err();
        assert_eq!(refused.value, Some(json!("query")));
    }

    #[test]
    fn every_operation_is_listed_with_its_effect() {
        let listed = operations();
        let names: std::collections::BTreeSet<&str> = listed["toolsets"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|toolset| toolset["operations"].as_array().unwrap())
            .inspect(|operation| assert!(operation["effect"].is_string() && operation["description"].is_string()))
            .filter_map(|operation| operation["name"].as_str())
            .collect();
        assert_eq!(names.len(), registry::all().operations().len());
    }
}
