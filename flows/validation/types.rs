//! Values that are put into fields: whether the field takes them.

use aggregates::contact_address::{parse_email, parse_phone};
use aggregates::contact_attributes::Attribute;
use aggregates::field_value::{FieldType, FieldValue};
use aggregates::folding::fold;
use serde_json::Value;

use super::Report;
use crate::catalog::Noun;
use crate::finding::{Code, Finding};
use crate::mentions::Given;
use crate::times;
use crate::turn::{FieldOperation, Target};

/// What a place takes.
#[derive(Clone, Copy)]
enum Takes {
    Attribute(Attribute),
    Field(FieldType),
    /// Anything: a variable of the run.
    All,
}

impl Takes {
    /// The type of its values; nothing when it takes all.
    const fn field_type(self) -> Option<FieldType> {
        match self {
            Self::Attribute(Attribute::Email) => Some(FieldType::Email),
            Self::Attribute(Attribute::Phone) => Some(FieldType::Phone),
            Self::Attribute(Attribute::AvatarUrl) => Some(FieldType::Url),
            Self::Attribute(_) => Some(FieldType::Text),
            Self::Field(field_type) => Some(field_type),
            Self::All => None,
        }
    }

    fn has(self, operation: FieldOperation) -> bool {
        use FieldOperation::{Append, Clear, Decrease, Increase, Prepend, Set};
        match (self, operation) {
            (_, Set | Clear) | (Self::All, _) => true,
            (Self::Attribute(attribute), Append | Prepend) => {
                matches!(attribute, Attribute::FirstName | Attribute::LastName)
            }
            (Self::Field(field_type), Append | Prepend) => matches!(field_type, FieldType::Text | FieldType::List),
            (Self::Field(field_type), Increase | Decrease) => field_type == FieldType::Number,
            (Self::Attribute(_), Increase | Decrease) => false,
        }
    }
}

impl Report<'_> {
    fn takes(&mut self, path: &str, target: &Target) -> Option<Takes> {
        let (noun, name) = match target {
            Target::Contact(attribute) => return Some(Takes::Attribute(*attribute)),
            Target::Variable(_) => return Some(Takes::All),
            Target::CustomField(name) => (Noun::Field, name),
            Target::BotField(name) => (Noun::BotField, name),
        };
        match self.find(noun, path, name) {
            Ok(thing) => thing.field_type.map(Takes::Field),
            Err(finding) => {
                self.error(finding);
                None
            }
        }
    }

    /// A value that is looked at.
    pub(super) fn read(&mut self, path: &str, target: &Target, types: &[FieldType]) {
        let Some(takes) = self.takes(path, target) else { return };
        if takes.field_type().is_some_and(|field_type| !types.contains(&field_type)) {
            let names: Vec<&str> = types.iter().map(Into::into).collect();
            let message = format!("this place must hold values of the type {}", names.join(" or "));
            self.error(Finding::new(Code::WrongType, path, message));
        }
    }

    /// A value that is changed.
    pub(super) fn put(&mut self, path: &str, target: &Target, operation: FieldOperation, given: Given<'_>) {
        let Some(takes) = self.takes(path, target) else { return };
        if operation == FieldOperation::Clear && matches!(target, Target::BotField(_)) {
            let message = "a bot field cannot be emptied";
            return self.error(Finding::new(Code::WrongType, path, message).hint("set it to another value"));
        }
        if !takes.has(operation) {
            let message = format!("values of this type cannot be changed with {}", name(operation));
            let hint = "append and prepend are for texts and lists, increase and decrease for numbers";
            return self.error(Finding::new(Code::WrongType, path, message).hint(hint));
        }
        if let Some(expected) = misfit(takes, operation, given) {
            self.error(Finding::new(Code::WrongType, path, format!("this place takes {expected}")));
        }
    }
}

fn name(operation: FieldOperation) -> String {
    serde_json::to_value(operation).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What the place takes, if it is not what is given.
fn misfit(takes: Takes, operation: FieldOperation, given: Given<'_>) -> Option<String> {
    match (takes, given) {
        (_, Given::Nothing) | (Takes::All, _) => None,
        (_, Given::Answer(types)) => {
            let wanted = takes.field_type()?;
            let wanted_name: &str = wanted.into();
            (!types.contains(&wanted)).then(|| format!("values of the type {wanted_name}, which this answer is not"))
        }
        (_, Given::Value(value)) if has_template(value) || operation == FieldOperation::Clear => None,
        (Takes::Attribute(attribute), Given::Value(value)) => misfit_of_attribute(attribute, value),
        (Takes::Field(FieldType::List), Given::Value(Value::String(_))) if operation != FieldOperation::Set => None,
        (Takes::Field(field_type), Given::Value(value)) => {
            FieldValue::parse(field_type, value).err().map(|error| error.expected.to_owned())
        }
    }
}

/// Whether what is put there is only known in the run.
fn has_template(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{") || text.contains("{%"),
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(members) => members.values().any(has_template),
        _ => false,
    }
}

fn misfit_of_attribute(attribute: Attribute, value: &Value) -> Option<String> {
    let text = value.as_str();
    let (fits, expected): (fn(&str) -> bool, &str) = match attribute {
        Attribute::Email => (|text| parse_email(text).is_some(), "an e-mail address, for example ana@example.com"),
        Attribute::Phone => {
            (|text| parse_phone(text).is_some(), "a phone number with + and country code, for example +491701234567")
        }
        Attribute::Gender => (|text| matches!(text, "male" | "female" | "unknown"), "male, female or unknown"),
        Attribute::Timezone => (|text| times::zone(text).is_some(), "an IANA time zone, for example Europe/Berlin"),
        Attribute::Country => (
            |text| text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_alphabetic()),
            "two letters of ISO 3166-1, for example DE",
        ),
        Attribute::AvatarUrl => (|text| text.starts_with("https://"), "an address that begins with https://"),
        Attribute::FirstName | Attribute::LastName | Attribute::Language => (|text| !fold(text).is_empty(), "a text"),
    };
    (!text.is_some_and(fits)).then(|| expected.to_owned())
}
