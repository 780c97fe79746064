//! How contacts are listed and found: by free text, address, tags and channel, in three orders. What comes close to a reference that
//! fits nobody stands in `contact_near.rs`.

use aggregates::channel_account::Channel;
use aggregates::filter;
use aggregates::folding::fold;
use aggregates::ids::{AccountId, TagId, WorkspaceId};

use crate::contact_filter;
use crate::contacts::{Contact, widened, workspace_mark};
use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Error};
use crate::dialect::{contact_key, contacts_with, exists, ids_of_contacts_with};
use crate::listing::{self, Candidates, Count, EXAMINED_MAX, Listed, Listing, Number, Page, anywhere, one_of};
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
    /// A filter, and the time from which its `withinLast` counts, in microseconds since the epoch.
    pub matching: Option<(filter::Filter, i64)>,
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

/// Contacts by free text: the values of [`contact_key`].
pub(crate) fn text_candidates(workspace: WorkspaceId, needles: &[&str]) -> Sql {
    contacts_with(workspace, &workspace_mark(workspace), needles)
}

/// The condition on `search` (a column with its alias) that goes with a free text; none when the text shows nothing.
pub(crate) fn text_condition(column: &'static str, query: &str) -> Option<Sql> {
    (!fold(query).is_empty())
        .then(|| Sql::new(column).push(" like ").bind_cell(anywhere(&needle(query))).push(" escape '!'"))
}

/// The ids of the contacts that a free text finds, as `key`.
pub(crate) fn text_contact_ids(workspace: WorkspaceId, query: &str) -> Sql {
    ids_of_contacts_with(workspace, &workspace_mark(workspace), &[&needle(query)])
}

/// The ids of the contacts with a tag, as `key`.
pub(crate) fn tagged_contact_ids(workspace: WorkspaceId, tag: TagId) -> Sql {
    Sql::new("select t.contact as key from contact_tags t where t.workspace = ")
        .bind(&workspace)
        .push(" and t.tag = ")
        .bind(&tag)
}

impl Filter {
    pub(crate) fn listing<'c>(
        &self,
        workspace: WorkspaceId,
        order: Order,
        after: Option<&'c Cursor>,
        limit: u64,
    ) -> Listing<'c> {
        let sort = match order {
            Order::Name => ("sort_name", false),
            Order::Created => ("created_position", true),
            _ => ("last_activity_at", true),
        };
        let (mut filters, mut candidates) = (Vec::new(), Vec::new());
        let mut add = |condition: Sql, column: Sql, keys, number| {
            filters.push(condition);
            candidates.push(Candidates { column, keys, number });
        };
        let select = |condition: &Sql| {
            let sql = Sql::new("select v.id as key from contacts v where v.workspace = ").bind(&workspace);
            sql.push(" and ").append(condition.clone())
        };
        if let Some(email) = &self.email {
            let condition = Sql::new("v.email_folded = ").bind(&fold(email));
            add(condition.clone(), Sql::new("id"), select(&condition), Number::Few);
        }
        if let Some(phone) = &self.phone {
            let condition = Sql::new("v.phone = ").bind(phone);
            add(condition.clone(), Sql::new("id"), select(&condition), Number::Few);
        }
        if let Some(query) = &self.query
            && let Some(condition) = text_condition("v.search", query)
        {
            add(condition, contact_key(), text_candidates(workspace, &[&needle(query)]), Number::Parts);
        }
        for tag in &self.tags {
            let keys = tagged_contact_ids(workspace, *tag);
            let condition = exists(keys.clone().push(" and t.contact = v.id"));
            add(condition, Sql::new("id"), keys, Number::Counted);
        }
        if let Some(accounts) = &self.accounts {
            let known = Sql::new("from contact_identities i where i.workspace = ").bind(&workspace).push(" and ");
            let known = known.append(one_of("i.account", accounts));
            let condition = exists(Sql::new("select 1 ").append(known.clone()).push(" and i.contact = v.id"));
            add(
                condition,
                Sql::new("id"),
                Sql::new("select distinct i.contact as key ").append(known),
                Number::Counted,
            );
        }
        let mut indexed = Vec::new();
        if let Some((filter, now)) = &self.matching {
            let conditions = contact_filter::conditions(workspace, filter, *now, order);
            indexed = conditions.indexed;
            filters.extend(conditions.filters);
            candidates.extend(conditions.candidates);
        }
        Listing { workspace, order, sort, indexed, filters, candidates, after, limit, bound: EXAMINED_MAX }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::given::{Given, empty_on, folded, person, visitor};

    async fn ids(connection: &mut Connection, workspace: WorkspaceId, filter: &Filter, order: Order) -> Vec<String> {
        let page = list(connection, workspace, filter, order, None, 100).await.expect("a page");
        page.items.into_iter().map(|row| row.sort_name).collect()
    }

    #[tokio::test]
    async fn free_text_finds_parts_and_beginnings_of_words() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let account = given.account(workspace, "local");
        given.contact(workspace, person("Ana María", "López", "ana_m@example.com", "+491701234567"), None);
        given.contact(workspace, person("Đặng", "50% \"Off\"", "", ""), Some(visitor(account, "Visitor-7")));
        given.contact(workspace, person("山田", "太郎", "", ""), None);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let (ana, dang, yamada) = ("ana maria lopez", "dang 50% \"off\"", "山田 太郎");
            for (query, wanted) in [
                ("lopez", vec![ana]),
                ("LÓPEZ", vec![ana]),
                ("ope", vec![ana]),
                ("ana maria", vec![ana]),
                ("ria lo", vec![ana]),
                ("lopez ana", vec![]),
                ("70123", vec![ana]),
                ("a_m", vec![ana]),
                ("a%m", vec![]),
                ("@example", vec![ana]),
                ("lo", vec![ana]),
                ("op", vec![]),
                ("l", vec![ana]),
                ("a", vec![ana]),
                ("z", vec![]),
                ("+4", vec![ana]),
                ("dang", vec![dang]),
                ("50%", vec![dang]),
                ("\"off\"", vec![dang]),
                ("visitor-7", vec![dang]),
                ("vi", vec![dang]),
                ("山", vec![yamada]),
                ("太郎", vec![yamada]),
                ("郎", vec![]),
                ("!!!", vec![]),
                ("or", vec![]),
                ("lopez +491", vec![]),
                ("  ", vec![yamada, dang, ana]),
            ] {
                let filter = Filter { query: Some(query.to_owned()), ..Filter::default() };
                assert_eq!(ids(reader.connection(), workspace, &filter, Order::LastActivity).await, wanted, "{query}");
                // The same by the condition that a walk uses instead of the search index.
                let Some(condition) = text_condition("v.search", query) else { continue };
                let walked = select(reader.connection(), workspace, condition, 10).await.expect("rows");
                assert_eq!(walked.into_iter().map(|row| row.sort_name).collect::<Vec<_>>(), wanted, "{query}");
            }
        }
    }

    #[tokio::test]
    async fn filters_add_up_in_every_order_and_workspaces_stay_apart() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let account = given.account(workspace, "local");
        let (vip, new) = (given.tag(workspace, "VIP"), given.tag(workspace, "New"));
        let cy = given.contact(workspace, person("Cy", "", "c@x.co", "+4911111111"), Some(visitor(account, "v1")));
        let bo = given.contact(workspace, person("Bo", "", "B@X.co", ""), Some(visitor(account, "v2")));
        given.contact(workspace, person("Ana", "", "", ""), None);
        given.tagged(workspace, cy, &[vip, new]);
        given.tagged(workspace, bo, &[vip]);
        let conversation = given.conversation(workspace, cy, account);
        given.received(workspace, conversation, (cy, account), "hello");
        let elsewhere = given.workspace("Beta");
        given.contact(elsewhere, person("Bo", "", "b@x.co", "+4911111111"), None);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            let all = Filter::default();
            assert_eq!(ids(connection, workspace, &all, Order::LastActivity).await, ["cy", "ana", "bo"]);
            assert_eq!(ids(connection, workspace, &all, Order::Created).await, ["ana", "bo", "cy"]);
            assert_eq!(ids(connection, workspace, &all, Order::Name).await, ["ana", "bo", "cy"]);
            let some = |text: &str| Some(text.to_owned());
            for (filter, wanted) in [
                (Filter { email: some("b@x.CO"), ..Filter::default() }, vec!["bo"]),
                (Filter { phone: some("+4911111111"), ..Filter::default() }, vec!["cy"]),
                (Filter { tags: vec![vip], ..Filter::default() }, vec!["bo", "cy"]),
                (Filter { tags: vec![vip, new], ..Filter::default() }, vec!["cy"]),
                (Filter { accounts: Some(vec![account]), ..Filter::default() }, vec!["bo", "cy"]),
                (Filter { accounts: Some(vec![]), ..Filter::default() }, vec![]),
                (Filter { query: some("bo"), tags: vec![vip], ..Filter::default() }, vec!["bo"]),
                (Filter { query: some("bo"), tags: vec![new], ..Filter::default() }, vec![]),
            ] {
                assert_eq!(ids(connection, workspace, &filter, Order::Name).await, wanted);
                let counted = count(connection, workspace, &filter).await.expect("a count");
                assert_eq!((counted.value, counted.more), (wanted.len() as u64, false));
            }
            let found = by_channel_user(connection, workspace, Channel::Webchat, "v2", 5).await.expect("rows");
            assert_eq!(found[0].id, bo);
            assert_eq!(
                by_identity(connection, workspace, account, "v1").await.expect("a row").map(|row| row.id),
                Some(cy)
            );
            assert!(by_identity(connection, elsewhere, account, "v1").await.expect("a row").is_none());
            assert_eq!(by_email(connection, workspace, "b@x.co", 5).await.expect("rows")[0].id, bo);
            assert_eq!(by_phone(connection, elsewhere, "+4911111111", 5).await.expect("rows").len(), 1);
        }
    }

    #[tokio::test]
    async fn every_list_is_served_by_an_index() {
        let tables = empty_on(Database::Sqlite).await;
        let mut reader = tables.read().await.expect("a reader");
        let filter = Filter {
            query: Some("ana".to_owned()),
            email: Some("a@b.co".to_owned()),
            phone: Some("+49".to_owned()),
            tags: vec![TagId(uuid::Uuid::nil())],
            accounts: Some(vec![AccountId(uuid::Uuid::nil())]),
            matching: None,
        };
        let workspace = WorkspaceId(uuid::Uuid::nil());
        for (order, index) in [
            (Order::LastActivity, "contacts_by_activity"),
            (Order::Created, "contacts_by_creation"),
            (Order::Name, "contacts_by_name"),
        ] {
            let plans = filter.listing(workspace, order, None, 20).plans::<Contact>(reader.connection()).await;
            assert!(plans[0].contains(index) && !plans[0].contains("TEMP B-TREE"), "{}", plans[0]);
            let indexes =
                ["contacts_by_email", "contacts_by_phone", "VIRTUAL TABLE", "contact_tags_by_tag", "by_account"];
            for (plan, index) in plans[1..].iter().zip(indexes) {
                assert!(plan.contains(index) && !plan.contains("SCAN v"), "{index}: {plan}");
                assert!(plan.contains("SEARCH v USING"), "{index}: {plan}");
            }
        }
    }
}
