//! How contacts are listed and found: by free text, address, tags and channel, in three orders, and what comes close to a
//! reference that fits nobody.

use aggregates::channel_account::Channel;
use aggregates::folding::fold;
use aggregates::ids::{AccountId, TagId, WorkspaceId};

use crate::contacts::{Contact, widened, workspace_mark};
use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Error};
use crate::dialect::contacts_with;
use crate::listing::{self, Candidates, Count, EXAMINED_MAX, Listed, Listing, Page, anywhere, one_of};
use crate::near_miss::{NEAR_MAX, Near, distance};
use crate::sql::Sql;
use crate::table::Table;

/// Which contacts to list. Empty members filter nothing.
#[derive(Clone, Default)]
pub struct Filter {
    /// Free text. Three or more characters match anywhere in name, e-mail, phone or channel user, fewer match the beginning of a
    /// word; without regard to case and marks.
    pub query: Option<String>,
    /// The e-mail address, without regard to case.
    pub email: Option<String>,
    /// The phone number in E.164.
    pub phone: Option<String>,
    /// All of these tags.
    pub tags: Vec<TagId>,
    /// Known on any of these accounts; `None` filters nothing, an empty list lets nobody through.
    pub accounts: Option<Vec<AccountId>>,
}

impl Listed for Contact {
    fn place(&self, order: Order) -> (Key, String) {
        let key = match order {
            Order::Name => Key::Text(self.sort_name.clone()),
            Order::Created => Key::Integer(i64::try_from(self.created_position).unwrap_or(i64::MAX)),
            _ => Key::Integer(self.last_activity_at),
        };
        (key, self.id.to_string())
    }
}

/// What the search texts of the contacts that `query` finds hold.
fn needle(query: &str) -> String {
    let folded = fold(query);
    if folded.chars().count() >= 3 { widened(&folded) } else { format!("  {}", widened(&folded)) }
}

/// Contacts by free text: the values of `column` are their row numbers.
fn text_candidates(workspace: WorkspaceId, needles: &[&str]) -> Sql {
    let mark = workspace_mark(workspace);
    let parts: Vec<&str> = std::iter::once(mark.as_str()).chain(needles.iter().copied()).collect();
    contacts_with(&parts)
}

/// The condition on `search` (a column with its alias) that goes with a free text; none when the text shows nothing.
pub(crate) fn text_condition(column: &'static str, query: &str) -> Option<Sql> {
    (!fold(query).is_empty())
        .then(|| Sql::new(column).push(" like ").bind_cell(anywhere(&needle(query))).push(" escape '!'"))
}

/// The ids of the contacts that a free text finds, as `key`.
pub(crate) fn text_contact_ids(workspace: WorkspaceId, query: &str) -> Sql {
    let found = text_candidates(workspace, &[&needle(query)]);
    Sql::new("select c.id as key from (")
        .append(found)
        .push(") f cross join contacts c where c.row_number = f.key and c.workspace = ")
        .bind(&workspace)
}

/// The ids of the contacts with a tag, as `key`.
pub(crate) fn tagged_contact_ids(workspace: WorkspaceId, tag: TagId) -> Sql {
    Sql::new("select t.contact as key from contact_tags t where t.workspace = ")
        .bind(&workspace)
        .push(" and t.tag = ")
        .bind(&tag)
}

impl Filter {
    fn listing<'c>(&self, workspace: WorkspaceId, order: Order, after: Option<&'c Cursor>, limit: u64) -> Listing<'c> {
        let sort = match order {
            Order::Name => ("sort_name", false),
            Order::Created => ("created_position", true),
            _ => ("last_activity_at", true),
        };
        let (mut filters, mut candidates) = (Vec::new(), Vec::new());
        let mut add = |condition: Sql, column, keys| {
            filters.push(condition);
            candidates.push(Candidates { column, keys });
        };
        let select = |condition: &Sql| {
            let sql = Sql::new("select v.id as key from contacts v where v.workspace = ").bind(&workspace);
            sql.push(" and ").append(condition.clone())
        };
        if let Some(email) = &self.email {
            let condition = Sql::new("v.email_folded = ").bind(&fold(email));
            add(condition.clone(), "id", select(&condition));
        }
        if let Some(phone) = &self.phone {
            let condition = Sql::new("v.phone = ").bind(phone);
            add(condition.clone(), "id", select(&condition));
        }
        if let Some(query) = &self.query
            && let Some(condition) = text_condition("v.search", query)
        {
            add(condition, "row_number", text_candidates(workspace, &[&needle(query)]));
        }
        for tag in &self.tags {
            let keys = tagged_contact_ids(workspace, *tag);
            let condition = Sql::new("exists (").append(keys.clone()).push(" and t.contact = v.id)");
            add(condition, "id", keys);
        }
        if let Some(accounts) = &self.accounts {
            let known = Sql::new("from contact_identities i where i.workspace = ").bind(&workspace).push(" and ");
            let known = known.append(one_of("i.account", accounts));
            let condition = Sql::new("exists (select 1 ").append(known.clone()).push(" and i.contact = v.id)");
            add(condition, "id", Sql::new("select distinct i.contact as key ").append(known));
        }
        Listing { workspace, order, sort, indexed: Vec::new(), filters, candidates, after, limit }
    }
}

/// A page of contacts in the order [`Order::LastActivity`], [`Order::Created`] or [`Order::Name`].
///
/// # Errors
/// When the database fails.
pub async fn list(
    connection: &mut Connection,
    workspace: WorkspaceId,
    filter: &Filter,
    order: Order,
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Page<Contact>, Error> {
    listing::page(connection, &filter.listing(workspace, order, after, limit)).await
}

/// How many contacts a filter lets through, exact up to 10,000.
///
/// # Errors
/// When the database fails.
pub async fn count(connection: &mut Connection, workspace: WorkspaceId, filter: &Filter) -> Result<Count, Error> {
    listing::count::<Contact>(connection, &filter.listing(workspace, Order::LastActivity, None, 0)).await
}

async fn select(
    connection: &mut Connection,
    workspace: WorkspaceId,
    condition: Sql,
    limit: u64,
) -> Result<Vec<Contact>, Error> {
    let sql = Sql::new(format!("select {} from contacts v where v.workspace = ", Contact::columns("v")));
    let sql = sql.bind(&workspace).push(" and ").append(condition).push(" order by v.created_position limit ");
    sql.bind(&limit).rows(connection).await
}

/// The contacts with that e-mail address, without regard to case; the oldest first, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn by_email(
    connection: &mut Connection,
    workspace: WorkspaceId,
    email: &str,
    limit: u64,
) -> Result<Vec<Contact>, Error> {
    select(connection, workspace, Sql::new("v.email_folded = ").bind(&fold(email)), limit).await
}

/// The contacts with that phone number in E.164; the oldest first, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn by_phone(
    connection: &mut Connection,
    workspace: WorkspaceId,
    phone: &str,
    limit: u64,
) -> Result<Vec<Contact>, Error> {
    select(connection, workspace, Sql::new("v.phone = ").bind(&phone.to_owned()), limit).await
}

/// The contacts whom a channel knows under `user`, on any account of the channel; the oldest first, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn by_channel_user(
    connection: &mut Connection,
    workspace: WorkspaceId,
    channel: Channel,
    user: &str,
    limit: u64,
) -> Result<Vec<Contact>, Error> {
    let condition = Sql::new(
        "v.id in (select i.contact from channel_accounts a cross join contact_identities i where a.workspace = ",
    )
    .bind(&workspace)
    .push(" and a.channel = ")
    .bind(&channel)
    .push(" and i.workspace = a.workspace and i.account = a.id and i.channel_user = ")
    .bind(&user.to_owned())
    .push(")");
    select(connection, workspace, condition, limit).await
}

/// The contact whom an account knows under `user`.
///
/// # Errors
/// When the database fails.
pub async fn by_identity(
    connection: &mut Connection,
    workspace: WorkspaceId,
    account: AccountId,
    user: &str,
) -> Result<Option<Contact>, Error> {
    let condition = Sql::new("v.id in (select i.contact from contact_identities i where i.workspace = ")
        .bind(&workspace)
        .push(" and i.account = ")
        .bind(&account)
        .push(" and i.channel_user = ")
        .bind(&user.to_owned())
        .push(")");
    Ok(select(connection, workspace, condition, 1).await?.pop())
}

/// What a reference that fits nobody was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A channel's id of a person, a name, or anything.
    Text,
}

/// Up to 5 contacts who come close to a reference that fits nobody, the closest first, each with the reason.
///
/// # Errors
/// When the database fails.
pub async fn near(
    connection: &mut Connection,
    workspace: WorkspaceId,
    wanted: Wanted,
    text: &str,
) -> Result<Vec<Near>, Error> {
    let folded = fold(text);
    let mut found = Nearest { workspace, near: Vec::new() };
    match wanted {
        Wanted::Email => {
            let local = folded.split('@').next().unwrap_or_default();
            found.spelled_alike(connection, local, &folded).await?;
            found
                .holding(connection, &[&format!("{local}@")], "has an e-mail address with the same part before the @")
                .await?;
            found.holding(connection, &[local], "has the part before the @ in its name or addresses").await?;
        }
        Wanted::Phone => {
            let digits: String = folded.chars().filter(char::is_ascii_digit).collect();
            let tail = &digits[digits.len().saturating_sub(7)..];
            found.holding(connection, &[tail], "has a phone number with the same last digits").await?;
            let short = &digits[digits.len().saturating_sub(5)..];
            found.holding(connection, &[short], "has a phone number with the same last 5 digits").await?;
        }
        Wanted::Text => {
            found.holding(connection, &[&folded], "has this in its name or addresses").await?;
            let words: Vec<&str> = folded.split(' ').filter(|word| word.chars().count() >= 3).take(5).collect();
            found.holding(connection, &words, "has all these words in its name or addresses").await?;
            found.spelled_alike(connection, &folded, &folded).await?;
            for word in words {
                found.holding(connection, &[word], "has one of these words in its name or addresses").await?;
            }
        }
    }
    Ok(found.near)
}

/// Collects candidates, each contact once.
struct Nearest {
    workspace: WorkspaceId,
    near: Vec<Near>,
}

impl Nearest {
    fn add(&mut self, contact: &Contact, reason: &'static str) {
        let id = contact.id.to_string();
        if self.near.len() < NEAR_MAX && self.near.iter().all(|near| near.id != id) {
            self.near.push(Near { id, name: contact.name.clone(), reason });
        }
    }

    /// The last active contacts whose search text has all of `needles`, of three or more characters each.
    async fn matching(&self, connection: &mut Connection, needles: &[&str], limit: u64) -> Result<Vec<Contact>, Error> {
        if needles.is_empty() || needles.iter().any(|needle| needle.chars().count() < 3) {
            return Ok(Vec::new());
        }
        let wide: Vec<String> = needles.iter().map(|needle| widened(needle)).collect();
        let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
        let sql = Sql::new(format!("select {} from (", Contact::columns("v")));
        let sql = sql.append(text_candidates(self.workspace, &wide)).push(" limit ").bind(&EXAMINED_MAX);
        let sql =
            sql.push(") k cross join contacts v where v.row_number = k.key and v.workspace = ").bind(&self.workspace);
        sql.push(" order by v.last_activity_at desc, v.id desc limit ").bind(&limit).rows(connection).await
    }

    async fn holding(
        &mut self,
        connection: &mut Connection,
        needles: &[&str],
        reason: &'static str,
    ) -> Result<(), Error> {
        if self.near.len() < NEAR_MAX {
            for contact in self.matching(connection, needles, NEAR_MAX as u64).await? {
                self.add(&contact, reason);
            }
        }
        Ok(())
    }

    /// Contacts with a name or an e-mail address that is a slip or two away from `text`. A slip in the first half of `start`
    /// leaves its second half as it was, and the other way round, so one of the halves finds them.
    async fn spelled_alike(&mut self, connection: &mut Connection, start: &str, text: &str) -> Result<(), Error> {
        let letters: Vec<char> = start.chars().collect();
        let half = letters.len() / 2;
        let halves = [letters[..half].iter().collect::<String>(), letters[half..].iter().collect()];
        let mut alike: Vec<(usize, Contact)> = Vec::new();
        for piece in halves {
            for contact in self.matching(connection, &[piece.trim()], 200).await? {
                let name = contact.name.as_deref().map(fold);
                let spellings = [name.as_deref(), contact.email_folded.as_deref()];
                let far = spellings.into_iter().flatten().map(|spelling| distance(spelling, text)).min();
                if let Some(far) = far.filter(|far| *far <= 2) {
                    alike.push((far, contact));
                }
            }
        }
        alike.sort_by_key(|(far, contact)| (*far, contact.id));
        for (_, contact) in alike {
            self.add(&contact, "is spelled almost the same");
        }
        Ok(())
    }
}
