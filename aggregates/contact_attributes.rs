//! The attributes of a contact: all optional, all personal.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::personal::Personal;

macro_rules! attributes {
    ($($(#[$doc:meta])* $field:ident, $variant:ident;)*) => {
        /// The name of an attribute, as callers write it.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::Display,
        )]
        #[serde(rename_all = "camelCase")]
        #[strum(serialize_all = "camelCase")]
        pub enum Attribute {
            $($(#[$doc])* $variant,)*
        }

        /// What is known of a contact. A missing attribute is unknown.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct Attributes {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<Personal<String>>,
            )*
        }

        impl Attributes {
            /// The value of one.
            #[must_use]
            pub const fn get(&self, attribute: Attribute) -> Option<&Personal<String>> {
                match attribute {
                    $(Attribute::$variant => self.$field.as_ref(),)*
                }
            }

            /// Takes in the value of one.
            pub fn set(&mut self, attribute: Attribute, value: Personal<String>) {
                match attribute {
                    $(Attribute::$variant => self.$field = Some(value),)*
                }
            }

            /// Whether nothing is known.
            #[must_use]
            pub const fn is_empty(&self) -> bool {
                true $(&& self.$field.is_none())*
            }

            /// Takes over what `other` knows.
            pub fn merge(&mut self, other: &Self) {
                $(if other.$field.is_some() {
                    self.$field.clone_from(&other.$field);
                })*
            }

            /// Empties the named ones.
            pub fn clear(&mut self, cleared: &BTreeSet<Attribute>) {
                $(if cleared.contains(&Attribute::$variant) {
                    self.$field = None;
                })*
            }

            /// Those of its values that `other` does not have.
            #[must_use]
            pub fn differing_from(&self, other: &Self) -> Self {
                Self {
                    $($field: self.$field.clone().filter(|value| other.$field.as_ref() != Some(value)),)*
                }
            }
        }
    };
}

attributes! {
    /// Given name, 1 to 255 characters.
    first_name, FirstName;
    /// Family name, 1 to 255 characters.
    last_name, LastName;
    /// E-mail address.
    email, Email;
    /// Phone number in E.164.
    phone, Phone;
    /// `male`, `female` or `unknown`.
    gender, Gender;
    /// BCP 47 language tag.
    language, Language;
    /// IANA time zone.
    timezone, Timezone;
    /// ISO 3166-1 alpha-2 code.
    country, Country;
    /// https address of a picture.
    avatar_url, AvatarUrl;
}

impl Attributes {
    /// Whether a person could be told by them.
    #[must_use]
    pub const fn tells_who(&self) -> bool {
        self.first_name.is_some() || self.last_name.is_some() || self.email.is_some() || self.phone.is_some()
    }

    /// First and last name, joined.
    #[must_use]
    pub fn display_name(&self) -> Option<String> {
        let parts: Vec<&str> = [&self.first_name, &self.last_name]
            .into_iter()
            .filter_map(|part| part.as_ref().and_then(Personal::known).map(String::as_str))
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}
