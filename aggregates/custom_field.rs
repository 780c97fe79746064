//! A custom field: a named, typed place for a value on every contact.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::field_value::FieldType;
use crate::glue::cqrs_glue;
use crate::ids::ContactId;
use crate::root::Root;
use crate::stream::StreamType;
use crate::unique_name;

/// The longest description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 1_000;

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
    /// Change what is given. The type stays: values of it are on contacts.
    Update {
        /// As when it began.
        name: Option<String>,
        /// What it is for; empty takes it away.
        description: Option<String>,
    },
    /// End it: its values go from every contact, and its name is free.
    Delete,
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
    /// Its name or description changed.
    CustomFieldUpdated {
        /// Its name, where that changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The name that it gave back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_name: Option<String>,
        /// What it is for, where that changed; empty when that was taken away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// It ended, and with it its values on every contact.
    CustomFieldDeleted {
        /// The name that it gave back.
        name: String,
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
    /// It does not exist, or not any more.
    #[error("this custom field does not exist")]
    Unknown,
}

/// A custom field's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CustomField {
    /// Its name; empty before it began and after it ended.
    pub name: String,
    /// What its values are.
    pub field_type: FieldType,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it ended.
    pub deleted: bool,
}

/// The claim on a custom field's name.
#[must_use]
pub fn name_claim(name: &str) -> Claim {
    unique_name::claim(ClaimKind::FieldName, name)
}

impl CustomField {
    fn fold(&mut self, event: &Event) {
        match event {
            Event::CustomFieldCreated { name, field_type, description } => {
                let (name, description) = (name.clone(), description.clone());
                *self = Self { name, field_type: *field_type, description, deleted: false };
            }
            Event::CustomFieldUpdated { name, description, .. } => {
                if let Some(name) = name {
                    self.name.clone_from(name);
                }
                if let Some(description) = description {
                    self.description = Some(description.clone()).filter(|text| !text.is_empty());
                }
            }
            Event::CustomFieldDeleted { .. } => *self = Self { deleted: true, ..Self::default() },
        }
    }

    fn create(&self, name: &str, field_type: FieldType, description: Option<&String>) -> Result<Vec<Event>, Error> {
        let name = fitting(name)?;
        check_description(description)?;
        let wanted = Self { name, field_type, description: description.cloned(), deleted: false };
        if *self == wanted {
            return Ok(Vec::new());
        }
        if !self.name.is_empty() {
            return Err(Error::Exists);
        }
        let Self { name, field_type, description, .. } = wanted;
        Ok(vec![Event::CustomFieldCreated { name, field_type, description }])
    }

    fn update(&self, name: Option<&String>, description: Option<&String>) -> Result<Vec<Event>, Error> {
        let name = name.map(|name| fitting(name)).transpose()?.filter(|name| *name != self.name);
        check_description(description)?;
        let there = self.description.as_deref().unwrap_or_default();
        let description = description.filter(|text| text.as_str() != there).cloned();
        if name.is_none() && description.is_none() {
            return Ok(Vec::new());
        }
        let previous_name = name.as_ref().map(|_| self.name.clone());
        Ok(vec![Event::CustomFieldUpdated { name, previous_name, description }])
    }
}

fn fitting(name: &str) -> Result<String, Error> {
    unique_name::checked(name).map(str::to_owned).ok_or(Error::InvalidName)
}

fn check_description(description: Option<&String>) -> Result<(), Error> {
    if description.is_some_and(|text| text.chars().count() > MAX_DESCRIPTION_CHARS) {
        return Err(Error::InvalidDescription);
    }
    Ok(())
}

impl Root for CustomField {
    const STREAM: StreamType = StreamType::CustomField;
    const SNAPSHOT_VERSION: u32 = 2;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        match command {
            Command::Create { .. } if self.deleted => Err(Error::Unknown),
            Command::Create { name, field_type, description } => self.create(name, *field_type, description.as_ref()),
            Command::Delete if self.deleted => Ok(Vec::new()),
            _ if self.name.is_empty() => Err(Error::Unknown),
            Command::Update { name, description } => self.update(name.as_ref(), description.as_ref()),
            Command::Delete => Ok(vec![Event::CustomFieldDeleted { name: self.name.clone() }]),
        }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        match event {
            Event::CustomFieldCreated { name, .. } => unique_name::taken(ClaimKind::FieldName, name, id),
            Event::CustomFieldUpdated { name: Some(name), previous_name: Some(previous), .. } => {
                unique_name::moved(ClaimKind::FieldName, previous, name, id)
            }
            Event::CustomFieldUpdated { .. } => Vec::new(),
            Event::CustomFieldDeleted { name } => unique_name::released(ClaimKind::FieldName, name),
        }
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

    fn update(name: Option<&str>, description: Option<&str>) -> Command {
        Command::Update { name: name.map(str::to_owned), description: description.map(str::to_owned) }
    }

    fn updated(names: Option<(&str, &str)>, description: Option<&str>) -> Event {
        Event::CustomFieldUpdated {
            name: names.map(|(name, _)| name.to_owned()),
            previous_name: names.map(|(_, previous)| previous.to_owned()),
            description: description.map(str::to_owned),
        }
    }

    #[test]
    fn an_update_holds_only_what_changes_and_moves_the_claim() {
        let given = || vec![created("Size", FieldType::Number)];
        causes::<CustomField>(
            given(),
            update(Some(" Shoes "), Some("of feet")),
            vec![updated(Some(("Shoes", "Size")), Some("of feet"))],
        );
        causes::<CustomField>(given(), update(Some("Size"), Some("of feet")), vec![updated(None, Some("of feet"))]);
        causes::<CustomField>(given(), update(Some("Size"), Some("")), vec![]);
        let described = vec![created("Size", FieldType::Number), updated(None, Some("of feet"))];
        causes::<CustomField>(described, update(None, Some("")), vec![updated(None, Some(""))]);
        refuses::<CustomField>(given(), update(Some(" "), None), Error::InvalidName);
        refuses::<CustomField>(given(), update(None, Some(&"ä".repeat(1_001))), Error::InvalidDescription);
        let moved = [created("Size", FieldType::Number), updated(Some(("Shoes", "Size")), None)];
        holds::<CustomField>(&moved, &[name_claim("shoes")]);
    }

    #[test]
    fn a_deleted_field_gives_its_name_back_and_does_not_come_back() {
        let deleted = || Event::CustomFieldDeleted { name: "Size".to_owned() };
        let given = || vec![created("Size", FieldType::Number), deleted()];
        causes::<CustomField>(vec![created("Size", FieldType::Number)], Command::Delete, vec![deleted()]);
        causes::<CustomField>(given(), Command::Delete, vec![]);
        holds::<CustomField>(&given(), &[]);
        for command in [update(Some("Size"), None), create("Size", FieldType::Number, None)] {
            refuses::<CustomField>(given(), command, Error::Unknown);
        }
        refuses::<CustomField>(vec![], Command::Delete, Error::Unknown);
    }

    #[test]
    fn a_field_is_about_nobody() {
        assert_eq!(CustomField::subject(&created("Size", FieldType::Text), Uuid::nil()), None);
    }
}
