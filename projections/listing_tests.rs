//! Lists end where they should, whatever fills them, and give every row once.

use super::*;
use crate::contact_search::Filter;
use crate::contacts::Contact;
use crate::given::{Given, folded, person};

fn bounded<'c>(filter: &Filter, workspace: WorkspaceId, after: Option<&'c Cursor>) -> Listing<'c> {
    Listing { bound: 50, ..filter.listing(workspace, Order::Created, after, 6) }
}

#[tokio::test]
async fn a_walk_ends_after_a_bounded_number_of_rows_and_goes_on_behind_them() {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    let (common, other) = (given.tag(workspace, "common"), given.tag(workspace, "other"));
    // Two tags that most contacts carry, and that meet on the oldest 10 only.
    for number in 0..130 {
        let contact = given.contact(workspace, person(&format!("Ana{number:03}"), "", "", ""), None);
        let tags = match number {
            0..10 => vec![common, other],
            10..70 => vec![common],
            _ => vec![other],
        };
        given.tagged(workspace, contact, &tags);
    }
    for tables in folded(&given).await {
        let mut reader = tables.read().await.expect("a reader");
        let filter = Filter { tags: vec![common, other], ..Filter::default() };
        let (mut after, mut pages, mut found): (Option<Cursor>, _, _) = (None, Vec::new(), 0);
        loop {
            let listing = bounded(&filter, workspace, after.as_ref());
            let page: Page<Contact> = super::page(reader.connection(), &listing).await.expect("a page");
            pages.push((page.items.len(), page.examined));
            found += page.items.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((found, pages), (10, vec![(0, Some(50)), (0, Some(50)), (6, None), (4, None)]));
        let common = Filter { tags: vec![common], ..Filter::default() };
        for (filter, wanted) in [(filter, "10"), (Filter::default(), "50+"), (common, "50+")] {
            let counted =
                count::<Contact>(reader.connection(), &bounded(&filter, workspace, None)).await.expect("a count");
            assert_eq!(counted.to_string(), wanted);
        }
        let text = Filter { query: Some("ana".to_owned()), ..Filter::default() };
        let page: Page<Contact> = page(reader.connection(), &bounded(&text, workspace, None)).await.expect("a page");
        assert_eq!(
            (page.items[0].sort_name.as_str(), page.examined),
            ("ana129", None),
            "common text is found by a walk"
        );
    }
}

#[tokio::test]
async fn an_address_that_many_have_is_listed_whole_and_counted() {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    let (rare, never) = (given.tag(workspace, "rare"), given.tag(workspace, "never"));
    // What visitors say of themselves is not held against what others have said.
    for number in 0..NARROW + 30 {
        let contact = given.contact(workspace, person(&format!("Ana{number:03}"), "", "same@x.co", ""), None);
        // The last ones, who are not among the first that are looked at.
        if number >= NARROW + 21 {
            given.tagged(workspace, contact, &[rare]);
        }
    }
    given.contact(workspace, person("Bo", "", "bo@x.co", ""), None);
    for tables in folded(&given).await {
        let mut reader = tables.read().await.expect("a reader");
        let email = |email: &str, tags| Filter { email: Some(email.to_owned()), tags, ..Filter::default() };
        for (filter, wanted) in [
            (email("same@x.co", vec![]), NARROW + 30),
            (email("same@x.co", vec![rare]), 9),
            (email("same@x.co", vec![never]), 0),
            (email("bo@x.co", vec![]), 1),
            (email("bo@x.co", vec![rare]), 0),
            (email("nobody@x.co", vec![]), 0),
        ] {
            let (mut after, mut names): (Option<Cursor>, Vec<String>) = (None, Vec::new());
            loop {
                let listing = filter.listing(workspace, Order::Name, after.as_ref(), 6);
                let page: Page<Contact> = super::page(reader.connection(), &listing).await.expect("a page");
                names.extend(page.items.into_iter().map(|row| row.sort_name));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert!(names.is_sorted(), "{names:?}");
            assert_eq!(names.len() as u64, wanted);
            let listing = filter.listing(workspace, Order::Name, None, 0);
            let counted = count::<Contact>(reader.connection(), &listing).await.expect("a count");
            assert_eq!((counted.value, counted.more), (wanted, false));
        }
    }
}

#[tokio::test]
async fn names_are_in_the_order_of_their_bytes_on_every_page() {
    let names = ["ab", "a b", "a-b", "a", "_x", "1", "+4", "山田", "ж", "z", "'n", "🙂", "ab c", "abc", "~"];
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    for name in names {
        given.contact(workspace, person(name, "", "", ""), None);
    }
    let mut wanted = names.to_vec();
    wanted.sort_unstable();
    for tables in folded(&given).await {
        let mut reader = tables.read().await.expect("a reader");
        let (filter, mut after, mut found): (_, Option<Cursor>, _) = (Filter::default(), None, Vec::new());
        loop {
            let listing = filter.listing(workspace, Order::Name, after.as_ref(), 2);
            let page: Page<Contact> = super::page(reader.connection(), &listing).await.expect("a page");
            found.extend(page.items.into_iter().map(|row| row.sort_name));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn parts_of_texts_are_found_however_common_they_are_and_page_by_page() {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    // Of 300, the oldest are 7 rare ones; every third is common, and each tenth of the rest less so.
    for number in 0..300 {
        let name = match number {
            0..7 => "Ximena",
            _ if number % 3 == 0 => "Maria",
            _ if number % 10 == 1 => "Olga",
            _ => "Wei",
        };
        given.contact(workspace, person(name, &format!("{number:03}"), "", ""), None);
    }
    for tables in folded(&given).await {
        let mut reader = tables.read().await.expect("a reader");
        for (query, wanted) in [("xime", 7), ("mari", 97), ("olg", 19), ("nobody", 0), ("ana", 0)] {
            let filter = Filter { query: Some(query.to_owned()), ..Filter::default() };
            let (mut after, mut names): (Option<Cursor>, _) = (None, Vec::new());
            loop {
                let listing = Listing { bound: 100, ..filter.listing(workspace, Order::Created, after.as_ref(), 6) };
                let page: Page<Contact> = super::page(reader.connection(), &listing).await.expect("a page");
                assert!(page.items.len() <= 6 && page.examined.is_none(), "{query}");
                names.extend(page.items.into_iter().map(|row| row.sort_name));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(names.len(), wanted, "{query}");
            assert!(
                names.iter().is_sorted_by_key(|name| std::cmp::Reverse(name[name.len() - 3..].to_owned())),
                "{names:?}"
            );
        }
    }
}
