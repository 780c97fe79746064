//! How fast a large workspace is folded and listed. Not part of a usual run: it takes a while and proves nothing by itself.

use std::time::Instant;

use crate::contact_search::{Filter, count, list};
use crate::given::{Given, empty, ends, person};
use crate::{Order, ReadTables};

#[tokio::test]
#[ignore = "a measurement of some minutes: cargo test -p projections --release -- --ignored --nocapture"]
async fn a_hundred_thousand_contacts_are_folded_and_listed() {
    let mut given = Given::default();
    let workspace = given.workspace("Acme");
    let account = given.account(workspace, "local");
    let (common, rare) = (given.tag(workspace, "common"), given.tag(workspace, "rare"));
    let both = [common, rare];
    for number in 0..100_000_u64 {
        let word = |salt: u64| format!("{:x}", (number + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40);
        let attributes = person(&word(1), &word(2), &format!("{}@example.com", word(3)), &format!("+49{number:09}"));
        let contact = given.contact(workspace, attributes, None);
        given.tagged(workspace, contact, if number.is_multiple_of(1_000) { &both } else { &both[..1] });
        if number.is_multiple_of(10) {
            let conversation = given.conversation(workspace, contact, account);
            given.received(workspace, conversation, (contact, account), "hello there");
        }
    }
    let live = empty().await;
    let began = Instant::now();
    for page in given.events.chunks(2_000) {
        live.fold(page, &ends(page)).await.expect("a page");
    }
    report("folded live, events per second", given.events.len() as f64 / began.elapsed().as_secs_f64());
    let folder = tempfile::tempdir().expect("a folder");
    let bare = ReadTables::create_without_indexes(&folder.path().join("views.db")).await.expect("read tables");
    let began = Instant::now();
    for page in given.events.chunks(5_000) {
        bare.fold(page, &ends(page)).await.expect("a page");
    }
    bare.build_indexes().await.expect("indexes");
    report("rebuilt, events per second", given.events.len() as f64 / began.elapsed().as_secs_f64());
    let mut reader = live.read().await.expect("a reader");
    let text = |query: &str| Filter { query: Some(query.to_owned()), ..Filter::default() };
    for (name, filter) in [
        ("all", Filter::default()),
        ("rare text", text("abcde")),
        ("common text", text("example")),
        ("two letters", text("ab")),
        ("one letter", text("a")),
        ("common tag", Filter { tags: vec![common], ..Filter::default() }),
        ("rare tag", Filter { tags: vec![rare], ..Filter::default() }),
        ("common tag and text", Filter { tags: vec![common], ..text("abc") }),
    ] {
        for order in [Order::LastActivity, Order::Name] {
            let began = Instant::now();
            let page = list(reader.connection(), workspace, &filter, order, None, 20).await.expect("a page");
            report(&format!("{name} {order:?} ({} rows), ms", page.items.len()), began.elapsed().as_secs_f64() * 1e3);
        }
        let began = Instant::now();
        let counted = count(reader.connection(), workspace, &filter).await.expect("a count");
        report(&format!("{name} count {counted}, ms"), began.elapsed().as_secs_f64() * 1e3);
    }
}

fn report(what: &str, figure: f64) {
    println!("{what}: {figure:.1}");
}
