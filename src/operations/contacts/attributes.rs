//! A contact's attributes as callers write them, each read into the one spelling in which it is stored.

use std::collections::BTreeSet;

use aggregates::contact_address::{parse_email, parse_phone};
use aggregates::contact_attributes::{Attribute, Attributes};
use aggregates::folding::fold;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::operations::inputs::{Change, input_type};
use crate::problem::Problem;

/// Declares the attributes once: as members of a new contact, and as members of an update.
macro_rules! attribute_inputs {
    ($($member:ident, $kind:ident, $schema:tt;)*) => {
        $(input_type! {
            /// One attribute, as it was written.
            $kind(String), $schema
        })*

        /// The attributes of a new contact.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub(in crate::operations) struct NewAttributes {
            $(pub(super) $member: Option<$kind>,)*
        }

        /// The attributes that an update sets or empties.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub(super) struct ChangedAttributes {
            $(#[serde(default)] $member: Change<$kind>,)*
        }

        impl NewAttributes {
            /// Reads them.
            ///
            /// # Errors
            /// `invalid_input` naming the one that cannot be read.
            pub(in crate::operations) fn read(&self) -> Result<Attributes, Problem> {
                let mut attributes = Attributes::default();
                $(if let Some(written) = &self.$member {
                    attributes.$member = Some(read(Attribute::$kind, &written.0)?.into());
                })*
                Ok(attributes)
            }
        }

        impl ChangedAttributes {
            /// Reads those to set, and names those to empty.
            ///
            /// # Errors
            /// `invalid_input` naming the one that cannot be read.
            pub(super) fn read(&self) -> Result<(Attributes, BTreeSet<Attribute>), Problem> {
                let (mut set, mut cleared) = (Attributes::default(), BTreeSet::new());
                $(match &self.$member {
                    Change::Keep => {}
                    Change::Clear => {
                        cleared.insert(Attribute::$kind);
                    }
                    Change::Set(written) => set.$member = Some(read(Attribute::$kind, &written.0)?.into()),
                })*
                Ok((set, cleared))
            }
        }
    };
}

impl NewAttributes {
    /// The time zone, as it was written.
    pub(in crate::operations) fn timezone(&self) -> Option<String> {
        self.timezone.as_ref().map(|written| written.0.trim().to_owned())
    }
}

attribute_inputs! {
    first_name, FirstName, {"type": "string", "minLength": 1, "maxLength": 255, "description": "Given name."};
    last_name, LastName, {"type": "string", "minLength": 1, "maxLength": 255, "description": "Family name."};
    email, Email, {"type": "string", "minLength": 1, "maxLength": 254,
        "description": "E-mail address; one contact per address."};
    phone, Phone, {"type": "string", "minLength": 1, "maxLength": 40,
        "description": "Phone number with + and country code; one contact per number."};
    gender, Gender, {"type": "string", "enum": ["male", "female", "unknown"], "description": "Gender, if known."};
    language, Language, {"type": "string", "minLength": 2, "maxLength": 35,
        "description": "BCP 47 language, e.g. pt-BR."};
    timezone, Timezone, {"type": "string", "minLength": 1, "maxLength": 64,
        "description": "IANA time zone, e.g. Europe/Berlin."};
    country, Country, {"type": "string", "minLength": 2, "maxLength": 2,
        "description": "ISO 3166-1 country, e.g. DE."};
    avatar_url, AvatarUrl, {"type": "string", "minLength": 9, "maxLength": 2048,
        "description": "https address of a picture."};
}

/// Reads one attribute.
///
/// # Errors
/// `invalid_input` saying what such a value is.
pub(crate) fn read(attribute: Attribute, written: &str) -> Result<String, Problem> {
    let text = written.trim();
    let (value, expected) = match attribute {
        Attribute::FirstName | Attribute::LastName => {
            ((!fold(text).is_empty()).then(|| text.to_owned()), "a name with visible characters")
        }
        Attribute::Email => (parse_email(text), "an e-mail address, for example ana@example.com"),
        Attribute::Phone => {
            (parse_phone(text), "a phone number with + and country code, 7 to 15 digits, for example +491701234567")
        }
        Attribute::Gender => (Some(text.to_owned()), "male, female or unknown"),
        Attribute::Language => {
            (is_language(text).then(|| text.to_owned()), "a BCP 47 language tag, for example en or pt-BR")
        }
        Attribute::Timezone => {
            (is_timezone(text).then(|| text.to_owned()), "an IANA time zone, for example Europe/Berlin")
        }
        Attribute::Country => (
            (text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_alphabetic())).then(|| text.to_uppercase()),
            "two letters of ISO 3166-1, for example DE",
        ),
        Attribute::AvatarUrl => {
            let fits = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
            (
                (fits && !text.contains(char::is_whitespace)).then(|| text.to_owned()),
                "an address that begins with https://",
            )
        }
    };
    value.ok_or_else(|| Problem::invalid(attribute.to_string(), format!("must be {expected}")).value(written))
}

/// The form of a language tag: subtags of 1 to 8 letters and digits, the first of 2 to 3 letters (RFC 5646, 2.1, without its registry).
fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let first = subtags.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|letter| letter.is_ascii_alphabetic())
        && subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|letter| letter.is_ascii_alphanumeric()))
}

/// Whether the machine's time zone database knows it; without a database, whether it has the form of a name.
fn is_timezone(text: &str) -> bool {
    let zones = jiff::tz::db();
    if zones.is_definitively_empty() {
        return text.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_-+/".contains(&letter));
    }
    zones.get(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_into_one_spelling() {
        for (attribute, written, value) in [
            (Attribute::FirstName, " Ana ", "Ana"),
            (Attribute::Email, "Ana@Example.COM", "Ana@example.com"),
            (Attribute::Phone, "+49 170 1234567", "+491701234567"),
            (Attribute::Language, "pt-BR", "pt-BR"),
            (Attribute::Timezone, "Europe/Berlin", "Europe/Berlin"),
            (Attribute::Country, "de", "DE"),
            (Attribute::AvatarUrl, "https://example.com/a.png", "https://example.com/a.png"),
        ] {
            assert_eq!(read(attribute, written).as_deref(), Ok(value));
        }
    }

    #[test]
    fn what_cannot_be_read_names_the_attribute() {
        for (attribute, written) in [
            (Attribute::FirstName, "\u{200b} "),
            (Attribute::Email, "ana"),
            (Attribute::Phone, "0170 1234567"),
            (Attribute::Language, "e"),
            (Attribute::Language, "english_language"),
            (Attribute::Timezone, "Mars/Phobos!"),
            (Attribute::Country, "Germany"),
            (Attribute::AvatarUrl, "http://example.com/a.png"),
        ] {
            let problem = read(attribute, written).expect_err(written);
            assert_eq!(problem.field, Some(attribute.to_string()));
        }
    }
}
