//! Typed ids after the `TypeID` specification 0.3 (<https://github.com/jetify-com/typeid>): a prefix that names the noun,
//! an underscore, and a UUID in 26 characters of Crockford's base 32.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of the encoded UUID.
const SUFFIX_LENGTH: usize = 26;

/// Writes `uuid` under `prefix`, for example `contact_01jzk…`.
#[must_use]
pub fn format_id(prefix: &str, uuid: Uuid) -> String {
    let mut bits = uuid.as_u128();
    let mut suffix = [0_u8; SUFFIX_LENGTH];
    for place in suffix.iter_mut().rev() {
        *place = ALPHABET[(bits & 31) as usize];
        bits >>= 5;
    }
    let mut text = String::with_capacity(prefix.len() + 1 + SUFFIX_LENGTH);
    text.push_str(prefix);
    text.push('_');
    text.extend(suffix.iter().map(|byte| char::from(*byte)));
    text
}

/// Reads an id that must have `prefix`.
///
/// # Errors
/// When the prefix differs, the length is wrong, a character is not of the alphabet (which is lower case), or the
/// number exceeds 128 bit.
pub fn parse_id(prefix: &'static str, text: &str) -> Result<Uuid, InvalidId> {
    let invalid = || InvalidId { prefix };
    let suffix = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or_else(invalid)?;
    // The first character holds 3 bits only: 26 * 5 = 130 = 128 + 2.
    if suffix.len() != SUFFIX_LENGTH || suffix.as_bytes()[0] > b'7' {
        return Err(invalid());
    }
    let mut bits = 0_u128;
    for byte in suffix.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == byte).ok_or_else(invalid)?;
        bits = (bits << 5) | value as u128;
    }
    Ok(Uuid::from_u128(bits))
}

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id of this kind is `{prefix}_` and 26 characters of 0-9 a-z without i l o u")]
pub struct InvalidId {
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The `TypeID` prefix.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&format_id(Self::PREFIX, self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_id(Self::PREFIX, text).map(Self)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$"),
                })
            }
        }
    };
}

id!(/// A workspace.
    WorkspaceId, "ws");
id!(/// An access token (not its secret).
    TokenId, "tok");
id!(/// A contact.
    ContactId, "contact");
id!(/// A tag.
    TagId, "tag");
id!(/// A custom field's definition.
    FieldId, "field");
id!(/// A note about a contact.
    NoteId, "note");
id!(/// A bot field.
    BotFieldId, "botfield");
id!(/// A conversation.
    ConversationId, "conv");
id!(/// A message, inbound or outbound.
    MessageId, "msg");
id!(/// A channel account.
    AccountId, "account");
id!(/// A flow.
    FlowId, "flow");
id!(/// One run of a flow.
    RunId, "run");
id!(/// A stored event.
    EventId, "evt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_specification_hold() {
        for (uuid, suffix) in [
            ("00000000-0000-0000-0000-000000000000", "00000000000000000000000000"),
            ("00000000-0000-0000-0000-000000000001", "00000000000000000000000001"),
            ("00000000-0000-0000-0000-00000000000a", "0000000000000000000000000a"),
            ("00000000-0000-0000-0000-000000000020", "00000000000000000000000010"),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", "7zzzzzzzzzzzzzzzzzzzzzzzzz"),
            ("01890a5d-ac96-774b-bcce-b302099a8057", "01h455vb4pex5vsknk084sn02q"),
        ] {
            let uuid: Uuid = uuid.parse().expect("a valid UUID");
            assert_eq!(format_id("prefix", uuid), format!("prefix_{suffix}"));
            assert_eq!(parse_id("prefix", &format!("prefix_{suffix}")), Ok(uuid));
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "tag_",
            "tag_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "tag_0000000000000000000000000",
            "tag_0000000000000000000000000u",
            "tag_0000000000000000000000000A",
            "field_00000000000000000000000001",
            "tag_0000000000000000000000000é",
        ] {
            assert!(text.parse::<TagId>().is_err(), "{text}");
        }
    }
}
