//! What a client may offer while somebody fills in a prompt or the id of a resource: looked up by the lists that the caller may use.

use rmcp::ErrorData;
use rmcp::RoleServer;
use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference};
use rmcp::service::RequestContext;
use serde_json::{Map, Value, json};

use super::{Handler, prompts, resources};
use crate::operations::{CallOptions, registry};
use crate::problem::Code;

/// As many as a person looks at.
const VALUES_MAX: usize = 20;
/// Longer than any name or address that is searched for.
const TYPED_MAX: usize = 200;

/// What is being filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sought {
    /// A reference to a contact, such as `email:ana@example.org`.
    Contact,
    ContactId,
    ConversationId,
    FlowId,
    Channel,
    /// Words of the person's own: nothing is proposed.
    Words,
}

impl Handler {
    /// Values that begin with what was typed, or belong to a noun that was meant by it.
    ///
    /// # Errors
    /// A prompt, template or argument that there is not; a lookup that failed.
    pub(super) async fn completion(
        &self,
        request: CompleteRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let access = self.access(context)?;
        let sought = sought(&access.caller, &request)
            .ok_or_else(|| ErrorData::invalid_params("there is no such prompt, template or argument", None))?;
        let typed: String = request.argument.value.chars().take(TYPED_MAX).collect();
        let values = match lookup(sought, &typed) {
            None => known(sought, &typed),
            Some((name, arguments)) => {
                let Ok(operation) = registry::all().get(name) else { return Ok(CompleteResult::default()) };
                let found = self.carry_out(operation, access, CallOptions::default(), arguments, &context.ct).await;
                match found {
                    Ok(found) => values(sought, &typed, &found),
                    // Whoever may not list it is offered nothing.
                    Err(problem) if matches!(problem.code, Code::Forbidden | Code::InvalidInput) => Vec::new(),
                    Err(problem) => {
                        return Err(ErrorData::internal_error(
                            problem.message.clone(),
                            serde_json::to_value(problem).ok(),
                        ));
                    }
                }
            }
        };
        let more = values.len() >= VALUES_MAX;
        let info = CompletionInfo::with_pagination(values, None, more);
        info.map(CompleteResult::new).map_err(|error| ErrorData::internal_error(error, None))
    }
}

fn sought(caller: &crate::app::Caller, request: &CompleteRequestParams) -> Option<Sought> {
    let argument = request.argument.name.as_str();
    match &request.r#ref {
        Reference::Prompt(prompt) => match argument {
            _ if !prompts::has_argument(caller, &prompt.name, argument) => None,
            "contact" => Some(Sought::Contact),
            "channel" => Some(Sought::Channel),
            _ => Some(Sought::Words),
        },
        Reference::Resource(template) if argument == "id" => {
            let mut templates = resources::templates(caller).into_iter();
            match templates.find(|one| one.uri_template == template.uri)?.name.as_str() {
                "contact" => Some(Sought::ContactId),
                "conversation" => Some(Sought::ConversationId),
                "flow" => Some(Sought::FlowId),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The list to look in.
fn lookup(sought: Sought, typed: &str) -> Option<(&'static str, Map<String, Value>)> {
    let mut arguments = Map::from_iter([("limit".to_owned(), json!(VALUES_MAX))]);
    let words = typed.split_once(':').map_or(typed, |(_, words)| words).trim();
    // An id is part of no name.
    let is_id = ["contact_", "conv_"].iter().any(|prefix| words.starts_with(prefix));
    if !is_id && !words.is_empty() {
        arguments.insert("query".to_owned(), json!(words));
    }
    match sought {
        Sought::Contact | Sought::ContactId => Some(("list_contacts", arguments)),
        Sought::ConversationId => Some(("list_conversations", arguments)),
        Sought::FlowId => Some(("list_flows", Map::from_iter([("limit".to_owned(), json!(100))]))),
        Sought::Channel | Sought::Words => None,
    }
}

fn known(sought: Sought, typed: &str) -> Vec<String> {
    let channels = match sought {
        Sought::Channel => registry::all().get("list_conversations").ok(),
        _ => None,
    };
    let channels = channels.and_then(|operation| operation.input_schema["properties"]["channel"]["enum"].as_array());
    let names = channels.into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| name.starts_with(typed)).map(str::to_owned).collect()
}

fn values(sought: Sought, typed: &str, found: &Value) -> Vec<String> {
    let items = found["items"].as_array().into_iter().flatten();
    let id = |item: &Value| item["id"].as_str().map(str::to_owned);
    let values = items.filter_map(|item| match sought {
        Sought::Contact => contact_references(item).find(|value| value.starts_with(typed)).or_else(|| {
            // What was typed is part of a name.
            (!typed.contains(':')).then(|| contact_references(item).next()).flatten()
        }),
        Sought::FlowId => {
            let name = item["name"].as_str().unwrap_or_default().to_lowercase();
            id(item).filter(|id| id.starts_with(typed) || name.contains(&typed.to_lowercase()))
        }
        _ => id(item),
    });
    values.take(VALUES_MAX).collect()
}

/// How a contact may be named, the way that people know first.
fn contact_references(item: &Value) -> impl Iterator<Item = String> {
    let of = |member: &str, prefix: &str| item[member].as_str().map(|value| format!("{prefix}{value}"));
    [of("email", "email:"), of("phone", "phone:"), of("id", "")].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_proposed_by_the_address_that_was_begun_else_by_the_first_it_has() {
        let found = json!({"items": [
            {"id": "contact_1", "email": "ana@example.org", "phone": "+491"},
            {"id": "contact_2", "phone": "+492"},
            {"id": "contact_3"},
        ]});
        let proposed = |typed: &str| values(Sought::Contact, typed, &found);
        assert_eq!(proposed(""), ["email:ana@example.org", "phone:+492", "contact_3"]);
        assert_eq!(proposed("an"), ["email:ana@example.org", "phone:+492", "contact_3"]);
        assert_eq!(proposed("phone:+49"), ["phone:+491", "phone:+492"]);
        assert_eq!(proposed("contact_"), ["contact_1", "contact_2", "contact_3"]);
        assert_eq!(values(Sought::ContactId, "ana", &found), ["contact_1", "contact_2", "contact_3"]);
    }

    #[test]
    fn names_are_searched_for_and_ids_are_not() {
        let query = |typed: &str| lookup(Sought::Contact, typed).unwrap().1.get("query").cloned();
        assert_eq!(query("Ana"), Some(json!("Ana")));
        assert_eq!(query("email:ana@"), Some(json!("ana@")));
        assert_eq!((query("contact_01"), query(""), query("email:")), (None, None, None));
    }

    #[test]
    fn channels_are_those_of_the_tool() {
        assert_eq!(known(Sought::Channel, "web"), ["webchat"]);
        assert_eq!((known(Sought::Channel, "x"), known(Sought::Words, "")), (Vec::<String>::new(), Vec::new()));
    }
}
