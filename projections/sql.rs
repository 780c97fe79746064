//! A statement put together from fixed texts and bound values. Values never become part of the text, so nothing that a caller wrote
//! can change a statement's meaning.

use sqlx::{AssertSqlSafe, Executor as _};

use crate::cell::{Cell, Column};
use crate::database::{Arguments, Connection, Error, Row};
use crate::table::Table;

#[derive(Clone, Debug)]
enum Piece {
    Text(std::borrow::Cow<'static, str>),
    Value(Cell),
}

/// A statement or a part of one.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    pieces: Vec<Piece>,
}

impl Sql {
    /// Begins with a text.
    pub fn new(text: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self { pieces: vec![Piece::Text(text.into())] }
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
        self
    }

    /// Adds ` and ` and each of `conditions`.
    pub fn and_all<'c>(mut self, conditions: impl IntoIterator<Item = &'c Self>) -> Self {
        for condition in conditions {
            self = self.push(" and ").append(condition.clone());
        }
        self
    }

    fn render(self) -> Result<(String, Arguments), Error> {
        let mut text = String::new();
        let mut arguments = Arguments::default();
        let mut number = 0;
        for piece in self.pieces {
            match piece {
                Piece::Text(part) => text.push_str(&part),
                Piece::Value(value) => {
                    number += 1;
                    text.push('$');
                    text.push_str(&number.to_string());
                    value.bind(&mut arguments)?;
                }
            }
        }
        Ok((text, arguments))
    }

    /// Runs it and gives every row as the driver has it.
    pub async fn raw(self, connection: &mut Connection) -> Result<Vec<Row>, Error> {
        let (text, arguments) = self.render()?;
        connection.fetch_all(sqlx::query_with(AssertSqlSafe(text), arguments)).await
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
        let rows = Self::new("explain query plan ").append(self).raw(connection).await.expect("a plan");
        let steps = rows.iter().map(|row| crate::cell::decode::<String>(row, 3).expect("a step"));
        steps.collect::<Vec<_>>().join("\n")
    }
}
