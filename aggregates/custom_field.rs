//! A custom field: a named, typed place for a value on every contact.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::field_value::FieldType;
use crate::folding::fold;
use crate::glue::cqrs_glue;
use crate::ids::ContactId;
use crate::root::Root;
use crate::stream::StreamType;

/// What can be asked of a custom field.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it.
    Create {
        /// 1 to 255 characters, unique in the workspace without regard to case and marks.
        name: String,
        /// What its values are; never changes.
        field_type: FieldType,
        /// What it is for, at most 1,000 characters.
        description: Option<String>,
    },
}

/// What happened to a custom field. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It began.
    CustomFieldCreated {
        /// Its name, trimmed.
        name: String,
        /// What its values are.
        field_type: FieldType,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name shows nothing or is too long.
    #[error("a custom field's name has 1 to 255 visible characters")]
    InvalidName,
    /// The description is too long.
    #[error("a custom field's description has at most 1,000 characters")]
    InvalidDescription,
    /// It exists otherwise.
    #[error("this custom field exists already, otherwise")]
    Exists,
}

/// A custom field's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CustomField {
    /// Its name; empty before it began.
    pub name: String,
    /// What its values are.
    pub field_type: FieldType,
    /// What it is for.
    pub description: Option<String>,
}

/// The claim on a custom field's name.
#[must_use]
pub fn name_claim(name: &str) -> Claim {
    Claim::new(ClaimKind::FieldName, fold(name))
}

impl CustomField {
    fn fold(&mut self, event: &Event) {
        let Event::CustomFieldCreated { name, field_type, description } = event;
        *self = Self { name: name.clone(), field_type: *field_type, description: description.clone() };
    }
}

impl Root for CustomField {
    const STREAM: StreamType = StreamType::CustomField;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        let Command::Create { name, field_type, description } = command;
        let name = name.trim();
        if fold(name).is_empty() || name.chars().count() > 255 {
            return Err(Error::InvalidName);
        }
        if description.as_ref().is_some_and(|text| text.chars().count() > 1_000) {
            return Err(Error::InvalidDescription);
        }
        let wanted = Self { name: name.to_owned(), field_type: *field_type, description: description.clone() };
        if *self == wanted {
            return Ok(Vec::new());
        }
        if !self.name.is_empty() {
            return Err(Error::Exists);
        }
        Ok(vec![Event::CustomFieldCreated {
            name: wanted.name,
            field_type: wanted.field_type,
            description: wanted.description,
        }])
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        let Event::CustomFieldCreated { name, .. } = event;
        vec![ClaimChange::Take { claim: name_claim(name), owner: id }]
    }

    fn subject(_: &Event, _: Uuid) -> Option<ContactId> {
        None
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(CustomField, Command, Event, Error, CustomField);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{causes, holds, refuses};

    fn create(name: &str, field_type: FieldType, description: Option<&str>) -> Command {
        Command::Create { name: name.to_owned(), field_type, description: description.map(str::to_owned) }
    }

    fn created(name: &str, field_type: FieldType) -> Event {
        Event::CustomFieldCreated { name: name.to_owned(), field_type, description: None }
    }

    #[test]
    fn a_field_is_created_once_with_its_name_trimmed() {
        causes::<CustomField>(
            vec![],
            create(" Size ", FieldType::Number, None),
            vec![created("Size", FieldType::Number)],
        );
    }

    #[test]
    fn a_name_has_1_to_255_visible_characters() {
        for name in ["", " ", "\u{feff}", &"x".repeat(256)] {
            refuses::<CustomField>(vec![], create(name, FieldType::Text, None), Error::InvalidName);
        }
    }

    #[test]
    fn a_description_has_at_most_1000_characters() {
        let (fits, too_long) = ("ä".repeat(1_000), "ä".repeat(1_001));
        let description = Some(fits.clone());
        causes::<CustomField>(
            vec![],
            create("Size", FieldType::Text, Some(&fits)),
            vec![Event::CustomFieldCreated { name: "Size".to_owned(), field_type: FieldType::Text, description }],
        );
        let command = create("Size", FieldType::Text, Some(&too_long));
        refuses::<CustomField>(vec![], command, Error::InvalidDescription);
    }

    #[test]
    fn a_field_is_not_created_again_otherwise() {
        let given = || vec![created("Size", FieldType::Text)];
        for command in [
            create("Size", FieldType::Number, None),
            create("Sizes", FieldType::Text, None),
            create("Size", FieldType::Text, Some("what they wear")),
        ] {
            refuses::<CustomField>(given(), command, Error::Exists);
        }
    }

    #[test]
    fn a_name_is_claimed_without_regard_to_case_and_marks() {
        holds::<CustomField>(&[created("Größe", FieldType::Text)], &[name_claim("GROSSE")]);
    }

    #[test]
    fn a_field_is_about_nobody() {
        assert_eq!(CustomField::subject(&created("Size", FieldType::Text), Uuid::nil()), None);
    }
}
