//! The rows of one table that a page of events touches: loaded in bulk, changed in memory, written back in bulk.

use std::collections::{BTreeMap, BTreeSet};

use crate::bulk;
use crate::cell::{Cell, Column};
use crate::database::{Connection, Error};
use crate::sql::Sql;
use crate::table::Table;

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

    /// Loads the rows under `keys`, as far as they are not here.
    pub(crate) async fn load(&mut self, connection: &mut Connection, keys: BTreeSet<T::Key>) -> Result<(), Error> {
        let wanted: Vec<T::Key> = keys.into_iter().filter(|key| !self.slots.contains_key(key)).collect();
        for row in bulk::load::<T>(connection, &wanted).await? {
            self.slots.insert(row.key(), Slot { row: Some(row), changed: false });
        }
        for key in wanted {
            self.slots.entry(key).or_insert(Slot { row: None, changed: false });
        }
        Ok(())
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

    /// How many rows are here.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Takes out what was swept away. First, so that it meets the rows of before this page: what was taken of the page's own is marked
    /// as removed already.
    pub(crate) async fn sweep(&mut self, connection: &mut Connection) -> Result<(), Error> {
        for sweep in std::mem::take(&mut self.sweeps) {
            sweep.statement::<T>().run(connection).await?;
        }
        Ok(())
    }

    /// Writes what was changed, and forgets all rows.
    pub(crate) async fn write(&mut self, connection: &mut Connection) -> Result<(), Error> {
        self.sweep(connection).await?;
        let mut upserts: Vec<T> = Vec::new();
        let mut removed: Vec<T::Key> = Vec::new();
        for (key, row) in std::mem::take(self).changes() {
            match row {
                Some(row) => upserts.push(row),
                None => removed.push(key),
            }
        }
        bulk::upsert(connection, &upserts).await?;
        bulk::delete::<T>(connection, &removed).await
    }
}
