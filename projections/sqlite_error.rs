//! What SQLite says of a failure, as an error of this crate: the same for both databases.

use std::borrow::Cow;
use std::error::Error as StdError;

use sqlx::error::{DatabaseError, ErrorKind};

use crate::database::Error;

/// A failure that SQLite told.
#[derive(Debug, thiserror::Error)]
#[error("(code: {code}) {message}")]
struct Failure {
    /// SQLite's extended result code.
    code: i32,
    message: String,
}

impl DatabaseError for Failure {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        // Nobody asks: whatever stands in the way of a read table is a defect.
        ErrorKind::Other
    }
}

/// What the driver says. Whatever is not SQLite's own word is about a statement and values that do not fit.
pub(crate) fn failure(error: rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(error, message) => {
            let message = message.unwrap_or_else(|| error.to_string());
            Error::Database(Box::new(Failure { code: error.extended_code, message }))
        }
        other => Error::Encode(Box::new(other)),
    }
}
