//! A made-up person: everything about one follows from the seed and the person's number.

use serde_json::{Map, Value, json};

use super::chance::Chance;
use super::places::of_person;
use super::words::{SOURCES, TAGS, Talk, talk_in};

/// A person that the demo makes a contact of.
pub(super) struct Person {
    /// What the contact is to be, as members of `create_contact` or `update_contact`.
    pub(super) attributes: Map<String, Value>,
    /// Tags.
    pub(super) tags: Vec<&'static str>,
    /// Values of the demo's custom fields.
    pub(super) fields: Vec<(&'static str, Value)>,
    /// What the person writes on web chat, and how it goes on; nobody writes who was made by hand.
    pub(super) talk: Option<Conversation>,
}

/// How a conversation goes.
pub(super) struct Conversation {
    /// The words.
    pub(super) talk: &'static Talk,
    /// Whether somebody has answered.
    pub(super) answered: bool,
    /// The button that was pressed under the answer, from 0; otherwise words of thanks follow.
    pub(super) pressed: Option<usize>,
    /// Whether the customer went on after the answer.
    pub(super) goes_on: bool,
}

impl Person {
    /// The name that the person gives on web chat.
    pub(super) fn name(&self) -> &str {
        self.attributes.get("firstName").and_then(Value::as_str).unwrap_or_default()
    }
}

/// The person with this number, from 0.
pub(super) fn person(seed: u64, number: usize) -> Person {
    let mut chance = Chance::new(seed, number as u64);
    let (place, of_place) = of_person(number);
    let (first, gender, last) = place.name(&mut chance);
    let mut attributes = Map::new();
    let mut set = |member: &str, value: Value| drop(attributes.insert(member.to_owned(), value));
    set("firstName", json!(first));
    set("lastName", json!(last));
    set("country", json!(place.country));
    set("language", json!(place.language));
    set("timezone", json!(place.timezone));
    if gender != "unknown" || chance.percent(50) {
        set("gender", json!(gender));
    }
    // Domains that nobody can own.
    if chance.percent(90) {
        let domain = if chance.percent(70) { "example.com" } else { "example.org" };
        set("email", json!(format!("{}.{number}@{domain}", place.country.to_lowercase())));
    }
    if let Some(phone) = place.phone(of_place).filter(|_| chance.percent(80)) {
        set("phone", json!(phone));
    }
    let tags = TAGS.iter().copied().filter(|_| chance.percent(22)).collect();
    let mut fields = Vec::new();
    if chance.percent(60) {
        let (year, month, day) = (1950 + chance.below(55), 1 + chance.below(12), 1 + chance.below(28));
        fields.push(("Birthday", json!(format!("{year}-{month:02}-{day:02}"))));
    }
    if chance.percent(75) {
        fields.push(("Orders", json!(chance.below(40))));
    }
    if chance.percent(50) {
        fields.push(("Found us through", json!(chance.one(SOURCES))));
    }
    if chance.percent(40) {
        fields.push(("Newsletter", json!(chance.percent(65))));
    }
    let talk = chance.percent(45).then(|| conversation(place.language, &mut chance));
    Person { attributes, tags, fields, talk }
}

fn conversation(language: &str, chance: &mut Chance) -> Conversation {
    let talk = talk_in(language, chance);
    let answered = chance.percent(80);
    let goes_on = answered && chance.percent(70);
    let presses = goes_on && !talk.buttons.is_empty() && chance.percent(75);
    let pressed = presses.then(|| chance.below(talk.buttons.len()));
    Conversation { talk, answered, pressed, goes_on }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(count: usize) -> Vec<Person> {
        (0..count).map(|number| person(7, number)).collect()
    }

    fn texts(people: &[Person], member: &str) -> Vec<String> {
        let of_one = |person: &Person| person.attributes.get(member).and_then(Value::as_str).map(str::to_owned);
        people.iter().filter_map(of_one).collect()
    }

    #[test]
    fn nobody_shares_an_address_and_no_address_is_anybodys() {
        let people = all(3_000);
        for member in ["email", "phone"] {
            let values = texts(&people, member);
            assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{member}");
        }
        for email in texts(&people, "email") {
            assert!(email.ends_with("@example.com") || email.ends_with("@example.org"), "{email}");
        }
        for phone in texts(&people, "phone") {
            let fiction = ["55501", "+447700900", "+49176040690", "+4917139200", "+3363998", "+467017406"];
            assert!(fiction.iter().any(|range| phone.contains(range)), "{phone}");
            assert!(aggregates::contact_address::parse_phone(&phone).is_some(), "{phone}");
        }
    }

    #[test]
    fn there_is_a_little_of_everything() {
        let people = all(300);
        let countries: BTreeSet<String> = texts(&people, "country").into_iter().collect();
        let languages: BTreeSet<String> = texts(&people, "language").into_iter().collect();
        assert!(countries.len() >= 8 && languages.len() >= 8);
        assert!(
            people.iter().any(|person| person.tags.len() > 1) && people.iter().any(|person| person.tags.is_empty())
        );
        let talks: Vec<&Conversation> = people.iter().filter_map(|person| person.talk.as_ref()).collect();
        assert!(talks.len() > 50 && talks.iter().any(|talk| !talk.answered));
        assert!(talks.iter().any(|talk| talk.pressed.is_some()) && talks.iter().any(|talk| talk.goes_on));
    }

    #[test]
    fn a_person_follows_from_seed_and_number() {
        let (one, again, other) = (person(1, 5), person(1, 5), person(2, 5));
        assert_eq!((&one.attributes, &one.tags, &one.fields), (&again.attributes, &again.tags, &again.fields));
        assert_ne!((&one.attributes, &one.tags, &one.fields), (&other.attributes, &other.tags, &other.fields));
    }
}
