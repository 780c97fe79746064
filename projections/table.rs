//! What a read table is: a struct whose members are its columns, the key first. Declared once, by [`table!`]; the statements
//! that load and write its rows follow from that.

use std::collections::BTreeSet;

use aggregates::Recorded;
use aggregates::metadata::ActorKind;

use crate::cell::{Cell, Kind};
use crate::database::{Error, Row};
use crate::rows::Rows;

/// A row of a read table.
pub trait Table: Clone + PartialEq + Send + Sync + 'static {
    /// The values of the key columns.
    type Key: Ord + Clone + Send + Sync;
    /// The table's name.
    const NAME: &'static str;
    /// The key columns.
    const KEY: &'static [&'static str];
    /// All columns, the key columns first.
    const COLUMNS: &'static [&'static str];
    /// What each column of [`Self::COLUMNS`] holds.
    const KINDS: &'static [Kind];

    /// The row's key.
    fn key(&self) -> Self::Key;
    /// The key's values, in the order of [`Self::KEY`].
    fn key_cells(key: &Self::Key) -> Vec<Cell>;
    /// The row's values, in the order of [`Self::COLUMNS`].
    fn cells(&self) -> Vec<Cell>;
    /// Reads the first columns of `row`, which stand in the order of [`Self::COLUMNS`].
    fn from_row(row: &Row) -> Result<Self, Error>;

    /// All columns under an alias, for a `select`.
    fn columns(alias: &str) -> String {
        let columns: Vec<String> = Self::COLUMNS.iter().map(|column| format!("{alias}.{column}")).collect();
        columns.join(", ")
    }
}

/// A table that is folded from events.
pub trait Projection: Table {
    /// Collects the keys of the rows that `apply` reads for `event`. Rows that it only inserts need not be among them.
    fn touched(event: &Recorded, keys: &mut BTreeSet<Self::Key>);

    /// Changes the rows as `event` says. Sees nothing but its own rows and the event: no clock, no new ids, no other table.
    ///
    /// # Errors
    /// When the event contradicts the rows, so that the log or a table is broken.
    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison>;
}

/// Why an event cannot be applied: it needs a row that its own stream should have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poison(pub &'static str);

/// Who caused an event, as it stands beside what was caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The kind.
    pub kind: ActorKind,
    /// A token's or a channel account's id; `local` or `system` otherwise.
    pub id: String,
}

/// Declares a row: the struct, and [`Table`] for it. `Debug` prints the table and the key only: rows hold personal data.
macro_rules! table {
    (
        $(#[$doc:meta])*
        pub struct $row:ident in $table:literal {
            key { $($(#[$key_doc:meta])* $key:ident: $key_type:ty,)* }
            $($(#[$column_doc:meta])* $column:ident: $column_type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq)]
        pub struct $row {
            $($(#[$key_doc])* pub $key: $key_type,)*
            $($(#[$column_doc])* pub $column: $column_type,)*
        }

        impl std::fmt::Debug for $row {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct($table)$(.field(stringify!($key), &self.$key))*.finish_non_exhaustive()
            }
        }

        impl $crate::table::Table for $row {
            type Key = ($($key_type,)*);
            const NAME: &'static str = $table;
            const KEY: &'static [&'static str] = &[$(stringify!($key)),*];
            const COLUMNS: &'static [&'static str] = &[$(stringify!($key),)* $(stringify!($column),)*];
            const KINDS: &'static [$crate::cell::Kind] = &[
                $(<$key_type as $crate::cell::Column>::KIND,)*
                $(<$column_type as $crate::cell::Column>::KIND,)*
            ];

            fn key(&self) -> Self::Key {
                ($(self.$key.clone(),)*)
            }

            fn key_cells(key: &Self::Key) -> Vec<$crate::cell::Cell> {
                let ($($key,)*) = key;
                vec![$($crate::cell::Column::to_cell($key)),*]
            }

            fn cells(&self) -> Vec<$crate::cell::Cell> {
                vec![
                    $($crate::cell::Column::to_cell(&self.$key),)*
                    $($crate::cell::Column::to_cell(&self.$column),)*
                ]
            }

            fn from_row(row: &$crate::database::Row) -> Result<Self, $crate::database::Error> {
                let mut columns = 0..;
                let mut next = || columns.next().unwrap_or(usize::MAX);
                Ok(Self {
                    $($key: $crate::cell::decode(row, next())?,)*
                    $($column: $crate::cell::decode(row, next())?,)*
                })
            }
        }
    };
}

pub(crate) use table;
