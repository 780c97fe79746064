//! What is SQLite's own: how bulk statements mark their values, and full text search. A second database has a second file like
//! this one, and nothing else of its own.

use crate::sql::Sql;

/// The oldest SQLite without the defect that can corrupt a file in WAL mode when two connections write or checkpoint at once.
pub const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// The placeholder of a bulk statement. Without numbers: SQLite looks numbered ones up one by one, which costs the square of their
/// number.
pub const BULK_PLACEHOLDER: &str = "?";

/// The row numbers (`row_number` of contacts) of the contacts whose search text has all of `parts` somewhere, as a column `key`.
/// Every part has at least three characters. The index' own language wants `AND` in capitals.
pub fn contacts_with(parts: &[&str]) -> Sql {
    Sql::new("select rowid as key from contacts_search where contacts_search match ").bind(&all_of(parts))
}

/// The same for messages, which the index names by their rowid.
pub fn messages_with(parts: &[&str]) -> Sql {
    Sql::new("select rowid as key from messages_search where messages_search match ").bind(&all_of(parts))
}

fn all_of(parts: &[&str]) -> String {
    let quoted: Vec<String> = parts.iter().map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
    quoted.join(" AND ")
}

/// The statements that the indexes and triggers of a file are made of, apart from those that belong to a table's declaration.
pub const DROPPABLE: &str =
    "select type, name, sql from sqlite_master where sql is not null and type in ('index', 'trigger') order by name";

/// Fill the search indexes from the contacts and the messages.
pub const FILL_SEARCH: [&str; 2] = [
    "insert into contacts_search (contacts_search) values ('rebuild')",
    "insert into messages_search (messages_search) values ('rebuild')",
];
