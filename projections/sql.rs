//! A statement put together from fixed texts and bound values. Values never become part of the text, so nothing that a caller wrote
//! can change a statement's meaning.

use crate::cell::{Cell, Column};
use crate::database::{Arguments, Connection, Database, Error, Row};
use crate::table::Table;

#[derive(Clone, Debug)]
enum Piece {
    Text(std::borrow::Cow<'static, str>),
    Value(Cell),
    /// What each database takes in this place.
    Either {
        sqlite: Sql,
        postgres: Sql,
    },
}

/// A statement or a part of one.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    pieces: Vec<Piece>,
    by_values: bool,
}

impl Sql {
    /// Begins with a text.
    pub fn new(text: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self { pieces: vec![Piece::Text(text.into())], by_values: false }
    }

    /// A part that differs between the databases.
    pub fn either(sqlite: Self, postgres: Self) -> Self {
        let by_values = sqlite.by_values || postgres.by_values;
        Self { pieces: vec![Piece::Either { sqlite, postgres }], by_values }
    }

    /// Adds a text of ours; never one of a caller.
    pub fn push(mut self, text: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        self.pieces.push(Piece::Text(text.into()));
        self
    }

    /// Adds a placeholder and its value.
    pub fn bind(self, value: &impl Column) -> Self {
        self.bind_cell(value.to_cell())
    }

    /// Adds a placeholder and its value.
    pub fn bind_cell(mut self, value: Cell) -> Self {
        self.pieces.push(Piece::Value(value));
        self
    }

    /// Adds `(a, b, c)`. With no values the list holds null, which equals nothing.
    pub fn bind_list<'v, T: Column + 'v>(mut self, values: impl IntoIterator<Item = &'v T>) -> Self {
        let mut separator = "(";
        for value in values {
            self = self.push(separator).bind(value);
            separator = ", ";
        }
        if separator == "(" { self.push("(null)") } else { self.push(")") }
    }

    /// Adds another part.
    pub fn append(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self.by_values |= other.by_values;
        self
    }

    /// Whoever it is a part of is planned for its values. What does not say so may be planned once for any values: that takes as long
    /// as running a statement that finds its rows by their keys, but for any text at all it would look a word up that every message
    /// has, and go through all of them for one page. SQLite plans for any values, always.
    pub fn planned_by_values(mut self) -> Self {
        self.by_values = true;
        self
    }

    /// Adds ` and ` and each of `conditions`.
    pub fn and_all<'c>(mut self, conditions: impl IntoIterator<Item = &'c Self>) -> Self {
        for condition in conditions {
            self = self.push(" and ").append(condition.clone());
        }
        self
    }

    fn render(self, database: Database) -> Result<(String, Arguments), Error> {
        let (mut text, mut arguments) = (String::new(), Arguments::new(database));
        self.render_into(database, &mut text, &mut arguments, &mut 0)?;
        Ok((text, arguments))
    }

    fn render_into(
        self,
        database: Database,
        text: &mut String,
        arguments: &mut Arguments,
        number: &mut usize,
    ) -> Result<(), Error> {
        for piece in self.pieces {
            match (piece, database) {
                (Piece::Text(part), _) => text.push_str(&part),
                // PostgreSQL wants to know of what type nothing is, and finds out by itself when it stands in the text.
                (Piece::Value(Cell::Null), _) => text.push_str("null"),
                (Piece::Value(value), _) => {
                    *number += 1;
                    text.push('$');
                    text.push_str(&number.to_string());
                    value.bind(arguments)?;
                }
                (Piece::Either { sqlite: part, .. }, Database::Sqlite)
                | (Piece::Either { postgres: part, .. }, Database::Postgres) => {
                    part.render_into(database, text, arguments, number)?;
                }
            }
        }
        Ok(())
    }

    /// Runs it and gives every row as the driver has it.
    pub async fn raw(self, connection: &mut Connection) -> Result<Vec<Row>, Error> {
        if self.by_values {
            connection.plan_by_values().await?;
        }
        let (text, arguments) = self.render(connection.database())?;
        connection.fetch(text, arguments).await
    }

    /// Runs it for what it changes.
    pub async fn run(self, connection: &mut Connection) -> Result<(), Error> {
        let (text, arguments) = self.render(connection.database())?;
        connection.execute(text, arguments).await
    }

    /// Runs it and reads the first columns of every row as those of `T`.
    pub async fn rows<T: Table>(self, connection: &mut Connection) -> Result<Vec<T>, Error> {
        self.raw(connection).await?.iter().map(T::from_row).collect()
    }

    /// Runs it and reads the first row's first column.
    pub async fn value<V: Column>(self, connection: &mut Connection) -> Result<Option<V>, Error> {
        self.raw(connection).await?.first().map(|row| crate::cell::decode(row, 0)).transpose()
    }

    /// How the database would go about it.
    #[cfg(test)]
    pub async fn plan(self, connection: &mut Connection) -> String {
        // SQLite's steps stand in the last of four columns, PostgreSQL's in the only one.
        let column = if connection.database() == Database::Sqlite { 3 } else { 0 };
        let explain = Self::either(Self::new("explain query plan "), Self::new("explain "));
        let rows = explain.append(self).raw(connection).await.expect("a plan");
        let steps = rows.iter().map(|row| crate::cell::decode::<String>(row, column).expect("a step"));
        steps.collect::<Vec<_>>().join("\n")
    }
}
