//! What each database has of its own in queries: how bulk statements mark their values, how rows are named to a search index, and
//! full text search. Everything else is one text for both.

use aggregates::ids::WorkspaceId;

use crate::listing::anywhere;
use crate::sql::Sql;

/// The oldest SQLite without the defect that can corrupt a file in WAL mode when two connections write or checkpoint at once.
pub const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// The placeholder of a bulk statement on SQLite. Without numbers: SQLite looks numbered ones up one by one, which costs the square
/// of their number.
pub const BULK_PLACEHOLDER: &str = "?";

/// The column by which [`contacts_with`] names contacts. SQLite's search index knows row numbers only; on PostgreSQL an index lies
/// on the contacts themselves, so they need none.
pub fn contact_key() -> Sql {
    Sql::either(Sql::new("row_number"), Sql::new("id"))
}

/// The column by which [`messages_with`] names messages.
pub fn message_key() -> Sql {
    Sql::either(Sql::new("rowid"), Sql::new("id"))
}

/// The contacts of a workspace whose search text has all of `parts` somewhere, as a column `key` of the values of
/// [`contact_key`]. Every part has at least three characters. `mark` stands at the head of every search text of the workspace; two
/// workspaces may share one, so who reads the rows has to look at their workspace, too.
pub fn contacts_with(workspace: WorkspaceId, mark: &str, parts: &[&str]) -> Sql {
    let indexed = Sql::new("select rowid as key from contacts_search where contacts_search match ");
    Sql::either(indexed.bind(&all_of(mark, parts)), having("contacts", workspace, parts))
}

/// The same for messages.
pub fn messages_with(workspace: WorkspaceId, mark: &str, parts: &[&str]) -> Sql {
    let indexed = Sql::new("select rowid as key from messages_search where messages_search match ");
    Sql::either(indexed.bind(&all_of(mark, parts)), having("messages", workspace, parts))
}

/// A question in the language of SQLite's index, which wants `AND` in capitals.
fn all_of(mark: &str, parts: &[&str]) -> String {
    let parts = std::iter::once(&mark).chain(parts);
    let quoted: Vec<String> = parts.map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
    quoted.join(" AND ")
}

/// PostgreSQL finds patterns by the trigrams of their letters and digits, and holds the rows against the whole pattern.
fn having(table: &'static str, workspace: WorkspaceId, parts: &[&str]) -> Sql {
    let mut sql = Sql::new(format!("select f.id as key from {table} f where f.workspace = ")).bind(&workspace);
    for part in parts {
        sql = sql.push(" and f.search like ").bind_cell(anywhere(part)).push(" escape '!'");
    }
    sql.planned_by_values()
}

/// The ids of those contacts, as `key`.
pub fn ids_of_contacts_with(workspace: WorkspaceId, mark: &str, parts: &[&str]) -> Sql {
    let found = contacts_with(workspace, mark, parts);
    let named = Sql::new("select c.id as key from (").append(found.clone());
    let named = named.push(") f cross join contacts c where c.row_number = f.key and c.workspace = ").bind(&workspace);
    Sql::either(named, found)
}

/// Whether `select` finds anything, as a condition that is looked at for one row at a time. PostgreSQL would rather read all that the
/// subquery finds anywhere, once, and look the rows up in that: however few rows a walk comes to, it would pay for a whole workspace.
/// It cannot where there is an offset.
pub fn exists(select: Sql) -> Sql {
    Sql::new("exists (").append(select).append(Sql::either(Sql::new(""), Sql::new(" offset 0"))).push(")")
}

/// `rows` of `v`, all of them before they are put in order as `v` again. PostgreSQL would rather walk a table in the order that is asked
/// for and look each row up among the candidates, when it expects to meet enough of them soon; it is wrong where they lie far apart.
/// It cannot with an offset. SQLite begins with what stands first.
pub fn before_order(rows: Sql) -> Sql {
    let around = Sql::either(Sql::new(""), Sql::new("select * from ("));
    around.append(rows).append(Sql::either(Sql::new(""), Sql::new(" offset 0) v")))
}

/// An order for what a subquery has put in order already: SQLite keeps it, and would sort everything once more when told.
/// PostgreSQL promises nothing, and sees that there is nothing to sort.
pub fn order_again(order: String) -> Sql {
    Sql::either(Sql::new(""), Sql::new(order))
}

/// The statements that the indexes and triggers of a file are made of, apart from those that belong to a table's declaration.
pub const DROPPABLE: &str =
    "select type, name, sql from sqlite_master where sql is not null and type in ('index', 'trigger') order by name";

/// Fill the search indexes of a file from the contacts and the messages. What the indexes gather in memory before they write is larger
/// meanwhile, so that they have less to merge; afterwards it is what SQLite has by default.
pub const FILL_SEARCH: [&str; 6] = [
    "insert into contacts_search (contacts_search, rank) values ('hashsize', 8388608)",
    "insert into contacts_search (contacts_search) values ('rebuild')",
    "insert into contacts_search (contacts_search, rank) values ('hashsize', 1048576)",
    "insert into messages_search (messages_search, rank) values ('hashsize', 8388608)",
    "insert into messages_search (messages_search) values ('rebuild')",
    "insert into messages_search (messages_search, rank) values ('hashsize', 1048576)",
];
