//! How values become columns: text, integer or nothing. One trait, so that a table's struct is all that has to be declared.

use std::str::FromStr;

use aggregates::Personal;
use aggregates::channel_account::Channel;
use aggregates::field_value::FieldType;
use aggregates::ids::{
    AccountId, BotFieldId, ContactId, ConversationId, FieldId, FlowId, MessageId, NoteId, RunId, TagId, TokenId,
    WorkspaceId,
};
use aggregates::message::Status;
use aggregates::metadata::ActorKind;
use aggregates::token::Permission;
use serde::de::value::{Error as DeError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use sqlx::error::BoxDynError;

use crate::database::{Arguments, Error, Row, Value};

/// What a column holds, where it holds anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers, times, truths.
    Integer,
    /// Texts.
    Text,
}

/// A column's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// SQL's null.
    Null,
    /// A number, a time, a truth.
    Integer(i64),
    /// A text.
    Text(String),
}

impl Cell {
    /// A text as both databases can hold it: PostgreSQL has no character U+0000. It shows nothing, and folding drops it, too, so
    /// what is folded again from a stored text is the same as what was folded from the event.
    pub(crate) fn text(mut text: String) -> Self {
        if text.contains('\0') {
            text.retain(|letter| letter != '\0');
        }
        Self::Text(text)
    }

    pub(crate) fn bind(self, arguments: &mut Arguments) -> Result<(), Error> {
        match self {
            Self::Null => arguments.add(None::<i64>),
            Self::Integer(number) => arguments.add(number),
            Self::Text(text) => arguments.add(text),
        }
    }

    pub(crate) fn into_json(self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Integer(number) => number.into(),
            Self::Text(text) => text.into(),
        }
    }
}

/// A type that stands in one column.
pub trait Column: Sized {
    /// What the column holds.
    const KIND: Kind;
    /// The stored value.
    fn to_cell(&self) -> Cell;
    /// Reads the stored value.
    fn from_value(value: Value<'_>) -> Result<Self, BoxDynError>;
}

/// Reads the column at `index`.
pub fn decode<T: Column>(row: &Row, index: usize) -> Result<T, Error> {
    T::from_value(row.value(index)?).map_err(|source| Error::ColumnDecode { index: index.to_string(), source })
}

impl Column for i64 {
    const KIND: Kind = Kind::Integer;

    fn to_cell(&self) -> Cell {
        Cell::Integer(*self)
    }

    fn from_value(value: Value<'_>) -> Result<Self, BoxDynError> {
        value.integer()
    }
}

impl Column for u64 {
    const KIND: Kind = Kind::Integer;

    fn to_cell(&self) -> Cell {
        // Positions and counts never come near 2^63.
        Cell::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }

    fn from_value(value: Value<'_>) -> Result<Self, BoxDynError> {
        Ok(Self::try_from(i64::from_value(value)?)?)
    }
}

impl Column for bool {
    const KIND: Kind = Kind::Integer;

    fn to_cell(&self) -> Cell {
        Cell::Integer(i64::from(*self))
    }

    fn from_value(value: Value<'_>) -> Result<Self, BoxDynError> {
        Ok(i64::from_value(value)? != 0)
    }
}

impl Column for String {
    const KIND: Kind = Kind::Text;

    fn to_cell(&self) -> Cell {
        Cell::text(self.clone())
    }

    fn from_value(value: Value<'_>) -> Result<Self, BoxDynError> {
        Ok(value.text()?.to_owned())
    }
}

impl<T: Column> Column for Option<T> {
    const KIND: Kind = T::KIND;

    fn to_cell(&self) -> Cell {
        self.as_ref().map_or(Cell::Null, T::to_cell)
    }

    fn from_value(value: Value<'_>) -> Result<Self, BoxDynError> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// A value that stands in its column as JSON text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Json<T>(pub T);

impl<T: Serialize + DeserializeOwned> Column for Json<T> {
    const KIND: Kind = Kind::Text;

    fn to_cell(&self) -> Cell {
        // Only plain values stand here, all of which have a JSON form.
        serde_json::to_string(&self.0).map_or(Cell::Null, Cell::Text)
    }

    fn from_value(value: Value<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(serde_json::from_str(value.text()?)?))
    }
}

macro_rules! id_columns {
    ($($id:ty),*) => {
        $(impl Column for $id {
            const KIND: Kind = Kind::Text;

            fn to_cell(&self) -> Cell {
                Cell::Text(self.to_string())
            }

            fn from_value(value: Value<'_>) -> Result<Self, BoxDynError> {
                Ok(Self::from_str(value.text()?)?)
            }
        })*
    };
}

id_columns!(
    BotFieldId,
    WorkspaceId,
    TokenId,
    ContactId,
    TagId,
    FieldId,
    NoteId,
    ConversationId,
    MessageId,
    AccountId,
    FlowId,
    RunId
);

macro_rules! name_columns {
    ($($name:ty),*) => {
        $(impl Column for $name {
            const KIND: Kind = Kind::Text;

            fn to_cell(&self) -> Cell {
                Cell::Text(<&'static str>::from(*self).to_owned())
            }

            fn from_value(value: Value<'_>) -> Result<Self, BoxDynError> {
                let text: StrDeserializer<'_, DeError> = value.text()?.into_deserializer();
                Ok(Self::deserialize(text)?)
            }
        })*
    };
}

name_columns!(
    Channel,
    Permission,
    FieldType,
    Status,
    aggregates::flow_run::Status,
    ActorKind,
    crate::messages::Direction
);

/// What is known of a personal value: nothing, once the person was forgotten.
pub fn known<T: Clone>(value: &Personal<T>) -> Option<T> {
    value.known().cloned()
}
