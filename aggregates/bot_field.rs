//! A bot field: a named, typed variable of the workspace, the same for all contacts. Its value is not about a person.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::custom_field::MAX_DESCRIPTION_CHARS;
use crate::field_value::{FieldType, FieldValue};
use crate::glue::cqrs_glue;
use crate::ids::ContactId;
use crate::root::Root;
use crate::stream::StreamType;
use crate::unique_name;

/// What can be asked of a bot field.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it.
    Create {
        /// 1 to 255 characters, unique in the workspace without regard to case and marks.
        name: String,
        /// What its value is; never changes.
        field_type: FieldType,
        /// What it is for, at most 1,000 characters.
        description: Option<String>,
        /// Its first value, of the type.
        value: Option<FieldValue>,
    },
    /// Give it another value.
    Set {
        /// The value, of the type.
        value: FieldValue,
    },
    /// End it: its name is free.
    Delete,
}

/// What happened to a bot field. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It began.
    BotFieldCreated {
        /// Its name, trimmed.
        name: String,
        /// What its value is.
        field_type: FieldType,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Its first value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<FieldValue>,
    },
    /// It got another value.
    BotFieldSet {
        /// The value.
        value: FieldValue,
    },
    /// It ended.
    BotFieldDeleted {
        /// The name that it gave back.
        name: String,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name shows nothing or is too long.
    #[error("a bot field's name has 1 to 255 visible characters")]
    InvalidName,
    /// The description is too long.
    #[error("a bot field's description has at most {MAX_DESCRIPTION_CHARS} characters")]
    InvalidDescription,
    /// The value is of another type.
    #[error("the value is not of the bot field's type")]
    WrongType,
    /// It exists otherwise.
    #[error("this bot field exists already, otherwise")]
    Exists,
    /// It does not exist, or not any more.
    #[error("this bot field does not exist")]
    Unknown,
}

/// A bot field's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BotField {
    /// Its name; empty before it began and after it ended.
    pub name: String,
    /// What its value is.
    pub field_type: FieldType,
    /// What it is for.
    pub description: Option<String>,
    /// Its value.
    pub value: Option<FieldValue>,
    /// Whether it ended.
    pub deleted: bool,
}

/// The claim on a bot field's name.
#[must_use]
pub fn name_claim(name: &str) -> Claim {
    unique_name::claim(ClaimKind::BotFieldName, name)
}

impl BotField {
    fn fold(&mut self, event: &Event) {
        match event {
            Event::BotFieldCreated { name, field_type, description, value } => {
                *self = Self {
                    name: name.clone(),
                    field_type: *field_type,
                    description: description.clone(),
                    value: value.clone(),
                    deleted: false,
                };
            }
            Event::BotFieldSet { value } => self.value = Some(value.clone()),
            Event::BotFieldDeleted { .. } => *self = Self { deleted: true, ..Self::default() },
        }
    }

    fn create(
        &self,
        name: &str,
        field_type: FieldType,
        description: Option<&String>,
        value: Option<&FieldValue>,
    ) -> Result<Vec<Event>, Error> {
        let name = unique_name::checked(name).ok_or(Error::InvalidName)?.to_owned();
        if description.is_some_and(|text| text.chars().count() > MAX_DESCRIPTION_CHARS) {
            return Err(Error::InvalidDescription);
        }
        if value.is_some_and(|value| value.field_type() != field_type) {
            return Err(Error::WrongType);
        }
        let (description, value) = (description.cloned(), value.cloned());
        if !self.name.is_empty() {
            let wanted = Self { name, field_type, description, value, deleted: false };
            return if *self == wanted { Ok(Vec::new()) } else { Err(Error::Exists) };
        }
        Ok(vec![Event::BotFieldCreated { name, field_type, description, value }])
    }
}

impl Root for BotField {
    const STREAM: StreamType = StreamType::BotField;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        match command {
            Command::Create { .. } if self.deleted => Err(Error::Unknown),
            Command::Create { name, field_type, description, value } => {
                self.create(name, *field_type, description.as_ref(), value.as_ref())
            }
            Command::Delete if self.deleted => Ok(Vec::new()),
            _ if self.name.is_empty() => Err(Error::Unknown),
            Command::Set { value } if value.field_type() != self.field_type => Err(Error::WrongType),
            Command::Set { value } => {
                let changed = self.value.as_ref() != Some(value);
                Ok(changed.then(|| Event::BotFieldSet { value: value.clone() }).into_iter().collect())
            }
            Command::Delete => Ok(vec![Event::BotFieldDeleted { name: self.name.clone() }]),
        }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        match event {
            Event::BotFieldCreated { name, .. } => unique_name::taken(ClaimKind::BotFieldName, name, id),
            Event::BotFieldSet { .. } => Vec::new(),
            Event::BotFieldDeleted { name } => unique_name::released(ClaimKind::BotFieldName, name),
        }
    }

    fn subject(_: &Event, _: Uuid) -> Option<ContactId> {
        None
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(BotField, Command, Event, Error, BotField);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{causes, holds, refuses};

    fn create(name: &str, field_type: FieldType, value: Option<FieldValue>) -> Command {
        Command::Create { name: name.to_owned(), field_type, description: None, value }
    }

    fn created(value: Option<FieldValue>) -> Event {
        Event::BotFieldCreated { name: "Open".to_owned(), field_type: FieldType::Boolean, description: None, value }
    }

    fn set(truth: bool) -> Event {
        Event::BotFieldSet { value: FieldValue::Boolean(truth) }
    }

    #[test]
    fn a_bot_field_is_created_once_with_or_without_a_value() {
        causes::<BotField>(vec![], create(" Open ", FieldType::Boolean, None), vec![created(None)]);
        let value = || Some(FieldValue::Boolean(true));
        causes::<BotField>(vec![], create("Open", FieldType::Boolean, value()), vec![created(value())]);
        refuses::<BotField>(vec![created(None)], create("Open", FieldType::Text, None), Error::Exists);
        refuses::<BotField>(vec![], create("\u{200b}", FieldType::Text, None), Error::InvalidName);
        refuses::<BotField>(vec![], create("Open", FieldType::Text, value()), Error::WrongType);
        let described = Command::Create {
            name: "Open".to_owned(),
            field_type: FieldType::Text,
            description: Some("x".repeat(1_001)),
            value: None,
        };
        refuses::<BotField>(vec![], described, Error::InvalidDescription);
    }

    #[test]
    fn a_value_of_its_type_is_set_once() {
        let to = |value| Command::Set { value };
        causes::<BotField>(vec![created(None)], to(FieldValue::Boolean(true)), vec![set(true)]);
        causes::<BotField>(vec![created(None), set(true)], to(FieldValue::Boolean(true)), vec![]);
        causes::<BotField>(vec![created(None), set(true)], to(FieldValue::Boolean(false)), vec![set(false)]);
        refuses::<BotField>(vec![created(None)], to(FieldValue::Text("yes".to_owned())), Error::WrongType);
        refuses::<BotField>(vec![], to(FieldValue::Boolean(true)), Error::Unknown);
    }

    #[test]
    fn a_deleted_bot_field_gives_its_name_back_and_does_not_come_back() {
        let deleted = || Event::BotFieldDeleted { name: "Open".to_owned() };
        holds::<BotField>(&[created(None)], &[name_claim("OPEN")]);
        holds::<BotField>(&[created(None), deleted()], &[]);
        causes::<BotField>(vec![created(None)], Command::Delete, vec![deleted()]);
        causes::<BotField>(vec![created(None), deleted()], Command::Delete, vec![]);
        for command in [Command::Set { value: FieldValue::Boolean(true) }, create("Open", FieldType::Boolean, None)] {
            refuses::<BotField>(vec![created(None), deleted()], command, Error::Unknown);
        }
        refuses::<BotField>(vec![], Command::Delete, Error::Unknown);
    }

    #[test]
    fn a_bot_field_is_about_nobody() {
        assert_eq!(BotField::subject(&created(None), Uuid::nil()), None);
    }
}
