//! The rows of one table that a page of events touches: loaded in bulk, changed in memory, written back in bulk.
//!
//! Statements have a few fixed sizes, so that each is prepared once and kept.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, Executor as _};

use crate::cell::{Cell, Column};
use crate::database::{Arguments, Connection, Error};
use crate::dialect::BULK_PLACEHOLDER;
use crate::sql::Sql;
use crate::table::Table;

/// How many rows one statement takes, from the largest.
const SIZES: [usize; 4] = [128, 16, 4, 1];

struct Slot<T> {
    row: Option<T>,
    changed: bool,
}

/// Values that columns have in rows that go all at once, however many there are and whether they are loaded or not.
#[derive(Clone, Debug)]
pub struct Sweep(Vec<(&'static str, Cell)>);

impl Sweep {
    /// The rows in which `column` has `value`.
    pub fn of(column: &'static str, value: &impl Column) -> Self {
        Self(vec![(column, value.to_cell())])
    }

    /// Those of them in which `column` has `value`.
    pub fn and(mut self, column: &'static str, value: &impl Column) -> Self {
        self.0.push((column, value.to_cell()));
        self
    }

    fn takes<T: Table>(&self, row: &T) -> bool {
        let cells = row.cells();
        let has = |(column, value): &(&str, Cell)| {
            T::COLUMNS.iter().position(|name| name == column).and_then(|place| cells.get(place)) == Some(value)
        };
        self.0.iter().all(has)
    }

    fn statement<T: Table>(self) -> Sql {
        let mut sql = Sql::new(format!("delete from {} where true", T::NAME));
        for (column, value) in self.0 {
            sql = sql.push(format!(" and {column} = ")).bind_cell(value);
        }
        sql
    }
}

/// Rows by key, with what was changed.
pub struct Rows<T: Table> {
    slots: BTreeMap<T::Key, Slot<T>>,
    sweeps: Vec<Sweep>,
}

impl<T: Table> Default for Rows<T> {
    fn default() -> Self {
        Self { slots: BTreeMap::new(), sweeps: Vec::new() }
    }
}

impl<T: Table> Rows<T> {
    /// The row under `key`, to be changed; `touched` has named it, or this page has inserted it.
    pub fn get_mut(&mut self, key: &T::Key) -> Option<&mut T> {
        debug_assert!(self.slots.contains_key(key), "a row of {} was not loaded", T::NAME);
        let slot = self.slots.get_mut(key)?;
        slot.changed |= slot.row.is_some();
        slot.row.as_mut()
    }

    /// Puts a row in, or another one in its place.
    pub fn insert(&mut self, row: T) {
        self.slots.insert(row.key(), Slot { row: Some(row), changed: true });
    }

    /// Takes the row under `key` out.
    pub fn remove(&mut self, key: T::Key) {
        self.slots.insert(key, Slot { row: None, changed: true });
    }

    /// Takes out every row that `sweep` describes, those that this page has not loaded among them. What is inserted later stays.
    pub fn remove_all(&mut self, sweep: Sweep) {
        for slot in self.slots.values_mut() {
            if slot.row.as_ref().is_some_and(|row| sweep.takes(row)) {
                *slot = Slot { row: None, changed: true };
            }
        }
        self.sweeps.push(sweep);
    }

    /// Loads the rows under `keys`.
    pub(crate) async fn load(connection: &mut Connection, keys: BTreeSet<T::Key>) -> Result<Self, Error> {
        let wanted: Vec<T::Key> = keys.into_iter().collect();
        let mut slots = BTreeMap::new();
        for chunk in chunks(&wanted) {
            let mut arguments = Arguments::default();
            for cell in chunk.iter().flat_map(|key| T::key_cells(key)) {
                cell.bind(&mut arguments)?;
            }
            let text = format!(
                "select {} from {} v where ({}) in (values {})",
                T::columns("v"),
                T::NAME,
                T::KEY.join(", "),
                tuples(chunk.len(), T::KEY.len()),
            );
            for row in connection.fetch_all(sqlx::query_with(AssertSqlSafe(text), arguments)).await? {
                let row = T::from_row(&row)?;
                slots.insert(row.key(), Slot { row: Some(row), changed: false });
            }
        }
        for key in wanted {
            slots.entry(key).or_insert(Slot { row: None, changed: false });
        }
        Ok(Self { slots, sweeps: Vec::new() })
    }

    /// What was changed, by key: the row, or nothing where it was taken out.
    pub(crate) fn changes(self) -> impl Iterator<Item = (T::Key, Option<T>)> {
        self.slots.into_iter().filter(|(_, slot)| slot.changed).map(|(key, slot)| (key, slot.row))
    }

    /// Rows as if loaded from `stored`.
    #[cfg(test)]
    pub(crate) fn of(stored: &BTreeMap<T::Key, T>, keys: BTreeSet<T::Key>) -> Self {
        let slot = |key: T::Key| (key.clone(), Slot { row: stored.get(&key).cloned(), changed: false });
        Self { slots: keys.into_iter().map(slot).collect(), sweeps: Vec::new() }
    }

    /// Whether a stored row goes before the changes are written.
    #[cfg(test)]
    pub(crate) fn sweeps_away(&self, row: &T) -> bool {
        self.sweeps.iter().any(|sweep| sweep.takes(row))
    }

    /// Writes what was changed.
    pub(crate) async fn write(mut self, connection: &mut Connection) -> Result<(), Error> {
        // First, so that they meet the rows of before this page: what they took of its own is marked as removed already.
        for sweep in std::mem::take(&mut self.sweeps) {
            sweep.statement::<T>().raw(connection).await?;
        }
        let mut upserts: Vec<T> = Vec::new();
        let mut removed: Vec<T::Key> = Vec::new();
        for (key, row) in self.changes() {
            match row {
                Some(row) => upserts.push(row),
                None => removed.push(key),
            }
        }
        for chunk in chunks(&upserts) {
            let text = format!(
                "insert into {} ({}) values {} on conflict ({}) do update set {}",
                T::NAME,
                T::COLUMNS.join(", "),
                tuples(chunk.len(), T::COLUMNS.len()),
                T::KEY.join(", "),
                assignments::<T>(),
            );
            run(connection, text, chunk.iter().flat_map(T::cells)).await?;
        }
        for chunk in chunks(&removed) {
            let tuples = tuples(chunk.len(), T::KEY.len());
            let text = format!("delete from {} where ({}) in (values {tuples})", T::NAME, T::KEY.join(", "));
            run(connection, text, chunk.iter().flat_map(|key| T::key_cells(key))).await?;
        }
        Ok(())
    }
}

async fn run(connection: &mut Connection, text: String, cells: impl Iterator<Item = Cell>) -> Result<(), Error> {
    let mut arguments = Arguments::default();
    for cell in cells {
        cell.bind(&mut arguments)?;
    }
    connection.execute(sqlx::query_with(AssertSqlSafe(text), arguments)).await.map(|_| ())
}

/// `name = excluded.name` for every column that is not of the key.
fn assignments<T: Table>() -> String {
    let rest = &T::COLUMNS[T::KEY.len()..];
    rest.iter().map(|column| format!("{column} = excluded.{column}")).collect::<Vec<_>>().join(", ")
}

/// `(?, ?), (?, ?)`.
fn tuples(rows: usize, columns: usize) -> String {
    let tuple = format!("({})", vec![BULK_PLACEHOLDER; columns].join(", "));
    vec![tuple; rows].join(", ")
}

/// Cuts `items` into pieces of the fixed sizes.
fn chunks<I>(items: &[I]) -> impl Iterator<Item = &[I]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rest.len())?;
        let (piece, after) = rest.split_at(size);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_cut_into_the_fixed_sizes_without_loss() {
        for count in [0, 1, 3, 4, 127, 128, 300] {
            let items: Vec<usize> = (0..count).collect();
            let pieces: Vec<&[usize]> = chunks(&items).collect();
            assert!(pieces.iter().all(|piece| SIZES.contains(&piece.len())));
            assert_eq!(pieces.concat(), items);
        }
    }

    #[test]
    fn a_bulk_statement_has_one_placeholder_per_value() {
        assert_eq!(tuples(2, 3), "(?, ?, ?), (?, ?, ?)");
    }
}
