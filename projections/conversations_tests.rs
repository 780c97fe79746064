//! How conversations stand and are listed; beside `conversations.rs`, which would be too long with it.

use super::*;
use crate::given::{BEGINNING, Given, folded, person, rows};

struct Talks {
    given: Given,
    workspace: WorkspaceId,
    account: AccountId,
    vip: TagId,
    contacts: Vec<ContactId>,
    conversations: Vec<ConversationId>,
}

/// Ana wrote twice and was answered, Bo wrote and waits, Cy was read, Di never wrote.
fn talks() -> Talks {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    let account = given.account(workspace, "local");
    let vip = given.tag(workspace, "VIP");
    let (mut contacts, mut conversations) = (Vec::new(), Vec::new());
    for name in ["Ana", "Bo", "Cy", "Di"] {
        let contact = given.contact(workspace, person(name, "López", "", ""), None);
        let conversation = given.conversation(workspace, contact, account);
        contacts.push(contact);
        conversations.push(conversation);
    }
    for contact in [0, 0, 1, 2] {
        given.received(workspace, conversations[contact], (contacts[contact], account), "hello");
    }
    given.queued(workspace, conversations[0], (contacts[0], account), &"x".repeat(200));
    let read = conversation::Event::ConversationRead { contact: contacts[2], messages: 1 };
    given.record(workspace, conversations[2], read);
    given.tagged(workspace, contacts[1], &[vip]);
    Talks { given, workspace, account, vip, contacts, conversations }
}

#[test]
fn a_conversation_shows_how_it_stands() {
    let talks = talks();
    let rows = rows::<Conversation>(&talks.given);
    let stands: Vec<(u64, bool)> = rows.iter().map(|row| (row.unread, row.waiting_since.is_some())).collect();
    assert_eq!(stands, [(2, false), (1, true), (0, true), (0, false)]);
    let preview = rows[0].last_message_preview.as_deref().expect("a preview");
    assert_eq!((preview.chars().count(), preview.ends_with('…')), (140, true));
    assert_eq!(rows[0].last_message_direction, Some(Direction::Out));
    assert_eq!(rows[1].waiting_since, rows[1].last_inbound_at);
    assert_eq!((rows[3].last_message_at, rows[3].updated_at), (None, BEGINNING + 10_000_000));
}

#[tokio::test]
async fn a_conversation_shows_its_status_and_owner_until_a_message_opens_it() {
    let mut talks = talks();
    let (contact, conversation) = (talks.contacts[0], talks.conversations[0]);
    let owned = |owner, by: Option<&str>| {
        let by = by.map(str::to_owned);
        conversation::Event::ConversationOwnerChanged { contact, owner, by, reason: None }
    };
    talks.given.record(talks.workspace, conversation, owned(Owner::Human, Some("local")));
    talks.given.record(talks.workspace, conversation, conversation::Event::ConversationClosed { contact });
    let shown = |given: &Given| {
        let row = rows::<Conversation>(given).swap_remove(0);
        (row.status, row.owner, row.owner_id)
    };
    assert_eq!(shown(&talks.given), ("closed".to_owned(), "human".to_owned(), Some("local".to_owned())));
    for tables in folded(&talks.given).await {
        let mut reader = tables.read().await.expect("a reader");
        let closed = Filter { status: Some("closed".to_owned()), owner: Some("human".to_owned()), ..Filter::default() };
        let page = list(reader.connection(), talks.workspace, &closed, None, 10).await.expect("a page");
        assert_eq!(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), [conversation]);
        // Without an event that opens it: the message was decided before the close.
        talks.given.received(talks.workspace, conversation, (contact, talks.account), "hello");
        talks.given.record(talks.workspace, conversation, owned(Owner::None, None));
        assert_eq!(shown(&talks.given), ("open".to_owned(), "none".to_owned(), None));
    }
}

#[tokio::test]
async fn conversations_are_listed_by_every_filter() {
    let talks = talks();
    for tables in folded(&talks.given).await {
        let mut reader = tables.read().await.expect("a reader");
        let connection = reader.connection();
        let [ana, bo, cy, di] = talks.conversations[..] else { panic!("four conversations") };
        let text = |text: &str| Some(text.to_owned());
        let cases = [
            (Filter::default(), vec![ana, cy, bo, di]),
            (Filter { unread: Some(true), ..Filter::default() }, vec![ana, bo]),
            (Filter { unread: Some(false), ..Filter::default() }, vec![cy, di]),
            (Filter { unanswered: Some(true), ..Filter::default() }, vec![cy, bo]),
            (Filter { unanswered: Some(false), ..Filter::default() }, vec![ana, di]),
            (Filter { status: text("open"), owner: text("none"), ..Filter::default() }, vec![ana, cy, bo, di]),
            (Filter { status: text("closed"), ..Filter::default() }, vec![]),
            (
                Filter { accounts: Some(vec![talks.account]), query: text("lopez"), ..Filter::default() },
                vec![ana, cy, bo, di],
            ),
            (Filter { accounts: Some(vec![]), ..Filter::default() }, vec![]),
            (Filter { tags: vec![talks.vip], ..Filter::default() }, vec![bo]),
            (Filter { query: text("Cy lo"), ..Filter::default() }, vec![cy]),
            (Filter { query: text("di"), ..Filter::default() }, vec![di]),
            (
                Filter { updated_after: Some(BEGINNING + 11_000_000 + 1_000_000), ..Filter::default() },
                vec![ana, cy, bo],
            ),
        ];
        for (number, (filter, wanted)) in cases.into_iter().enumerate() {
            let page = list(connection, talks.workspace, &filter, None, 10).await.expect("a page");
            let found: Vec<ConversationId> = page.items.iter().map(|row| row.id).collect();
            assert_eq!((found, page.next, page.examined), (wanted.clone(), None, None), "case {number}");
            let counted = count(connection, talks.workspace, &filter).await.expect("a count");
            assert_eq!((counted.value, counted.more), (wanted.len() as u64, false), "case {number}");
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_loss_and_workspaces_stay_apart() {
    let mut talks = talks();
    let elsewhere = talks.given.workspace("Beta");
    for tables in folded(&talks.given).await {
        let mut reader = tables.read().await.expect("a reader");
        let connection = reader.connection();
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = list(connection, talks.workspace, &Filter::default(), after.as_ref(), 1).await.expect("a page");
            seen.extend(page.items.iter().map(|row| row.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 4);
        let first = talks.conversations[0];
        assert!(get(connection, talks.workspace, first).await.expect("a row").is_some());
        assert!(get(connection, elsewhere, first).await.expect("a row").is_none());
        let of = of_contacts(connection, talks.workspace, &talks.contacts[1..3]).await.expect("rows");
        assert_eq!(of.iter().map(|row| row.id).collect::<Vec<_>>(), talks.conversations[1..3]);
    }
}
