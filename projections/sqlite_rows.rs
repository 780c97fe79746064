//! The rows of a statement on an SQLite file. They are read while the statement runs, so what they hold is copied: all of it into one
//! piece of memory, since most of it is decoded into something else right away.

use std::ops::Range;
use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::database::Error;

/// All rows of a statement.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    width: usize,
    /// The values, row after row.
    slots: Vec<Slot>,
    /// The texts and bytes among them.
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Slot {
    Null,
    Integer(i64),
    Real(f64),
    Text(Range<usize>),
    Blob(Range<usize>),
}

impl Batch {
    /// No rows yet, of so many columns.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Copies a row.
    pub(crate) fn push(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        for index in 0..self.width {
            let slot = match row.get_ref(index)? {
                ValueRef::Null => Slot::Null,
                ValueRef::Integer(number) => Slot::Integer(number),
                ValueRef::Real(number) => Slot::Real(number),
                ValueRef::Text(text) => Slot::Text(self.keep(text)),
                ValueRef::Blob(bytes) => Slot::Blob(self.keep(bytes)),
            };
            self.slots.push(slot);
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        begin..self.bytes.len()
    }

    /// Its rows, one by one.
    pub(crate) fn rows(self) -> Vec<SqliteRow> {
        if self.slots.is_empty() {
            return Vec::new();
        }
        let batch = Arc::new(self);
        let begins = (0..batch.slots.len()).step_by(batch.width);
        begins.map(|begin| SqliteRow { batch: Arc::clone(&batch), begin }).collect()
    }
}

/// One of them.
#[derive(Clone, Debug)]
pub struct SqliteRow {
    batch: Arc<Batch>,
    /// Where its first value stands.
    begin: usize,
}

impl SqliteRow {
    /// The value in a column.
    pub(crate) fn value(&self, index: usize) -> Result<ValueRef<'_>, Error> {
        let Batch { width, slots, bytes } = &*self.batch;
        let out_of_bounds = Error::ColumnIndexOutOfBounds { index, len: *width };
        let slot = if index < *width { slots.get(self.begin + index) } else { None };
        Ok(match slot.ok_or(out_of_bounds)? {
            Slot::Null => ValueRef::Null,
            Slot::Integer(number) => ValueRef::Integer(*number),
            Slot::Real(number) => ValueRef::Real(*number),
            Slot::Text(place) => ValueRef::Text(&bytes[place.clone()]),
            Slot::Blob(place) => ValueRef::Blob(&bytes[place.clone()]),
        })
    }
}
