//! Contacts and filters for the tests of filters: generated, with what is odd in them more often than in life.

use std::collections::{BTreeMap, BTreeSet};

use aggregates::Personal;
use aggregates::channel_account::Channel;
use aggregates::contact;
use aggregates::contact_attributes::Attributes;
use aggregates::conversation::{self, Owner};
use aggregates::field_value::{FieldType, FieldValue};
use aggregates::filter::{ConversationFacts, FIELDS, Facts, Kind, NamedTag, Nouns, Operator, Place};
use aggregates::flow_run::Status;
use aggregates::ids::{AccountId, FieldId, FlowId, TagId, WorkspaceId};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::given::{Given, visitor};

/// Texts that are easily mistaken for something else, and some that differ in little.
pub const TEXTS: [&str; 24] = [
    "Ana",
    "ANA",
    "Ána",
    "Anan",
    "ana maria",
    "ana  Maria ",
    "100%",
    "100",
    "a_b",
    "aXb",
    "!",
    "!%",
    "o'neil \"x\" --",
    "Đặng Nguyễn",
    "dang nguyen",
    "🙂",
    "👩‍👩‍👧 family",
    "İstanbul",
    "straße",
    "back\\slash",
    "two\nlines",
    "\u{200b}",
    "नमस्ते",
    "; drop table contacts",
];
const TAGS: [&str; 6] = ["VIP", "vip-gold", "Đặc biệt", "100%", "it's", "🙂"];
const MAILS: [&str; 6] =
    ["ana@example.com", "Ana@Example.com", "a_b@example.com", "axb@example.com", "jörg@bücher.example", "o'neil@x.co"];
const PHONES: [&str; 5] = ["+491701234567", "+49170123456", "+84243333444", "+15551234567", "+15551234568"];
const CODES: [&str; 8] = ["en", "en-GB", "EN", "pt-BR", "DE", "de", "Europe/Berlin", "Europe/Belfast"];
const FLOWS: [&str; 2] = ["Chào mừng", "a.state"];
const RUN_STATES: [Status; 6] =
    [Status::Queued, Status::Running, Status::Waiting, Status::Completed, Status::Failed, Status::Cancelled];
const DAYS: [&str; 6] = ["2027-01-15", "2027-01-14", "2026-12-31", "0099-01-01", "-000001-06-01", "2027-01-16"];
const TIMES: [&str; 5] = ["00:00", "09:30", "09:30:01", "10:00", "23:59:59"];

/// A custom field's name and type.
pub const FIELD_TYPES: [(&str, FieldType); 11] = [
    ("Plan", FieldType::Text),
    ("Score", FieldType::Number),
    ("Member", FieldType::Boolean),
    ("Day.of birth", FieldType::Date),
    ("Visit", FieldType::DateTime),
    ("Alarm", FieldType::Time),
    ("Site", FieldType::Url),
    ("Work e-mail", FieldType::Email),
    ("Work phone", FieldType::Phone),
    ("Màu", FieldType::List),
    ("Long", FieldType::Text),
];

/// A value of a field's type, as callers write it.
fn value_of(name: &'static str, field_type: FieldType) -> BoxedStrategy<Value> {
    let texts = |texts: &'static [&'static str]| select(texts).prop_map(|text| json!(text)).boxed();
    match field_type {
        // Alike for longer than the index looks.
        FieldType::Text if name == "Long" => (select(&[0_usize, 63, 64, 65, 300][..]), select(&["", "a", "b"][..]))
            .prop_map(|(n, end)| json!("x".repeat(n) + end))
            .boxed(),
        FieldType::Text => prop_oneof![9 => texts(&TEXTS), 1 => Just(json!(""))].boxed(),
        FieldType::Number => prop_oneof![
            (-3_i64..12).prop_map(|number| json!(number)),
            select(&[0.5, -0.5, 9.5, 1e300, -1e300, 5e-324][..]).prop_map(|number| json!(number)),
            select(&[i64::MIN, i64::MAX, 9_007_199_254_740_992, 9_007_199_254_740_993][..])
                .prop_map(|number| json!(number)),
            Just(json!(u64::MAX)),
        ]
        .boxed(),
        FieldType::Boolean => any::<bool>().prop_map(|truth| json!(truth)).boxed(),
        FieldType::Date => texts(&DAYS),
        FieldType::DateTime => {
            (-50_000_i64..50_000, select(&["Z", "+05:30", "-08:00"][..]), select(&["", ".5", ".000000001"][..]))
                .prop_map(|(second, offset, part)| json!(moment(second).replace('Z', "") + part + offset))
                .boxed()
        }
        FieldType::Time => texts(&TIMES),
        FieldType::Url => texts(&["https://example.com/A%20b", "http://example.com", "https://example.com/a_b"]),
        FieldType::Email => texts(&MAILS),
        FieldType::Phone => texts(&PHONES),
        FieldType::List => proptest::collection::vec(select(&TEXTS[..]), 0..4).prop_map(|items| json!(items)).boxed(),
    }
}

/// That many seconds after [`crate::given::BEGINNING`], in RFC 3339.
fn moment(second: i64) -> String {
    // 1,800,000,000 is 2027-01-15T08:00:00Z.
    let second = 8 * 3_600 + second.rem_euclid(50_000);
    format!(
        "2027-01-{:02}T{:02}:{:02}:{:02}Z",
        15 + second / 86_400,
        second / 3_600 % 24,
        second / 60 % 60,
        second % 60
    )
}

/// What happens in a conversation.
#[derive(Clone, Copy, Debug)]
enum Step {
    Received,
    Queued,
    Closed,
    Owned(Owner),
}

/// A contact to be.
#[derive(Clone, Debug)]
pub struct Shape {
    attributes: Attributes,
    tags: Vec<usize>,
    values: Vec<(usize, Value)>,
    identity: bool,
    conversations: Vec<Vec<Step>>,
    runs: Vec<(usize, Status)>,
    blocked: bool,
}

fn perhaps(texts: &'static [&'static str]) -> impl Strategy<Value = Option<Personal<String>>> {
    prop_oneof![
        3 => select(texts).prop_map(|text| Some(Personal::Known(text.to_owned()))),
        2 => Just(None),
        1 => Just(Some(Personal::Erased(true))),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let genders = perhaps(&["male", "female", "unknown"]);
    let places = (perhaps(&CODES), perhaps(&CODES), perhaps(&CODES));
    (perhaps(&TEXTS), perhaps(&TEXTS), perhaps(&MAILS), perhaps(&PHONES), genders, places).prop_map(
        |(first_name, last_name, email, phone, gender, (language, timezone, country))| Attributes {
            first_name,
            last_name,
            email,
            phone,
            gender,
            language,
            timezone,
            country,
            avatar_url: None,
        },
    )
}

/// A contact.
pub fn shape() -> impl Strategy<Value = Shape> {
    let values =
        subsequence((0..FIELD_TYPES.len()).collect::<Vec<_>>(), 0..=FIELD_TYPES.len()).prop_flat_map(|chosen| {
            let of = |index: usize| (Just(index), value_of(FIELD_TYPES[index].0, FIELD_TYPES[index].1));
            chosen.into_iter().map(of).collect::<Vec<_>>()
        });
    let step = prop_oneof![
        Just(Step::Received),
        Just(Step::Queued),
        Just(Step::Closed),
        select(&[Owner::None, Owner::Flow, Owner::Ai, Owner::Human][..]).prop_map(Step::Owned),
    ];
    let conversations = proptest::collection::vec(proptest::collection::vec(step, 0..4), 0..3);
    let tags = subsequence((0..TAGS.len()).collect::<Vec<_>>(), 0..4);
    let run = (0..FLOWS.len(), select(&RUN_STATES[..]));
    let runs = proptest::collection::vec(run, 0..4);
    (attributes(), tags, values, any::<bool>(), conversations, runs, any::<bool>()).prop_map(
        |(attributes, tags, values, identity, conversations, runs, blocked)| Shape {
            attributes,
            tags,
            values,
            identity,
            conversations,
            runs,
            blocked,
        },
    )
}

/// A workspace with everything that filters can name.
pub struct Stage {
    pub workspace: WorkspaceId,
    accounts: [AccountId; 2],
    tags: Vec<TagId>,
    fields: Vec<FieldId>,
    flows: [FlowId; 2],
    pub nouns: Nouns,
}

impl Stage {
    /// Makes it.
    pub fn new(given: &mut Given) -> Self {
        let workspace = given.workspace("Acme");
        let accounts = [given.account(workspace, "one"), given.account(workspace, "two")];
        let mut nouns = Nouns::default();
        let mut tags = Vec::new();
        for name in TAGS {
            let id = given.tag(workspace, name);
            nouns.add_tag(id, name);
            tags.push(id);
        }
        let mut fields = Vec::new();
        for (name, field_type) in FIELD_TYPES {
            let id = given.field(workspace, name, field_type);
            nouns.add_field(id, name, field_type);
            fields.push(id);
        }
        let flows = FLOWS.map(|name| given.flow(workspace, name));
        FLOWS.iter().zip(flows).for_each(|(name, id)| nouns.add_flow(id, name));
        Self { workspace, accounts, tags, fields, flows, nouns }
    }

    /// Lets a contact happen; gives what is then true of it.
    pub fn tell(&self, given: &mut Given, shape: &Shape) -> Facts {
        let now = |given: &Given| given.events.last().map_or(0, |event| event.recorded_at);
        let identity = shape.identity.then(|| visitor(self.accounts[shape.tags.len() % 2], "v"));
        let id = given.contact(self.workspace, shape.attributes.clone(), identity);
        let created_at = now(given);
        let tags: Vec<TagId> = shape.tags.iter().map(|index| self.tags[*index]).collect();
        given.tagged(self.workspace, id, &tags);
        let mut facts = Facts {
            contact: Some(id),
            // What was erased stays in the facts as such.
            attributes: shape.attributes.clone(),
            tags: tags.iter().map(|id| NamedTag { id: *id, name: String::new() }).collect(),
            fields: BTreeMap::new(),
            channels: if shape.identity { BTreeSet::from([Channel::Webchat]) } else { BTreeSet::new() },
            conversations: Vec::new(),
            created_at,
            last_inbound_at: None,
            last_outbound_at: None,
            last_activity_at: created_at,
            blocked: shape.blocked,
            flows: BTreeMap::new(),
        };
        for (index, json) in &shape.values {
            let value =
                FieldValue::parse(FIELD_TYPES[*index].1, json).unwrap_or_else(|error| panic!("{json}: {error}"));
            let field = self.fields[*index];
            let event = contact::Event::ContactFieldSet { field, value: Personal::Known(value.clone()) };
            given.record(self.workspace, id, event);
            facts.fields.insert(field, value);
        }
        if shape.blocked {
            given.record(self.workspace, id, contact::Event::ContactBlocked { reason: None });
        }
        self.tell_conversations(given, shape, &mut facts);
        for (index, status) in &shape.runs {
            let flow = self.flows[*index];
            given.run(self.workspace, flow, id, *status);
            facts.flows.insert(flow, <&str>::from(*status).to_owned());
        }
        facts
    }

    fn tell_conversations(&self, given: &mut Given, shape: &Shape, facts: &mut Facts) {
        let now = |given: &Given| given.events.last().map_or(0, |event| event.recorded_at);
        let Some(id) = facts.contact else { return };
        for (account, steps) in self.accounts.iter().zip(&shape.conversations) {
            let conversation = given.conversation(self.workspace, id, *account);
            let mut talk = ConversationFacts { status: "open".to_owned(), owner: "none".to_owned(), unanswered: false };
            for step in steps {
                match step {
                    Step::Received => {
                        given.received(self.workspace, conversation, (id, *account), "hello");
                        (talk.unanswered, facts.last_inbound_at) = (true, Some(now(given)));
                        facts.last_activity_at = now(given);
                        "open".clone_into(&mut talk.status);
                    }
                    Step::Queued => {
                        given.queued(self.workspace, conversation, (id, *account), "hi");
                        (talk.unanswered, facts.last_outbound_at) = (false, Some(now(given)));
                        facts.last_activity_at = now(given);
                    }
                    Step::Closed => {
                        given.record(
                            self.workspace,
                            conversation,
                            conversation::Event::ConversationClosed { contact: id },
                        );
                        "closed".clone_into(&mut talk.status);
                    }
                    Step::Owned(owner) => {
                        let event = conversation::Event::ConversationOwnerChanged {
                            contact: id,
                            owner: *owner,
                            by: None,
                            reason: None,
                        };
                        given.record(self.workspace, conversation, event);
                        <&str>::from(*owner).clone_into(&mut talk.owner);
                    }
                }
            }
            facts.conversations.push(talk);
        }
    }
}

fn kinds() -> Vec<(String, Kind, Option<usize>)> {
    let mut kinds = Vec::new();
    for field in FIELDS {
        match field.place {
            Place::Fixed(_, kind) => kinds.push((field.name.to_owned(), kind, None)),
            Place::CustomField => {
                for (index, (name, field_type)) in FIELD_TYPES.iter().enumerate() {
                    kinds.push((format!("customField.{name}"), Kind::of(*field_type), Some(index)));
                }
            }
            Place::FlowState => {
                let kind = field.kind().expect("the same for every flow");
                kinds.extend(FLOWS.map(|name| (format!("flow.{name}.state"), kind, None)));
            }
        }
    }
    kinds
}

/// A part of a text, so that `contains` and the like find something now and then.
fn part_of(texts: &'static [&'static str]) -> BoxedStrategy<Value> {
    let cut = |(text, from, length): (&'static str, usize, usize)| -> Value {
        let letters: String = text.chars().skip(from % text.chars().count()).take(length).collect();
        json!(letters)
    };
    (select(texts), 0..6_usize, 1..6_usize).prop_map(cut).boxed()
}

/// One value of a condition.
fn one(kind: Kind, operator: Operator, field: Option<usize>) -> BoxedStrategy<Value> {
    let partial =
        matches!(operator, Operator::Contains | Operator::NotContains | Operator::StartsWith | Operator::EndsWith);
    let typed = || field.map(|index| value_of(FIELD_TYPES[index].0, FIELD_TYPES[index].1));
    match kind {
        Kind::Text if partial => part_of(&TEXTS),
        Kind::Email if partial => part_of(&MAILS),
        Kind::Phone if partial => part_of(&PHONES),
        Kind::Text => typed().unwrap_or_else(|| select(&TEXTS[..]).prop_map(|text| json!(text)).boxed()),
        Kind::List => select(&TEXTS[..]).prop_map(|text| json!(text)).boxed(),
        Kind::Email => select(&MAILS[..]).prop_map(|text| json!(text)).boxed(),
        Kind::Phone => select(&PHONES[..]).prop_map(|text| json!(text)).boxed(),
        Kind::Code if operator == Operator::StartsWith => part_of(&CODES),
        Kind::Code => select(&CODES[..]).prop_map(|text| json!(text)).boxed(),
        Kind::Choice(_) | Kind::Channel => select(kind.choices()).prop_map(|text| json!(text)).boxed(),
        Kind::Tag => select(&TAGS[..]).prop_map(|text| json!(text)).boxed(),
        Kind::State => any::<bool>().prop_map(|truth| json!(truth)).boxed(),
        Kind::Moment => (-100_i64..40_000).prop_map(|second| json!(moment(second))).boxed(),
        Kind::Number | Kind::Truth | Kind::Date | Kind::DateTime | Kind::Time => {
            typed().unwrap_or_else(|| Just(Value::Null).boxed())
        }
    }
}

/// A condition on any field, with any of its operators.
fn leaf() -> impl Strategy<Value = Value> {
    let of = |(name, kind, field): (String, Kind, Option<usize>)| {
        select(kind.operators()).prop_flat_map(move |operator| {
            let one = || one(kind, operator, field);
            let value: BoxedStrategy<Value> = match operator {
                Operator::Exists | Operator::NotExists => Just(Value::Null).boxed(),
                Operator::In | Operator::NotIn => {
                    proptest::collection::vec(one(), 1..4).prop_map(|values| json!(values)).boxed()
                }
                Operator::Between => (one(), one()).prop_map(|(from, to)| json!([from, to])).boxed(),
                Operator::WithinLast | Operator::NotWithinLast => {
                    select(&["1s", "30m", "2h", "5h", "1d", "90d"][..]).prop_map(|text| json!(text)).boxed()
                }
                _ => one(),
            };
            let name = name.clone();
            value.prop_map(move |value| json!({"field": name.clone(), "op": operator.name(), "value": value}))
        })
    };
    select(kinds()).prop_flat_map(of)
}

/// A filter, at most 5 deep. A few of its conditions may be refused, such as a range from its end to its beginning.
pub fn filter() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| json!({ "all": parts })),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| json!({ "any": parts })),
            inner.prop_map(|inner| json!({ "not": inner })),
        ]
    })
}
