//! Where a list goes on: the sort key and the id of the last row seen, and the position at which the list was begun.
//!
//! A cursor leaves the program as URL-safe base64 over JSON. It holds nothing that its bearer has not just been shown.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::cell::{Cell, Column};

/// The longest cursor that is read, in bytes: names are at most 255 characters.
const MAX_BYTES: usize = 8_192;

/// What a list is ordered by. The names stand in cursors: a renamed one makes those in use unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    /// Contacts, the last active first.
    LastActivity,
    /// Contacts, the newest first.
    Created,
    /// Contacts by name, from A.
    Name,
    /// Conversations, the last changed first.
    Updated,
    /// Tags, custom fields or channel accounts by name, from A.
    Label,
    /// Runs of flows, the newest first.
    Begun,
    /// Messages, by position.
    Position,
    /// Messages, the newest first.
    Time,
}

/// A sort key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    Integer(i64),
    Text(String),
}

impl Key {
    pub(crate) fn cell(&self) -> Cell {
        match self {
            Self::Integer(number) => number.to_cell(),
            Self::Text(text) => text.to_cell(),
        }
    }
}

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    #[serde(rename = "o")]
    pub(crate) order: Order,
    #[serde(rename = "k")]
    pub(crate) key: Key,
    #[serde(rename = "i")]
    pub(crate) id: String,
    #[serde(rename = "p")]
    pub(crate) position: u64,
}

/// Why a text is no cursor for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCursor {
    /// It was not made here.
    #[error("this is not a cursor that a list gave out")]
    Malformed,
    /// It was made by a list in another order.
    #[error("this cursor belongs to a list in another order")]
    OtherOrder,
}

impl Cursor {
    /// Of which order it is.
    #[must_use]
    pub const fn order(&self) -> Order {
        self.order
    }

    /// The position at which the list was begun: later pages are read no earlier than that.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Says at which position the list was begun.
    #[must_use]
    pub const fn begun_at(mut self, position: u64) -> Self {
        self.position = position;
        self
    }

    /// The text that a caller gets.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads such a text for a list ordered by `order`.
    ///
    /// # Errors
    /// [`InvalidCursor`].
    pub fn decode(text: &str, order: Order) -> Result<Self, InvalidCursor> {
        if text.len() > MAX_BYTES {
            return Err(InvalidCursor::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor::Malformed)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| InvalidCursor::Malformed)?;
        if cursor.order != order {
            return Err(InvalidCursor::OtherOrder);
        }
        let textual = matches!(order, Order::Name | Order::Label);
        if textual == matches!(cursor.key, Key::Text(_)) { Ok(cursor) } else { Err(InvalidCursor::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(order: Order, key: Key) -> Cursor {
        Cursor { order, key, id: "tag_x".to_owned(), position: 7 }
    }

    #[test]
    fn a_cursor_survives_its_text() {
        for cursor in [
            cursor(Order::Name, Key::Text("łódź \"?&".to_owned())),
            cursor(Order::LastActivity, Key::Integer(i64::MAX)),
        ] {
            let text = cursor.encode();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            assert_eq!(Cursor::decode(&text, cursor.order), Ok(cursor));
        }
    }

    #[test]
    fn what_is_no_cursor_or_of_another_list_is_told_apart() {
        let text = cursor(Order::Created, Key::Integer(1)).encode();
        assert_eq!(Cursor::decode(&text, Order::Name), Err(InvalidCursor::OtherOrder));
        assert_eq!(Cursor::decode("§", Order::Name), Err(InvalidCursor::Malformed));
        assert_eq!(Cursor::decode("", Order::Name), Err(InvalidCursor::Malformed));
        assert_eq!(Cursor::decode(&"A".repeat(MAX_BYTES + 1), Order::Name), Err(InvalidCursor::Malformed));
        let wrong_key = cursor(Order::Name, Key::Integer(1)).encode();
        assert_eq!(Cursor::decode(&wrong_key, Order::Name), Err(InvalidCursor::Malformed));
    }
}
