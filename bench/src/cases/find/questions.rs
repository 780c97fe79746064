//! What is asked, and how long the answer may take.

use serde_json::{Value, json};

use crate::filling::people::{FIELDS, TAGS, person};
use crate::filling::talk::{order_number, word, words};
use crate::filling::{Chance, Filled, contact_id, tag_name, talker};

/// How many questions of a kind there are.
const QUESTIONS: u64 = 300;

/// Questions of one kind.
pub struct Kind {
    /// In a few words.
    pub name: &'static str,
    /// What is called.
    pub operation: &'static str,
    /// How long 99 of 100 answers may take.
    pub limit_ms: f64,
    /// With what, each different from the others as far as there are so many.
    pub questions: Vec<Value>,
}

/// A named shape has an index of its own.
const NAMED_MS: f64 = 20.0;
/// Everything else.
const OTHER_MS: f64 = 100.0;

/// All kinds of questions.
pub fn kinds(filled: &Filled) -> Vec<Kind> {
    let kind = |name, operation, limit_ms, question: &dyn Fn(&mut Chance) -> Value| {
        let questions = (0..QUESTIONS).map(|number| question(&mut Chance::of(name, number))).collect();
        Kind { name, operation, limit_ms, questions }
    };
    let sizes = filled.sizes;
    let somebody = |chance: &mut Chance| person(chance.below(sizes.contacts as usize) as u64);
    let tag = |chance: &mut Chance| tag_name(chance.skewed(TAGS));
    vec![
        kind(
            "by part of a name",
            "list_contacts",
            NAMED_MS,
            &|chance| json!({ "query": part_of_name(chance, sizes.contacts) }),
        ),
        kind("by phone", "list_contacts", NAMED_MS, &|chance| {
            let phone = loop {
                if let Some(phone) = somebody(chance).phone {
                    break phone;
                }
            };
            json!({ "phone": phone })
        }),
        kind("by tag and custom field", "list_contacts", NAMED_MS, &|chance| {
            let tagged = json!({"field": "tag", "op": "eq", "value": tag(chance)});
            json!({ "filter": { "all": [tagged, field(chance)] } })
        }),
        kind("of a contact", "list_contact_messages", NAMED_MS, &|chance| {
            // Every other one of those with whom much was said: only they have a hundredth page.
            let among = if chance.percent(50) { 20.min(sizes.conversations) } else { sizes.conversations };
            let contact = talker(sizes, chance.below(among as usize) as u64);
            json!({ "contactId": contact_id(filled.place.workspace, contact).to_string() })
        }),
        kind("of an inbox", "list_conversations", NAMED_MS, &inbox),
        kind("by words", "search_messages", OTHER_MS, &|chance| json!({ "query": some_words(chance, sizes.messages) })),
        kind("by other filters", "list_contacts", OTHER_MS, &|chance| {
            let part = ["ber", "lin", "adr", "o"][chance.below(4)];
            let conditions = [
                json!({"field": "email", "op": "contains", "value": format!("{}@", chance.below(1_000))}),
                json!({"not": {"field": "tag", "op": "eq", "value": tag(chance)}}),
                json!({"any": [field(chance), {"field": "tag", "op": "eq", "value": tag(chance)}]}),
                json!({"field": "lastName", "op": "endsWith", "value": letters(somebody(chance).last, 3, true)}),
                json!({"field": "customField.City", "op": "contains", "value": part}),
                json!({"all": [{"field": "phone", "op": "notExists"}, {"field": "tag", "op": "eq", "value": tag(chance)}]}),
            ];
            let sort = ["lastActivity", "created", "name"][chance.below(3)];
            json!({ "filter": conditions[chance.below(conditions.len())].clone(), "sort": sort })
        }),
    ]
}

/// The first or last letters of a word.
fn letters(word: &str, count: usize, last: bool) -> String {
    let letters: Vec<char> = word.chars().collect();
    let begin = if last { letters.len().saturating_sub(count) } else { 0 };
    letters[begin..].iter().take(count).collect()
}

fn part_of_name(chance: &mut Chance, contacts: u64) -> String {
    let person = person(chance.below(contacts as usize) as u64);
    match chance.below(5) {
        0 => person.last.to_owned(),
        1 => format!("{} {}", person.first, person.last),
        2 => letters(person.last, 3, true),
        3 => letters(person.first, 2 + chance.below(3), false),
        _ => format!("{} {}", person.first, letters(person.last, 1, false)),
    }
}

fn field(chance: &mut Chance) -> Value {
    let named = |field: usize| format!("customField.{}", FIELDS[field].0);
    let city = ["Berlin", "Madrid", "Lyon", "Cuzco", "Zürich"][chance.below(5)];
    match chance.below(3) {
        0 => json!({"field": named(0), "op": "gte", "value": chance.below(200)}),
        1 => json!({"field": named(0), "op": "eq", "value": chance.skewed(200)}),
        _ => json!({"field": named(1), "op": "eq", "value": city}),
    }
}

fn inbox(chance: &mut Chance) -> Value {
    let mut question = json!({});
    match chance.below(6) {
        0 => {}
        1 => question["unread"] = json!(true),
        2 => question["unanswered"] = json!(true),
        3 => question["owner"] = json!("human"),
        4 => question["owner"] = json!("unassigned"),
        _ => question["tags"] = json!([tag_name(chance.skewed(TAGS))]),
    }
    if chance.percent(50) {
        question["status"] = json!("open");
    }
    if chance.percent(30) {
        question["channel"] = json!("webchat");
    }
    question
}

fn some_words(chance: &mut Chance, messages: u64) -> String {
    match chance.below(5) {
        0 => word(chance.skewed(words())),
        1 => word(chance.below(words())),
        2 => format!("{} {}", word(chance.skewed(words())), word(chance.skewed(words()))),
        3 => letters(&word(60 + chance.below(words() - 60)), 4, false),
        _ => order_number(chance.below(messages as usize) as u64).to_string(),
    }
}
