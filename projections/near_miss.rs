//! What may have been meant by a name that is not there: names that hold it, begin alike or are a typing error away.

use std::fmt::Display;
use std::str::FromStr;

use aggregates::folding::fold;
use aggregates::ids::WorkspaceId;
use aggregates::near_miss::closeness;

use crate::cell::Column;
use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Error};
use crate::listing::{self, EXAMINED_MAX, Listed, Listing, Page, one_of};
use crate::sql::Sql;

/// How many candidates are given.
pub const NEAR_MAX: usize = 5;
/// How many names are held against a wanted one.
const NAMES_EXAMINED: u64 = 2_000;

/// How many characters of a folded name stand in an index: PostgreSQL takes no more than 2,700 bytes for all columns of one entry,
/// and a few signs fold into many letters.
const INDEXED_CHARS: usize = 510;

/// A name folded, as it is found and sorted.
pub(crate) fn label(name: &str) -> String {
    indexable(fold(name))
}

/// A folded text, cut to what an index takes. Hardly any is that long.
pub(crate) fn indexable(mut folded: String) -> String {
    if let Some((end, _)) = folded.char_indices().nth(INDEXED_CHARS) {
        folded.truncate(end);
    }
    folded
}

/// Something close to what was meant.
#[derive(Clone, PartialEq, Eq)]
pub struct Near {
    /// Its id.
    pub id: String,
    /// Its name. Untrusted where it is a contact's.
    pub name: Option<String>,
    /// Why it came close, in words of ours.
    pub reason: &'static str,
}

/// Names may be a person's: only the id is printed.
impl std::fmt::Debug for Near {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Near({}: {})", self.id, self.reason)
    }
}

/// A row with a name that the workspace gave it: a tag, a custom field, a channel account.
pub trait Named: Listed {
    /// What its id is.
    type Id: Column + FromStr + Display + Copy + Send + Sync;
    /// Its id.
    fn id(&self) -> Self::Id;
    /// Its name.
    fn name(&self) -> &str;
    /// Its name, folded.
    fn folded(&self) -> &str;
}

/// A page by name ([`Order::Label`]) of the rows that meet `filters`, which an index serves.
///
/// # Errors
/// When the database fails.
pub(crate) async fn list<T: Named>(
    connection: &mut Connection,
    workspace: WorkspaceId,
    filters: Vec<Sql>,
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Page<T>, Error> {
    let listing = Listing {
        workspace,
        order: Order::Label,
        sort: ("folded", false),
        indexed: filters,
        filters: Vec::new(),
        candidates: Vec::new(),
        after,
        limit,
        bound: EXAMINED_MAX,
    };
    listing::page(connection, &listing).await
}

/// Makes rows with an `id`, a `name` and a `folded` name findable by them, through functions beside the row: a page of them, those of
/// some ids, the one of a name, and what comes close to a name.
macro_rules! named {
    ($row:ident, $id:ty) => {
        $crate::near_miss::named_row!($row, $id);

        /// A page by name ([`Order::Label`](crate::Order::Label)).
        ///
        /// # Errors
        /// When the database fails.
        pub async fn list(
            connection: &mut $crate::database::Connection,
            workspace: aggregates::ids::WorkspaceId,
            after: Option<&$crate::cursor::Cursor>,
            limit: u64,
        ) -> Result<$crate::listing::Page<$row>, $crate::database::Error> {
            $crate::near_miss::all(connection, workspace, after, limit).await
        }

        /// The one of that name, without regard to case and marks.
        ///
        /// # Errors
        /// When the database fails.
        pub async fn by_name(
            connection: &mut $crate::database::Connection,
            workspace: aggregates::ids::WorkspaceId,
            name: &str,
        ) -> Result<Option<$row>, $crate::database::Error> {
            Ok($crate::near_miss::by_name(connection, workspace, name).await?.into_iter().next())
        }
    };
}

/// The part of [`named!`] that also fits rows whose names are not unique.
macro_rules! named_row {
    ($row:ident, $id:ty) => {
        impl $crate::listing::Listed for $row {
            fn place(&self, _: $crate::cursor::Order) -> ($crate::cursor::Key, String) {
                $crate::near_miss::place(self)
            }
        }

        impl $crate::near_miss::Named for $row {
            type Id = $id;

            fn id(&self) -> $id {
                self.id
            }

            fn name(&self) -> &str {
                &self.name
            }

            fn folded(&self) -> &str {
                &self.folded
            }
        }

        /// Those of `ids` that exist, by id.
        ///
        /// # Errors
        /// When the database fails.
        pub async fn by_ids(
            connection: &mut $crate::database::Connection,
            workspace: aggregates::ids::WorkspaceId,
            ids: &[$id],
        ) -> Result<Vec<$row>, $crate::database::Error> {
            $crate::near_miss::by_ids(connection, workspace, ids).await
        }

        /// Up to 5 whose names come close to `name`, the closest first.
        ///
        /// # Errors
        /// When the database fails.
        pub async fn near(
            connection: &mut $crate::database::Connection,
            workspace: aggregates::ids::WorkspaceId,
            name: &str,
        ) -> Result<Vec<$crate::Near>, $crate::database::Error> {
            $crate::near_miss::near::<$row>(connection, workspace, name).await
        }
    };
}

pub(crate) use {named, named_row};

/// The row that `reference` names: by its id, or by its name without regard to case and marks.
///
/// # Errors
/// When the database fails.
pub async fn find<T: Named>(
    connection: &mut Connection,
    workspace: WorkspaceId,
    reference: &str,
) -> Result<Option<T>, Error> {
    let by_id = reference.parse::<T::Id>().ok();
    let found = by_ids::<T>(connection, workspace, by_id.as_slice()).await?.pop();
    match found {
        Some(row) => Ok(Some(row)),
        None => Ok(by_name(connection, workspace, reference).await?.into_iter().next()),
    }
}

/// Those of `ids` that exist, by id.
pub(crate) async fn by_ids<T: Named>(
    connection: &mut Connection,
    workspace: WorkspaceId,
    ids: &[T::Id],
) -> Result<Vec<T>, Error> {
    let sql = Sql::new(format!("select {} from {} v where v.workspace = ", T::columns("v"), T::NAME)).bind(&workspace);
    sql.push(" and ").append(one_of("v.id", ids)).push(" order by v.id").rows(connection).await
}

/// A page of all rows by name ([`Order::Label`]).
///
/// # Errors
/// When the database fails.
pub async fn all<T: Named>(
    connection: &mut Connection,
    workspace: WorkspaceId,
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Page<T>, Error> {
    list(connection, workspace, Vec::new(), after, limit).await
}

/// The rows of that name, without regard to case and marks.
pub(crate) async fn by_name<T: Named>(
    connection: &mut Connection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Vec<T>, Error> {
    let sql = Sql::new(format!("select {} from {} v where v.workspace = ", T::columns("v"), T::NAME)).bind(&workspace);
    sql.push(" and v.folded = ").bind(&label(name)).push(" order by v.id limit 100").rows(connection).await
}

/// Up to 5 rows whose names come close to `name`, the closest first.
///
/// # Errors
/// When the database fails.
pub async fn near<T: Named>(
    connection: &mut Connection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Vec<Near>, Error> {
    let wanted = fold(name);
    let page: Page<T> = list(connection, workspace, Vec::new(), None, NAMES_EXAMINED).await?;
    let mut found: Vec<(usize, &'static str, &T)> = page
        .items
        .iter()
        .filter_map(|row| closeness(&wanted, row.folded()).map(|(far, why)| (far, why, row)))
        .collect();
    found.sort_by_key(|(far, _, row)| (*far, row.folded().to_owned(), row.id().to_string()));
    let near = |(_, reason, row): (usize, &'static str, &T)| Near {
        id: row.id().to_string(),
        name: Some(row.name().to_owned()),
        reason,
    };
    Ok(found.into_iter().take(NEAR_MAX).map(near).collect())
}

/// A named row's place in a list by name.
pub(crate) fn place(row: &impl Named) -> (Key, String) {
    (Key::Text(row.folded().to_owned()), row.id().to_string())
}
