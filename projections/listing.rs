//! Bounded lists: a page costs a bounded number of rows, whatever the filters.
//!
//! There are two ways to a page. When one filter alone leaves few rows (the candidates), those are fetched, filtered and sorted.
//! Otherwise the table is walked in the order of an index and every row is held against the filters, for a limited number of
//! rows; a page that ends there says so, with a cursor that goes on behind the last row examined. A filter that leaves many
//! rows makes the walk short, and one that leaves few makes few candidates. Where neither is so, the walk is tried first and the
//! candidates are fetched after it. So the limit is met only by filters without an index and by rare combinations of common ones.

use aggregates::ids::WorkspaceId;

use crate::cell::{Cell, decode};
use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Database, Error};
use crate::dialect::{before_order, order_again};
use crate::sql::Sql;
use crate::table::Table;

/// How many rows of a walk are examined, and how many candidates a filter may leave, for one page.
/// A count is exact up to as many.
pub const EXAMINED_MAX: u64 = 10_000;
/// Of 10 candidates that a filter may leave, so many are fetched at once. With more of them a walk comes by a page's worth of rows
/// sooner: of a million rows 4,000 fit one in 250, and 20 of those are found among 5,000.
const FEW_OF_10: u64 = 4;
/// The most rows that a filter that should leave few is trusted to leave.
const NARROW: u64 = 100;
/// How many times as many rows are examined for a count by filters without an index.
const COUNT_FACTOR: u64 = 10;

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows, in order.
    pub items: Vec<T>,
    /// Where the next page begins; none at the end.
    pub next: Option<Cursor>,
    /// Set when the page ended because this many rows had been examined: there may be more behind `next`.
    pub examined: Option<u64>,
}

impl<T> Page<T> {
    /// The same page with other items.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next, examined: self.examined }
    }
}

/// A number of rows, exact up to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number, or the least that it can be.
    pub value: u64,
    /// Whether there may be more.
    pub more: bool,
}

/// As callers see it: `37`, `10000+`.
impl std::fmt::Display for Count {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}", self.value, if self.more { "+" } else { "" })
    }
}

/// A row that a list can go on behind.
pub trait Listed: Table {
    /// The row's sort key in `order`, and its id.
    fn place(&self, order: Order) -> (Key, String);
}

/// Rows that a filter leaves, named by the values that their `column` has.
#[derive(Clone)]
pub(crate) struct Candidates {
    /// The column of the listed table.
    pub column: Sql,
    /// A `select` of its values, without repeats, as `key`.
    pub keys: Sql,
    /// How it is found out how many they are.
    pub number: Number,
}

/// How it is found out how many candidates a filter leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// They are seldom more than a few, as who has one e-mail address: they are read without being counted before.
    Few,
    /// An index counts them.
    Counted,
    /// They are parts of texts. PostgreSQL's index finds the texts that have the same letters, all of them, and each is read before it is
    /// known whether it has the part: as much work as fetching them, however many are wanted.
    Parts,
}

/// What to list.
pub(crate) struct Listing<'c> {
    pub workspace: WorkspaceId,
    pub order: Order,
    /// The column that `order` sorts by, and whether the greatest comes first.
    pub sort: (&'static str, bool),
    /// Conditions on `v` that an index in this order serves.
    pub indexed: Vec<Sql>,
    /// Conditions on `v` that every row is held against. Those behind `candidates` are among them.
    pub filters: Vec<Sql>,
    /// Filters that might leave few rows, the most telling first.
    pub candidates: Vec<Candidates>,
    pub after: Option<&'c Cursor>,
    pub limit: u64,
    /// [`EXAMINED_MAX`]; the tests reach their limit with fewer rows.
    pub bound: u64,
}

impl Listing<'_> {
    fn direction(&self) -> &'static str {
        if self.sort.1 { "desc" } else { "asc" }
    }

    fn order(&self) -> String {
        let (column, direction) = (self.sort.0, self.direction());
        format!(" order by v.{column} {direction}, v.id {direction}")
    }

    fn ordered(&self, sql: Sql) -> Sql {
        sql.push(self.order()).push(" limit ")
    }

    /// `from <table> v where` workspace, indexed conditions and what lies behind the cursor.
    fn scan<T: Table>(&self, select: String, paged: bool) -> Sql {
        let sql = Sql::new(select).push(format!(" from {} v where v.workspace = ", T::NAME)).bind(&self.workspace);
        let sql = sql.and_all(&self.indexed);
        if paged { self.behind(sql) } else { sql }
    }

    fn behind(&self, sql: Sql) -> Sql {
        let Some(after) = self.after else { return sql };
        let sign = if self.sort.1 { "<" } else { ">" };
        let sql = sql.push(format!(" and (v.{}, v.id) {sign} (", self.sort.0)).bind_cell(after.key.cell());
        sql.push(", ").bind(&after.id).push(")")
    }

    /// `from` the candidates joined with the table. `cross join` tells SQLite to begin with the candidates; elsewhere it is a
    /// plain join.
    fn among<T: Table>(&self, select: String, candidates: &Candidates, paged: bool) -> Sql {
        let sql = Sql::new(select).push(" from (").append(candidates.keys.clone()).push(" limit ");
        let sql = sql.bind(&self.bound).push(format!(") k cross join {} v where v.workspace = ", T::NAME));
        let sql = sql.bind(&self.workspace).push(" and v.").append(candidates.column.clone()).push(" = k.key");
        let sql = sql.and_all(&self.indexed).and_all(&self.filters);
        if paged { self.behind(sql) } else { sql }
    }

    /// The candidates behind the cursor that pass all filters, in order, up to a limit that has to be bound.
    fn chosen<T: Table>(&self, select: String, candidates: &Candidates) -> Sql {
        self.ordered(before_order(self.among::<T>(select, candidates, true)))
    }

    /// The statement that gives the page and one row more.
    fn statement<T: Table>(&self, candidates: Option<&Candidates>) -> Sql {
        let wanted = self.limit + 1;
        let select = format!("select {}", T::columns("v"));
        match candidates {
            Some(few) => self.chosen::<T>(select, few).bind(&wanted).planned_by_values(),
            None => self.walk::<T>(self.bound),
        }
    }

    /// The same by walking, where at most so many rows are held against filters.
    fn walk<T: Table>(&self, most: u64) -> Sql {
        let wanted = self.limit + 1;
        let select = format!("select {}", T::columns("v"));
        if self.filters.is_empty() {
            return self.ordered(self.scan::<T>(select, true)).bind(&wanted);
        }
        // The inner rows come in order and one by one, so the outer limit ends the walk early.
        let walked = self.ordered(self.scan::<T>(select.clone(), true)).bind(&most);
        let sql = Sql::new(select).push(" from (").append(walked).push(") v where true");
        let sql = sql.and_all(&self.filters).append(order_again(self.order())).push(" limit ").bind(&wanted);
        sql.planned_by_values()
    }

    /// How the database would go about it, with and without candidates.
    #[cfg(test)]
    pub(crate) async fn plans<T: Table>(&self, connection: &mut Connection) -> Vec<String> {
        let mut plans = vec![self.statement::<T>(None).plan(connection).await];
        for candidates in &self.candidates {
            plans.push(self.statement::<T>(Some(candidates)).plan(connection).await);
        }
        plans
    }

    /// A page of all that was found: of one row more than the page holds, when there are more.
    fn paged<T: Listed>(&self, mut items: Vec<T>) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more).map(|last| last.place(self.order));
        let next = last.map(|(key, id)| Cursor { order: self.order, key, id, position: 0 });
        Page { items, next, examined: None }
    }

    /// The first filter that leaves at most so many rows.
    async fn few(&self, connection: &mut Connection, most: u64) -> Result<Option<&Candidates>, Error> {
        for candidates in &self.candidates {
            let sql = Sql::new("select count(*) from (").append(candidates.keys.clone()).push(" limit ");
            let sql = sql.bind(&(most + 1)).push(") k").planned_by_values();
            let found: Option<u64> = sql.value(connection).await?;
            if found.unwrap_or(0) <= most {
                return Ok(Some(candidates));
            }
        }
        Ok(None)
    }
}

/// Gives a page.
pub(crate) async fn page<T: Listed>(connection: &mut Connection, listing: &Listing<'_>) -> Result<Page<T>, Error> {
    let few = listing.candidates.iter().find(|candidates| candidates.number == Number::Few);
    if let Some(few) = few
        && let Some(page) = counted_page(connection, listing, few, NARROW).await?
    {
        return Ok(page);
    }
    if let [parts] = &listing.candidates[..]
        && (parts.number, connection.database()) == (Number::Parts, Database::Postgres)
        && let Some(page) = page_of_parts(connection, listing, parts).await?
    {
        return Ok(page);
    }
    if let Some(few) = listing.few(connection, listing.bound * FEW_OF_10 / 10).await? {
        let items = listing.statement::<T>(Some(few)).rows(connection).await?;
        return Ok(listing.paged(items));
    }
    let items: Vec<T> = listing.statement::<T>(None).rows(connection).await?;
    if items.len() as u64 > listing.limit || listing.filters.is_empty() {
        return Ok(listing.paged(items));
    }
    let Some((key, id)) = walk_end::<T>(connection, listing).await? else { return Ok(listing.paged(items)) };
    // The rows that fit lie far apart. Where they are not too many, all of them are fetched after all.
    if let Some(few) = listing.few(connection, listing.bound).await? {
        let items = listing.statement::<T>(Some(few)).rows(connection).await?;
        return Ok(listing.paged(items));
    }
    let end = Cursor { order: listing.order, key, id, position: 0 };
    Ok(Page { items, next: Some(end), examined: Some(listing.bound) })
}

/// A page of a list with a filter that should leave at most so many rows, by one statement, which tells how many it did; nothing when they
/// were more, or when it cannot be told whether they were.
async fn counted_page<T: Listed>(
    connection: &mut Connection,
    listing: &Listing<'_>,
    candidates: &Candidates,
    most: u64,
) -> Result<Option<Page<T>>, Error> {
    let counted = Sql::new("select c.key, count(*) over () as found from (").append(candidates.keys.clone());
    let counted = counted.push(" limit ").bind(&(most + 1)).push(") c");
    let counted = Candidates { column: candidates.column.clone(), keys: counted, number: candidates.number };
    let select = format!("select {}, k.found", T::columns("v"));
    let rows = listing.chosen::<T>(select, &counted).bind(&(listing.limit + 1)).raw(connection).await?;
    let found: Option<u64> = rows.first().map(|row| decode(row, T::COLUMNS.len())).transpose()?;
    // No row at all means no candidate only where nothing else can have held them back.
    let alone = listing.filters.len() == 1 && listing.indexed.is_empty() && listing.after.is_none();
    if !found.map_or(alone, |found| found <= most) {
        return Ok(None);
    }
    let items: Result<Vec<T>, Error> = rows.iter().map(T::from_row).collect();
    Ok(Some(listing.paged(items?)))
}

/// A page of the texts that have a part: a short walk finds what is common, a long one what is less so, and the index is asked for what
/// is rare. Nothing when that is too much all the same.
async fn page_of_parts<T: Listed>(
    connection: &mut Connection,
    listing: &Listing<'_>,
    parts: &Candidates,
) -> Result<Option<Page<T>>, Error> {
    let mut walked = listing.bound / 10;
    loop {
        let items: Vec<T> = listing.walk::<T>(walked).rows(connection).await?;
        let found = items.len() as u64;
        if found > listing.limit {
            return Ok(Some(listing.paged(items)));
        }
        // What the whole walk would find at this rate; twice as much as is wanted makes it likely enough.
        let likely = found * listing.bound / walked > 2 * listing.limit;
        if walked == listing.bound || !likely {
            break;
        }
        walked = listing.bound;
    }
    counted_page(connection, listing, parts, listing.bound).await
}

/// The place of the last row that a walk examines; none when the table ends before.
async fn walk_end<T: Table>(
    connection: &mut Connection,
    listing: &Listing<'_>,
) -> Result<Option<(Key, String)>, Error> {
    let select = format!("select v.{}, v.id", listing.sort.0);
    let sql = listing.ordered(listing.scan::<T>(select, true)).bind(&1_u64).push(" offset ").bind(&(listing.bound - 1));
    let sql = sql.planned_by_values();
    let rows = sql.raw(connection).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let key = match listing.order {
        Order::Name | Order::Label => Key::Text(decode(row, 0)?),
        _ => Key::Integer(decode(row, 0)?),
    };
    Ok(Some((key, decode(row, 1)?)))
}

/// Counts all rows of a list, whatever its cursor and limit.
pub(crate) async fn count<T: Table>(connection: &mut Connection, listing: &Listing<'_>) -> Result<Count, Error> {
    let counted = |sql: Sql, limit: u64| {
        Sql::new("select count(*) from (").append(sql).push(" limit ").bind(&limit).push(") k").planned_by_values()
    };
    let one = || "select 1 as one".to_owned();
    if let Some(candidates) = listing.few(connection, listing.bound).await? {
        let sql = counted(listing.among::<T>(one(), candidates, false), listing.bound);
        return Ok(Count { value: sql.value(connection).await?.unwrap_or(0), more: false });
    }
    // A single filter with more candidates than the limit has been counted by that.
    if listing.filters.len() == 1 && listing.candidates.len() == 1 && listing.indexed.is_empty() {
        return Ok(Count { value: listing.bound, more: true });
    }
    let mut sql = listing.scan::<T>(one(), false);
    if !listing.filters.is_empty() {
        let walked =
            listing.scan::<T>("select v.*".to_owned(), false).push(" limit ").bind(&(COUNT_FACTOR * listing.bound));
        sql = Sql::new(one()).push(" from (").append(walked).push(") v where true").and_all(&listing.filters);
    }
    let value: u64 = counted(sql, listing.bound + 1).value(connection).await?.unwrap_or(0);
    let mut more = value > listing.bound;
    if !more && !listing.filters.is_empty() {
        let all = counted(listing.scan::<T>(one(), false), COUNT_FACTOR * listing.bound + 1);
        more = all.value(connection).await?.unwrap_or(0_u64) > COUNT_FACTOR * listing.bound;
    }
    Ok(Count { value: value.min(listing.bound), more })
}

/// `column in (values)`, as a filter.
pub(crate) fn one_of<'v, T: crate::cell::Column + 'v>(
    column: &'static str,
    values: impl IntoIterator<Item = &'v T>,
) -> Sql {
    Sql::new(column).push(" in ").bind_list(values)
}

/// A pattern for `like … escape '!'` that finds `part` anywhere.
pub(crate) fn anywhere(part: &str) -> Cell {
    like("%", part, "%")
}

/// A pattern for `like … escape '!'`: `part` as it is, between what may stand for more.
pub(crate) fn like(before: &str, part: &str, after: &str) -> Cell {
    let mut pattern = String::from(before);
    for letter in part.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push_str(after);
    Cell::text(pattern)
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
