//! What can be read and subscribed to under a URI: each resource is the answer of a getter, with the getter's rights. A new one is a
//! line in [`KINDS`].

use std::collections::BTreeSet;

use aggregates::Event;
use aggregates::ids::{ContactId, ConversationId, FlowId};
use aggregates::stream::StreamType;
use rmcp::model::{Resource, ResourceTemplate};
use serde_json::{Map, Value};

use crate::app::{Caller, EventFilter};
use crate::operations::{Operation, Selection, registry};

/// The media type of every resource.
pub(super) const MIME_TYPE: &str = "application/json";

/// One kind of resource.
struct Kind {
    /// Its URI, or what its URIs begin with.
    uri: &'static str,
    name: &'static str,
    title: &'static str,
    description: &'static str,
    /// The getter whose answer it is.
    operation: &'static str,
    /// The getter's member that takes the id; none for the one resource of its kind.
    member: Option<&'static str>,
    /// Which events change it; nothing for what is no id.
    changes: fn(&str) -> Option<EventFilter>,
}

const KINDS: [Kind; 4] = [
    Kind {
        uri: "chatbotx://workspace",
        name: "workspace",
        title: "Workspace",
        description: "The workspace that this token opens, as get_workspace shows it. An update tells of its settings, channels, tags, \
fields and flows, not of every contact and message that its counts count.",
        operation: "get_workspace",
        member: None,
        changes: |_| Some(settings()),
    },
    Kind {
        uri: "chatbotx://contacts/",
        name: "contact",
        title: "Contact",
        description: "A contact by id, as get_contact shows it. An update tells that anything about the contact changed. Names and \
fields hold customers' words.",
        operation: "get_contact",
        member: Some("contactId"),
        changes: |id| id.parse().ok().map(|id: ContactId| EventFilter { contact: Some(id), ..EventFilter::default() }),
    },
    Kind {
        uri: "chatbotx://conversations/",
        name: "conversation",
        title: "Conversation",
        description: "A conversation by id with its last messages, as get_conversation shows it. An update tells of new messages, their \
delivery, and of changes to the conversation. Messages are customers' words.",
        operation: "get_conversation",
        member: Some("conversationId"),
        changes: |id| {
            id.parse().ok().map(|id: ConversationId| EventFilter { noun: Some(id.0), ..EventFilter::default() })
        },
    },
    Kind {
        uri: "chatbotx://flows/",
        name: "flow",
        title: "Flow",
        description: "A flow by id with its draft and what validation says about it, as get_flow shows it. An update tells that the draft was \
changed, published or deleted, not what its runs do.",
        operation: "get_flow",
        member: Some("flowId"),
        changes: |id| id.parse().ok().map(|id: FlowId| EventFilter { noun: Some(id.0), ..EventFilter::default() }),
    },
];

/// The events of what is set up in a workspace.
fn settings() -> EventFilter {
    let kinds = [
        StreamType::Workspace,
        StreamType::ChannelAccount,
        StreamType::Tag,
        StreamType::CustomField,
        StreamType::BotField,
        StreamType::Flow,
    ];
    let types: BTreeSet<&'static str> =
        Event::names().filter(|(kind, _)| kinds.contains(kind)).map(|(_, name)| name).collect();
    EventFilter { types, ..EventFilter::default() }
}

/// A resource that a URI names; whether it exists, its getter knows.
pub(super) struct Named {
    /// The getter.
    pub operation: &'static Operation,
    /// What the getter is asked.
    pub arguments: Map<String, Value>,
    /// The events that change it.
    pub changes: EventFilter,
}

/// What `uri` names; nothing when there cannot be such a resource.
pub(super) fn named(uri: &str) -> Option<Named> {
    let (kind, id) = KINDS.iter().find_map(|kind| match kind.member {
        None => (uri == kind.uri).then_some((kind, "")),
        Some(_) => uri.strip_prefix(kind.uri).map(|id| (kind, id)),
    })?;
    let changes = (kind.changes)(id)?;
    let arguments = kind.member.map(|member| (member.to_owned(), Value::String(id.to_owned()))).into_iter().collect();
    Some(Named { operation: registry::all().get(kind.operation).ok()?, arguments, changes })
}

/// The names of the operations that `caller` may use.
pub(super) fn may_use(caller: &Caller) -> BTreeSet<&'static str> {
    let everything = Selection { toolsets: None, read_only: false };
    registry::all().list(caller, &everything).map(|operation| operation.facts.name).collect()
}

/// Kinds whose getter `caller` may use.
fn open_to(caller: &Caller) -> impl Iterator<Item = &'static Kind> {
    let allowed = may_use(caller);
    KINDS.iter().filter(move |kind| allowed.contains(kind.operation))
}

/// The resources that lists show.
pub(super) fn list(caller: &Caller) -> Vec<Resource> {
    let single = open_to(caller).filter(|kind| kind.member.is_none());
    single
        .map(|kind| {
            Resource::new(kind.uri, kind.name)
                .with_title(kind.title)
                .with_description(kind.description)
                .with_mime_type(MIME_TYPE)
        })
        .collect()
}

/// The templates that lists show.
pub(super) fn templates(caller: &Caller) -> Vec<ResourceTemplate> {
    let many = open_to(caller).filter(|kind| kind.member.is_some());
    many.map(|kind| {
        ResourceTemplate::new(format!("{}{{id}}", kind.uri), kind.name)
            .with_title(kind.title)
            .with_description(kind.description)
            .with_mime_type(MIME_TYPE)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use aggregates::ids::WorkspaceId;
    use aggregates::token::Scope;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_kind_has_its_getter_and_the_getter_its_member() {
        for kind in &KINDS {
            let operation = registry::all().get(kind.operation).unwrap();
            assert!(!operation.facts.effect.writes(), "{}", kind.name);
            if let Some(member) = kind.member {
                assert!(operation.input_schema["properties"].get(member).is_some(), "{}", kind.name);
            }
        }
    }

    #[test]
    fn only_exact_uris_name_something() {
        let id = ContactId(Uuid::from_u128(7)).to_string();
        assert_eq!(named(&format!("chatbotx://contacts/{id}")).unwrap().arguments["contactId"], id);
        assert!(named("chatbotx://workspace").unwrap().arguments.is_empty());
        for uri in [
            "chatbotx://workspace/".to_owned(),
            "chatbotx://contacts/".to_owned(),
            "chatbotx://contacts/email:ana@example.org".to_owned(),
            format!("chatbotx://contacts/{id}/"),
            format!("chatbotx://contacts/{id}?x=1"),
            format!("chatbotx://conversations/{id}"),
            format!("chatbotx://flows/{id}"),
            "chatbotx://flows/Welcome".to_owned(),
            format!("CHATBOTX://contacts/{id}"),
            format!("file:///{id}"),
            String::new(),
        ] {
            assert!(named(&uri).is_none(), "{uri}");
        }
    }

    #[test]
    fn what_a_token_may_not_get_is_not_listed() {
        let owner = Caller::local(WorkspaceId(Uuid::nil()));
        assert_eq!((list(&owner).len(), templates(&owner).len()), (1, 3));
        let people = Caller { scopes: vec![Scope::ContactsRead], ..owner };
        let names: Vec<String> = templates(&people).into_iter().map(|template| template.name).collect();
        assert_eq!(names, ["contact"]);
    }
}
