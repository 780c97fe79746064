//! What may have been meant by a name that is not there: names that hold it, begin alike or are a typing error away.

use aggregates::folding::fold;
use aggregates::ids::WorkspaceId;
use aggregates::near_miss::closeness;

use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Error};
use crate::listing::{self, EXAMINED_MAX, Listed, Listing, Page};
use crate::sql::Sql;

/// How many candidates are given.
pub const NEAR_MAX: usize = 5;
/// How many names are held against a wanted one.
const NAMES_EXAMINED: u64 = 2_000;

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
pub(crate) trait Named: Listed {
    /// Its id as text.
    fn id_text(&self) -> String;
    /// Its name.
    fn name(&self) -> &str;
    /// Its name, folded.
    fn folded(&self) -> &str;
}

/// A page by name.
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

/// The rows of that name, without regard to case and marks.
pub(crate) async fn by_name<T: Named>(
    connection: &mut Connection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Vec<T>, Error> {
    let sql = Sql::new(format!("select {} from {} v where v.workspace = ", T::columns("v"), T::NAME)).bind(&workspace);
    sql.push(" and v.folded = ").bind(&fold(name)).push(" order by v.id limit 100").rows(connection).await
}

/// Up to 5 rows whose names come close to `name`, the closest first.
pub(crate) async fn near<T: Named>(
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
    found.sort_by_key(|(far, _, row)| (*far, row.folded().to_owned(), row.id_text()));
    let near = |(_, reason, row): (usize, &'static str, &T)| Near {
        id: row.id_text(),
        name: Some(row.name().to_owned()),
        reason,
    };
    Ok(found.into_iter().take(NEAR_MAX).map(near).collect())
}

/// A named row's place in a list by name.
pub(crate) fn place(row: &impl Named) -> (Key, String) {
    (Key::Text(row.folded().to_owned()), row.id_text())
}
