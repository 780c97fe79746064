//! Many rows in few statements, each database in its own way: SQLite takes lists of values in a few fixed sizes, PostgreSQL one
//! array per column. So the texts of the statements are few, and each is prepared once and kept.

use crate::cell::{Cell, Kind};
use crate::database::{Arguments, Connection, Database, Error, Row};
use crate::dialect::BULK_PLACEHOLDER;
use crate::table::Table;

/// How many rows one statement takes on SQLite, from the largest.
const SIZES: [usize; 4] = [128, 16, 4, 1];

/// The rows under `keys` that exist.
pub(crate) async fn load<T: Table>(connection: &mut Connection, keys: &[T::Key]) -> Result<Vec<T>, Error> {
    let (columns, name, key) = (T::columns("v"), T::NAME, T::KEY.join(", "));
    let mut found = Vec::new();
    for chunk in chunks(connection.database(), keys) {
        let (wanted, arguments) =
            tuples(connection.database(), keys_of::<T>(), chunk.iter().map(|key| T::key_cells(key)))?;
        let text = match connection.database() {
            Database::Sqlite => format!("select {columns} from {name} v where ({key}) in (values {wanted})"),
            Database::Postgres => format!("select {columns} from {wanted} k ({key}) join {name} v using ({key})"),
        };
        let rows: Vec<Row> = connection.fetch(text, arguments).await?;
        for row in &rows {
            found.push(T::from_row(row)?);
        }
    }
    Ok(found)
}

/// Puts rows in, or in the place of those that have their keys.
pub(crate) async fn upsert<T: Table>(connection: &mut Connection, rows: &[T]) -> Result<(), Error> {
    for chunk in chunks(connection.database(), rows) {
        let (values, arguments) = tuples(connection.database(), T::KINDS, chunk.iter().map(T::cells))?;
        let source = match connection.database() {
            Database::Sqlite => format!("values {values}"),
            Database::Postgres => format!("select * from {values}"),
        };
        let (columns, key, set) = (T::COLUMNS.join(", "), T::KEY.join(", "), assignments::<T>());
        let text = format!("insert into {} ({columns}) {source} on conflict ({key}) do update set {set}", T::NAME);
        connection.execute(text, arguments).await?;
    }
    Ok(())
}

/// Takes out the rows under `keys`.
pub(crate) async fn delete<T: Table>(connection: &mut Connection, keys: &[T::Key]) -> Result<(), Error> {
    for chunk in chunks(connection.database(), keys) {
        let (gone, arguments) =
            tuples(connection.database(), keys_of::<T>(), chunk.iter().map(|key| T::key_cells(key)))?;
        let source = match connection.database() {
            Database::Sqlite => format!("values {gone}"),
            Database::Postgres => format!("select * from {gone}"),
        };
        let text = format!("delete from {} where ({}) in ({source})", T::NAME, T::KEY.join(", "));
        connection.execute(text, arguments).await?;
    }
    Ok(())
}

fn keys_of<T: Table>() -> &'static [Kind] {
    &T::KINDS[..T::KEY.len()]
}

/// `name = excluded.name` for every column that is not of the key.
fn assignments<T: Table>() -> String {
    let rest = &T::COLUMNS[T::KEY.len()..];
    rest.iter().map(|column| format!("{column} = excluded.{column}")).collect::<Vec<_>>().join(", ")
}

/// Rows of values as a part of a statement, and the values: `(?, ?), (?, ?)`, or `unnest($1::text[], $2::bigint[])`.
fn tuples(
    database: Database,
    kinds: &[Kind],
    rows: impl ExactSizeIterator<Item = Vec<Cell>>,
) -> Result<(String, Arguments), Error> {
    let mut arguments = Arguments::new(database);
    if database == Database::Sqlite {
        let tuple = format!("({})", vec![BULK_PLACEHOLDER; kinds.len()].join(", "));
        let text = vec![tuple; rows.len()].join(", ");
        for cell in rows.flatten() {
            cell.bind(&mut arguments)?;
        }
        return Ok((text, arguments));
    }
    let mut columns: Vec<Values> = kinds.iter().map(|kind| Values::new(*kind, rows.len())).collect();
    for row in rows {
        columns.iter_mut().zip(row).for_each(|(column, cell)| column.push(cell));
    }
    let mut text = String::from("unnest(");
    for (index, column) in columns.into_iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let array = match &column {
            Values::Integers(_) => "bigint[]",
            Values::Texts(_) => "text[]",
        };
        text.push_str(&format!("{separator}${}::{array}", index + 1));
        match column {
            Values::Integers(values) => arguments.add_array(values)?,
            Values::Texts(values) => arguments.add_array(values)?,
        }
    }
    text.push(')');
    Ok((text, arguments))
}

/// A column of values.
enum Values {
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
}

impl Values {
    fn new(kind: Kind, count: usize) -> Self {
        match kind {
            Kind::Integer => Self::Integers(Vec::with_capacity(count)),
            Kind::Text => Self::Texts(Vec::with_capacity(count)),
        }
    }

    fn push(&mut self, cell: Cell) {
        match (self, cell) {
            (Self::Integers(values), Cell::Integer(number)) => values.push(Some(number)),
            (Self::Texts(values), Cell::Text(text)) => values.push(Some(text)),
            // A cell of another kind than its column's cannot be made.
            (Self::Integers(values), _) => values.push(None),
            (Self::Texts(values), _) => values.push(None),
        }
    }
}

/// Cuts `items` into pieces of the fixed sizes; PostgreSQL takes all at once.
fn chunks<I>(database: Database, items: &[I]) -> impl Iterator<Item = &[I]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let size = match database {
            Database::Sqlite => SIZES.into_iter().find(|size| *size <= rest.len())?,
            Database::Postgres => (!rest.is_empty()).then_some(rest.len())?,
        };
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
            let pieces: Vec<&[usize]> = chunks(Database::Sqlite, &items).collect();
            assert!(pieces.iter().all(|piece| SIZES.contains(&piece.len())));
            assert_eq!(pieces.concat(), items);
            assert_eq!(chunks(Database::Postgres, &items).count(), usize::from(count > 0));
        }
    }

    #[test]
    fn a_bulk_statement_has_one_placeholder_per_value_or_per_column() {
        let rows = || [1, 2].into_iter().map(|number| vec![Cell::Integer(number), Cell::Null]);
        let text = |database| tuples(database, &[Kind::Integer, Kind::Text], rows()).expect("values").0;
        assert_eq!(text(Database::Sqlite), "(?, ?), (?, ?)");
        assert_eq!(text(Database::Postgres), "unnest($1::bigint[], $2::text[])");
    }
}
