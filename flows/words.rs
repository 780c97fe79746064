//! What templates may name, and the object in which they find it.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::contact_attributes::{Attribute, Attributes};
use aggregates::field_value::FieldValue;
use aggregates::filter::{Candidate, NamedTag};
use aggregates::ids::{ContactId, ConversationId};
use aggregates::personal::Personal;
use serde_json::{Map, Value};

use crate::finding::near;
use crate::template::written;

/// What is known when a template is filled in.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The contact; nothing for a made-up one.
    pub contact: Option<ContactId>,
    /// Its attributes.
    pub attributes: &'a Attributes,
    /// Its tags.
    pub tags: &'a [NamedTag],
    /// The values of its custom fields, by the fields' names.
    pub custom_fields: &'a BTreeMap<String, FieldValue>,
    /// The variables of the run.
    pub run: &'a Map<String, Value>,
    /// The values of the workspace's bot fields, by the fields' names.
    pub bot: &'a BTreeMap<String, FieldValue>,
    /// Where the run speaks.
    pub conversation: Option<Talk<'a>>,
    /// What the contact wrote or pressed last.
    pub last_input: Option<&'a str>,
}

/// A conversation, as templates see it.
#[derive(Clone, Copy, Debug)]
pub struct Talk<'a> {
    /// Its id.
    pub id: ConversationId,
    /// The channel's name.
    pub channel: &'a str,
    /// `open` or `closed`.
    pub status: &'a str,
    /// `none`, `flow`, `ai` or `human`.
    pub owner: &'a str,
}

/// The attributes of a contact, as templates name them.
pub(crate) const ATTRIBUTES: [Attribute; 9] = [
    Attribute::FirstName,
    Attribute::LastName,
    Attribute::Email,
    Attribute::Phone,
    Attribute::Gender,
    Attribute::Language,
    Attribute::Timezone,
    Attribute::Country,
    Attribute::AvatarUrl,
];
/// What else a contact has.
const OF_CONTACT: [&str; 4] = ["id", "name", "tags", "customField"];
/// What a conversation has.
const OF_CONVERSATION: [&str; 4] = ["id", "channel", "status", "owner"];
/// Where every name begins.
const ROOTS: [&str; 5] = ["contact", "run", "bot", "conversation", "lastInput"];

/// The object that templates see: `contact`, `run`, `bot`, `conversation` and `lastInput`. What is not known, or was erased, is
/// missing in it.
#[must_use]
pub fn words(known: &Known<'_>) -> Value {
    let mut roots = Map::new();
    roots.insert("contact".to_owned(), contact(known).into());
    let run = known.run.iter().filter(|(_, value)| !value.is_null());
    roots
        .insert("run".to_owned(), run.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into());
    roots.insert("bot".to_owned(), fields(known.bot));
    let mut conversation = Map::new();
    if let Some(talk) = known.conversation {
        conversation.insert("id".to_owned(), talk.id.to_string().into());
        for (name, value) in [("channel", talk.channel), ("status", talk.status), ("owner", talk.owner)] {
            conversation.insert(name.to_owned(), value.into());
        }
    }
    roots.insert("conversation".to_owned(), conversation.into());
    if let Some(text) = known.last_input {
        roots.insert("lastInput".to_owned(), text.into());
    }
    roots.into()
}

fn contact(known: &Known<'_>) -> Map<String, Value> {
    let mut contact = Map::new();
    if let Some(id) = known.contact {
        contact.insert("id".to_owned(), id.to_string().into());
    }
    if let Some(name) = known.attributes.display_name() {
        contact.insert("name".to_owned(), name.into());
    }
    for attribute in ATTRIBUTES {
        if let Some(value) = known.attributes.get(attribute).and_then(Personal::known) {
            contact.insert(attribute.to_string(), value.clone().into());
        }
    }
    let tags: Vec<&str> = known.tags.iter().map(|tag| tag.name.as_str()).collect();
    contact.insert("tags".to_owned(), tags.into());
    contact.insert("customField".to_owned(), fields(known.custom_fields));
    contact
}

fn fields(values: &BTreeMap<String, FieldValue>) -> Value {
    values.iter().map(|(name, value)| (name.clone(), value.to_value())).collect::<Map<_, _>>().into()
}

/// What a name in a template leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'p> {
    /// Something that every flow can name.
    Fixed,
    /// The custom field of that name, if there is one.
    CustomField(&'p str),
    /// The bot field of that name, if there is one.
    BotField(&'p str),
    /// That variable of the run.
    Variable(&'p str),
}

/// Why a name in a template leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What is wrong, as a sentence.
    pub message: String,
    /// What can be named instead.
    pub hint: String,
    /// What may have been meant.
    pub candidates: Vec<Candidate>,
}

/// Whether templates may name `path`, in a flow with the run's `variables`. Whether a custom field or a bot field exists is left to
/// whoever knows the workspace.
///
/// # Errors
/// When it leads nowhere; the error says what is close, and what there is.
pub fn is_known<'p>(path: &'p [String], variables: &BTreeSet<String>) -> Result<Named<'p>, Unknown> {
    let unknown = |hint: String, candidates: Vec<Candidate>| {
        Err(Unknown { message: format!("templates cannot name {}", written(path)), hint, candidates })
    };
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["lastInput"] => Ok(Named::Fixed),
        ["run", name, ..] if variables.contains(*name) => Ok(Named::Variable(name)),
        ["run", rest @ ..] => {
            let names = variables.iter().map(String::as_str);
            let close = rest.first().map_or_else(Vec::new, |name| near(name, names));
            let hint = "declare the variable in variables, or let a step write it with saveTo or setField";
            unknown(hint.to_owned(), under("run", close))
        }
        ["bot", name] => Ok(Named::BotField(name)),
        ["bot", name, item] if is_index(item) => Ok(Named::BotField(name)),
        ["bot", ..] => unknown("name a bot field, as in bot.hours or bot['Opening hours']".to_owned(), Vec::new()),
        ["contact", "customField", name] => Ok(Named::CustomField(name)),
        ["contact", "customField", name, item] if is_index(item) => Ok(Named::CustomField(name)),
        ["contact", "customField", ..] => {
            let hint = "name a custom field, as in contact.customField.score or contact.customField['Shoe size']";
            unknown(hint.to_owned(), Vec::new())
        }
        ["contact", "tags"] => Ok(Named::Fixed),
        ["contact", "tags", item] if is_index(item) => Ok(Named::Fixed),
        ["contact", rest @ ..] => {
            let attributes = ATTRIBUTES.map(|attribute| attribute.to_string());
            let names: Vec<&str> = attributes.iter().map(String::as_str).chain(OF_CONTACT).collect();
            member("contact", rest, &names).or_else(|(hint, close)| unknown(hint, close))
        }
        ["conversation", rest @ ..] => {
            member("conversation", rest, &OF_CONVERSATION).or_else(|(hint, close)| unknown(hint, close))
        }
        [root, ..] => unknown(format!("templates know {}", ROOTS.join(", ")), near(root, ROOTS)),
        [] => unknown(format!("templates know {}", ROOTS.join(", ")), Vec::new()),
    }
}

/// Whether `rest` is one of the members `names` of `root`; if not, what there is and what comes close.
fn member(root: &str, rest: &[&str], names: &[&str]) -> Result<Named<'static>, (String, Vec<Candidate>)> {
    let hint = format!("{root} has {}", names.join(", "));
    match rest {
        [name] if names.contains(name) => Ok(Named::Fixed),
        [name, ..] => Err((hint, under(root, near(name, names.iter().copied())))),
        [] => Err((hint, Vec::new())),
    }
}

fn is_index(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

fn under(root: &str, candidates: Vec<Candidate>) -> Vec<Candidate> {
    let placed = |close: Candidate| Candidate { id: written(&[root.to_owned(), close.id]), ..close };
    candidates.into_iter().map(placed).collect()
}

#[cfg(test)]
mod tests {
    use aggregates::ids::TagId;
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    fn variables() -> BTreeSet<String> {
        BTreeSet::from(["plan".to_owned(), "reply".to_owned()])
    }

    #[test]
    fn all_that_can_be_named_leads_somewhere() {
        let variables = variables();
        for fixed in
            ["contact.firstName", "contact.avatarUrl", "contact.id", "contact.name", "contact.tags", "contact.tags.0"]
        {
            assert_eq!(is_known(&path(fixed), &variables), Ok(Named::Fixed), "{fixed}");
        }
        for fixed in
            ["conversation.id", "conversation.channel", "conversation.status", "conversation.owner", "lastInput"]
        {
            assert_eq!(is_known(&path(fixed), &variables), Ok(Named::Fixed), "{fixed}");
        }
        assert_eq!(is_known(&path("run.reply.items.0.name"), &variables), Ok(Named::Variable("reply")));
        assert_eq!(is_known(&path("contact.customField.Shoe size"), &variables), Ok(Named::CustomField("Shoe size")));
        assert_eq!(is_known(&path("contact.customField.sizes.0"), &variables), Ok(Named::CustomField("sizes")));
        assert_eq!(is_known(&path("bot.hours"), &variables), Ok(Named::BotField("hours")));
    }

    #[test]
    fn what_leads_nowhere_is_told_with_what_is_close() {
        let variables = variables();
        for (wrong, close) in [
            ("contact.firstname", "contact.firstName"),
            ("contact.tag", "contact.tags"),
            ("conversation.chanel", "conversation.channel"),
            ("run.plann", "run.plan"),
            ("contakt.firstName", "contact"),
        ] {
            let unknown = is_known(&path(wrong), &variables).expect_err(wrong);
            assert!(unknown.candidates.iter().any(|candidate| candidate.id == close), "{wrong}: {unknown:?}");
            assert_eq!(unknown.message, format!("templates cannot name {wrong}"));
        }
        for wrong in
            ["contact", "run", "bot", "conversation", "contact.customField", "contact.firstName.x", "lastInput.x", "x"]
        {
            assert!(is_known(&path(wrong), &variables).is_err(), "{wrong}");
        }
        for wrong in ["bot.hours.x", "contact.customField.score.x", "contact.tags.x"] {
            assert!(is_known(&path(wrong), &variables).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_hold_what_is_known_and_nothing_else() {
        let attributes = Attributes {
            first_name: Some("Ana".to_owned().into()),
            email: Some(Personal::Erased(true)),
            ..Attributes::default()
        };
        let tags = [NamedTag { id: TagId(uuid::Uuid::nil()), name: "VIP".to_owned() }];
        let custom_fields = BTreeMap::from([("Shoe size".to_owned(), FieldValue::Number(41.into()))]);
        let run = json!({"plan": "free", "gone": null});
        let talk = Talk { id: uuid::Uuid::nil().into(), channel: "webchat", status: "open", owner: "flow" };
        let mut known = Known {
            contact: None,
            attributes: &attributes,
            tags: &tags,
            custom_fields: &custom_fields,
            run: run.as_object().expect("an object"),
            bot: &BTreeMap::new(),
            conversation: None,
            last_input: None,
        };
        let contact = json!({"name": "Ana", "firstName": "Ana", "tags": ["VIP"], "customField": {"Shoe size": 41}});
        let expected = json!({"contact": contact, "run": {"plan": "free"}, "bot": {}, "conversation": {}});
        assert_eq!(words(&known), expected);
        known.conversation = Some(talk);
        known.last_input = Some("hi");
        known.contact = Some(ContactId(uuid::Uuid::nil()));
        let words = words(&known);
        assert_eq!(
            words["conversation"],
            json!({"id": talk.id.to_string(), "channel": "webchat", "status": "open", "owner": "flow"})
        );
        assert_eq!((&words["lastInput"], words["contact"]["id"].is_string()), (&json!("hi"), true));
    }

    #[test]
    fn every_attribute_of_a_contact_can_be_named() {
        let value = || Some("x".to_owned().into());
        let all = Attributes {
            first_name: value(),
            last_name: value(),
            email: value(),
            phone: value(),
            gender: value(),
            language: value(),
            timezone: value(),
            country: value(),
            avatar_url: value(),
        };
        let stored = serde_json::to_value(&all).expect("a JSON form");
        for name in stored.as_object().expect("an object").keys() {
            assert_eq!(is_known(&["contact".to_owned(), name.clone()], &BTreeSet::new()), Ok(Named::Fixed), "{name}");
        }
    }
}
