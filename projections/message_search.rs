//! Messages by the words in them, the newest first, and what was said around each.

use aggregates::folding::fold;
use aggregates::ids::{AccountId, ContactId, WorkspaceId};

use crate::contacts::workspace_mark;
use crate::cursor::{Cursor, Key, Order};
use crate::database::{Connection, Error};
use crate::dialect::{message_key, messages_with};
use crate::listing::{self, Candidates, EXAMINED_MAX, Listed, Listing, Number, Page, anywhere, one_of};
use crate::messages::{Direction, Message, select};
use crate::sql::Sql;
use crate::words::{Words, spread};

/// Which messages to find. Empty members filter nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// All of these words; none of them would find every message.
    pub words: Words,
    /// With this contact.
    pub contact: Option<ContactId>,
    /// On any of these accounts; `None` filters nothing, an empty list lets nothing through.
    pub accounts: Option<Vec<AccountId>>,
    /// Received or taken in at this time or later, in microseconds since the epoch.
    pub from: Option<i64>,
    /// Before this time.
    pub to: Option<i64>,
    /// One way only.
    pub direction: Option<Direction>,
}

impl Listed for Message {
    fn place(&self, _: Order) -> (Key, String) {
        (Key::Integer(self.at), self.id.to_string())
    }
}

/// What a message with this text is found by; nothing when there is no text, or it was erased.
pub(crate) fn search_text(workspace: WorkspaceId, text: Option<&str>) -> String {
    let spread = spread(&fold(text.unwrap_or_default()));
    if spread.is_empty() { spread } else { workspace_mark(workspace) + &spread }
}

impl Filter {
    pub(crate) fn listing<'c>(&self, workspace: WorkspaceId, after: Option<&'c Cursor>, limit: u64) -> Listing<'c> {
        let mut indexed = Vec::new();
        indexed.extend(self.from.map(|from| Sql::new("v.at >= ").bind(&from)));
        indexed.extend(self.to.map(|to| Sql::new("v.at < ").bind(&to)));
        let (mut filters, mut candidates) = (Vec::new(), Vec::new());
        let needles = self.words.needles();
        for needle in &needles {
            filters.push(Sql::new("v.search like ").bind_cell(anywhere(needle)).push(" escape '!'"));
        }
        if !needles.is_empty() {
            // The workspace's mark is one of the parts: what other workspaces say is passed over, not counted.
            let parts: Vec<&str> = needles.iter().map(String::as_str).collect();
            let keys = messages_with(workspace, &workspace_mark(workspace), &parts);
            candidates.push(Candidates { column: message_key(), keys, number: Number::Parts });
        }
        if let Some(contact) = &self.contact {
            filters.push(Sql::new("v.contact = ").bind(contact));
            let keys = Sql::new("select m.").append(message_key()).push(" as key from messages m where m.workspace = ");
            let keys = keys.bind(&workspace).push(" and m.contact = ").bind(contact);
            candidates.push(Candidates { column: message_key(), keys, number: Number::Counted });
        }
        filters.extend(self.accounts.as_ref().map(|accounts| one_of("v.account", accounts)));
        filters.extend(self.direction.map(|direction| Sql::new("v.direction = ").bind(&direction)));
        let (order, sort) = (Order::Time, ("at", true));
        Listing { workspace, order, sort, indexed, filters, candidates, after, limit, bound: EXAMINED_MAX }
    }
}

/// A page, the newest first ([`Order::Time`]).
///
/// # Errors
/// When the database fails.
pub async fn find(
    connection: &mut Connection,
    workspace: WorkspaceId,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Page<Message>, Error> {
    listing::page(connection, &filter.listing(workspace, after, limit)).await
}

/// Up to `count` messages of the same conversation before `message`, and as many after it, each the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn around(
    connection: &mut Connection,
    message: &Message,
    count: u64,
) -> Result<(Vec<Message>, Vec<Message>), Error> {
    let of_conversation = || select(message.workspace).push(" and v.conversation = ").bind(&message.conversation);
    let before = of_conversation().push(" and v.position < ").bind(&message.position);
    let before = before.push(" order by v.position desc limit ").bind(&count);
    let after = of_conversation().push(" and v.position > ").bind(&message.position);
    let after = after.push(" order by v.position limit ").bind(&count);
    let mut earlier: Vec<Message> = before.rows(connection).await?;
    earlier.reverse();
    Ok((earlier, after.rows(connection).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::given::{Given, empty_on, folded, person};
    use aggregates::Personal;
    use aggregates::ids::MessageId;

    struct Talk {
        given: Given,
        workspace: WorkspaceId,
        account: AccountId,
        contact: ContactId,
        conversation: aggregates::ids::ConversationId,
    }

    fn talk() -> Talk {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let account = given.account(workspace, "local");
        let contact = given.contact(workspace, person("Ana", "", "", ""), None);
        let conversation = given.conversation(workspace, contact, account);
        Talk { given, workspace, account, contact, conversation }
    }

    impl Talk {
        fn says(&mut self, text: &str) -> MessageId {
            self.given.received(self.workspace, self.conversation, (self.contact, self.account), text)
        }
    }

    fn looking_for(query: &str) -> Filter {
        Filter { words: Words::of(query), ..Filter::default() }
    }

    async fn texts(connection: &mut Connection, workspace: WorkspaceId, filter: &Filter) -> Vec<String> {
        let page = find(connection, workspace, filter, None, 100).await.expect("a page");
        page.items.into_iter().filter_map(|row| row.text).collect()
    }

    const VIETNAMESE: &str = "Tôi muốn hoàn tiền cho đơn hàng số 1234";
    const GERMAN: &str = "Die Größe passt nicht, Straße stimmt.";
    const SPANISH: &str = "¿Cuándo llegará mi pedido a Málaga?";
    const EMOJI: &str = "ok👍 danke ❤️";
    const CHINESE: &str = "我要退款,谢谢";
    const THAI: &str = "ขอคืนเงินได้ไหม";
    const ARABIC: &str = "مُحَمَّد يريد استرداد المال";
    const SIGNS: &str = "50% off \"today\" a_b O'Neil c!d * AND (x)";

    #[tokio::test]
    async fn words_are_found_in_every_script() {
        let mut talk = talk();
        for text in [VIETNAMESE, GERMAN, SPANISH, EMOJI, CHINESE, THAI, ARABIC, SIGNS] {
            talk.says(text);
        }
        for tables in folded(&talk.given).await {
            let mut reader = tables.read().await.expect("a reader");
            for (query, wanted) in [
                ("hoan tien", vec![VIETNAMESE]),
                ("HOÀN TIỀN", vec![VIETNAMESE]),
                ("tien hoan", vec![VIETNAMESE]),
                ("don hang 1234", vec![VIETNAMESE]),
                ("hoan verano", vec![]),
                ("grosse", vec![GERMAN]),
                ("groß", vec![GERMAN]),
                ("strasse", vec![GERMAN]),
                ("tra", vec![GERMAN]),
                ("llegara malaga", vec![SPANISH]),
                ("cuándo", vec![SPANISH]),
                ("do", vec![VIETNAMESE]),
                ("cu", vec![SPANISH]),
                ("ua", vec![]),
                ("👍", vec![EMOJI]),
                ("ok👍", vec![EMOJI]),
                ("❤", vec![EMOJI]),
                ("退款", vec![CHINESE]),
                ("款", vec![CHINESE]),
                ("我要退款", vec![CHINESE]),
                ("款退", vec![]),
                ("คืนเงิน", vec![THAI]),
                ("เงิน ขอ", vec![THAI]),
                ("محمد", vec![ARABIC]),
                ("استرداد", vec![ARABIC]),
                ("50%", vec![SIGNS]),
                ("%", vec![SIGNS]),
                ("a_b", vec![SIGNS]),
                ("a%b", vec![]),
                ("axb", vec![]),
                ("_", vec![SIGNS]),
                ("\"today\"", vec![SIGNS]),
                ("\"", vec![SIGNS]),
                ("o'neil", vec![SIGNS]),
                ("c!d", vec![SIGNS]),
                ("*", vec![SIGNS]),
                ("AND", vec![SIGNS, SPANISH]),
                ("off OR nothing", vec![]),
                ("(x)", vec![SIGNS]),
                ("1", vec![VIETNAMESE]),
                ("34", vec![]),
                ("d", vec![SIGNS, EMOJI, GERMAN, VIETNAMESE]),
                ("zzz", vec![]),
            ] {
                let filter = looking_for(query);
                assert_eq!(texts(reader.connection(), talk.workspace, &filter).await, wanted, "{query}");
                // The same by the condition that a walk uses instead of the search index.
                let listing = Listing { candidates: Vec::new(), ..filter.listing(talk.workspace, None, 100) };
                let walked: Page<Message> = listing::page(reader.connection(), &listing).await.expect("a page");
                assert_eq!(walked.items.into_iter().filter_map(|row| row.text).collect::<Vec<_>>(), wanted, "{query}");
                // And what was found can be shown.
                for text in wanted {
                    assert!(!Words::of(query).places_in(text).is_empty(), "{query} in {text}");
                }
            }
        }
    }

    #[tokio::test]
    async fn filters_add_up_and_pages_follow_each_other() {
        let mut talk = talk();
        let first = talk.says("order one");
        let with = (talk.contact, talk.account);
        let second = talk.given.queued(talk.workspace, talk.conversation, with, "order two");
        let bo = talk.given.contact(talk.workspace, person("Bo", "", "", ""), None);
        let other = talk.given.conversation(talk.workspace, bo, talk.account);
        let third = talk.given.received(talk.workspace, other, (bo, talk.account), "order three");
        let elsewhere = talk.given.workspace("Beta");
        let account = talk.given.account(elsewhere, "local");
        let stranger = talk.given.contact(elsewhere, person("Cy", "", "", ""), None);
        let theirs = talk.given.conversation(elsewhere, stranger, account);
        talk.given.received(elsewhere, theirs, (stranger, account), "order four");
        for tables in folded(&talk.given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            let all = find(connection, talk.workspace, &looking_for("order"), None, 10).await.expect("a page").items;
            assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), [third, second, first]);
            let at = all[1].at;
            for (filter, wanted) in [
                (Filter { contact: Some(talk.contact), ..looking_for("order") }, vec![second, first]),
                (Filter { direction: Some(Direction::Out), ..looking_for("order") }, vec![second]),
                (Filter { from: Some(at), ..looking_for("order") }, vec![third, second]),
                (Filter { to: Some(at), ..looking_for("order") }, vec![first]),
                (Filter { accounts: Some(vec![]), ..looking_for("order") }, vec![]),
                (Filter { accounts: Some(vec![talk.account]), ..looking_for("t order") }, vec![third, second]),
            ] {
                let found = find(connection, talk.workspace, &filter, None, 10).await.expect("a page");
                assert_eq!(found.items.iter().map(|row| row.id).collect::<Vec<_>>(), wanted, "{filter:?}");
            }
            let page = find(connection, talk.workspace, &looking_for("order"), None, 2).await.expect("a page");
            let next = find(connection, talk.workspace, &looking_for("order"), page.next.as_ref(), 2).await;
            assert_eq!(next.expect("a page").items.iter().map(|row| row.id).collect::<Vec<_>>(), [first]);
        }
    }

    #[tokio::test]
    async fn what_is_common_elsewhere_is_rare_here() {
        let mut talk = talk();
        talk.says("the refund");
        let elsewhere = talk.given.workspace("Beta");
        let theirs = talk.given.conversation(elsewhere, talk.contact, talk.account);
        for _ in 0..60 {
            talk.given.received(elsewhere, theirs, (talk.contact, talk.account), "a refund");
        }
        for number in 0..60 {
            talk.says(&format!("hello {number}"));
        }
        for tables in folded(&talk.given).await {
            let mut reader = tables.read().await.expect("a reader");
            let (rare, common) = (looking_for("refund"), looking_for("hello"));
            let bounded = |filter: &Filter| Listing { bound: 50, ..filter.listing(talk.workspace, None, 20) };
            let page: Page<Message> = listing::page(reader.connection(), &bounded(&rare)).await.expect("a page");
            assert_eq!((page.items.len(), page.examined), (1, None), "the other workspace's messages were not counted");
            let page: Page<Message> = listing::page(reader.connection(), &bounded(&common)).await.expect("a page");
            assert_eq!((page.items.len(), page.next.is_some()), (20, true));
            let both = looking_for("hello 1");
            let listing = Listing { candidates: Vec::new(), ..bounded(&both) };
            let page: Page<Message> = listing::page(reader.connection(), &listing).await.expect("a page");
            assert_eq!(
                (page.items.len(), page.examined, page.next.is_some()),
                (10, Some(50), true),
                "a walk has its bound"
            );
        }
    }

    #[tokio::test]
    async fn an_erased_text_is_not_found_and_is_not_in_the_index() {
        let mut talk = talk();
        let message = talk.says("secret");
        let event = talk.given.events.pop().expect("an event");
        let mut event = (*event).clone();
        let aggregates::Event::Conversation(aggregates::conversation::Event::MessageReceived(inbound)) =
            &mut event.event
        else {
            panic!("a received message")
        };
        inbound.text = Personal::Erased(true);
        talk.given.events.push(std::sync::Arc::new(event));
        for tables in folded(&talk.given).await {
            let mut reader = tables.read().await.expect("a reader");
            assert!(texts(reader.connection(), talk.workspace, &looking_for("secret")).await.is_empty());
            let row = crate::messages::get(reader.connection(), talk.workspace, message).await.expect("a row");
            assert_eq!(row.map(|row| (row.text, row.search)), Some((None, String::new())));
        }
    }

    #[tokio::test]
    async fn a_hit_is_shown_with_what_was_said_around_it() {
        let mut talk = talk();
        for number in 0..5 {
            talk.says(&format!("message {number}"));
        }
        for tables in folded(&talk.given).await {
            let mut reader = tables.read().await.expect("a reader");
            let hit =
                find(reader.connection(), talk.workspace, &looking_for("3"), None, 1).await.expect("a page").items;
            let (before, after) = around(reader.connection(), &hit[0], 2).await.expect("messages");
            let shown = |rows: Vec<Message>| rows.into_iter().filter_map(|row| row.text).collect::<Vec<_>>();
            assert_eq!(
                (shown(before), shown(after)),
                (vec!["message 1".into(), "message 2".into()], vec!["message 4".into()])
            );
        }
    }

    #[tokio::test]
    async fn every_search_is_served_by_an_index() {
        let tables = empty_on(Database::Sqlite).await;
        let mut reader = tables.read().await.expect("a reader");
        let filter = Filter {
            contact: Some(ContactId(uuid::Uuid::nil())),
            accounts: Some(vec![AccountId(uuid::Uuid::nil())]),
            from: Some(1),
            to: Some(2),
            direction: Some(Direction::In),
            ..looking_for("order 1")
        };
        let listing = filter.listing(WorkspaceId(uuid::Uuid::nil()), None, 20);
        let plans = listing.plans::<Message>(reader.connection()).await;
        assert!(plans[0].contains("messages_by_time (workspace=? AND at>? AND at<?)"), "{}", plans[0]);
        assert!(!plans[0].contains("TEMP B-TREE"), "{}", plans[0]);
        for (plan, index) in plans[1..].iter().zip(["VIRTUAL TABLE", "messages_by_contact"]) {
            assert!(plan.contains(index) && plan.contains("SEARCH v USING INTEGER PRIMARY KEY"), "{index}: {plan}");
        }
        assert_eq!(plans.len(), 3);
    }
}
