//! A filter means the same in the tables as in memory, costs a bounded number of rows, and loses none of them.

use std::collections::BTreeMap;

use aggregates::filter::{Facts, Filter, parse};
use aggregates::ids::ContactId;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;

use crate::cell::decode;
use crate::contact_filter_given::{Shape, Stage, filter, shape};
use crate::contact_search;
use crate::contacts::Contact;
use crate::cursor::{Cursor, Order};
use crate::database::{Connection, Database};
use crate::given::{Given, empty_on, ends};
use crate::listing::{self, Listing, Page};
use crate::sql::Sql;

const CONTACTS: usize = 2_000;
const ORDERS: [Order; 3] = [Order::LastActivity, Order::Created, Order::Name];

fn valid(stage: &Stage, json: &Value) -> Option<Filter> {
    parse(json).and_then(|parsed| parsed.resolve(&stage.nouns)).ok()
}

/// Every contact that the tables give, page by page.
async fn all(
    connection: &mut Connection,
    stage: &Stage,
    filter: &contact_search::Filter,
    order: Order,
    (bound, limit): (u64, u64),
) -> Vec<ContactId> {
    let (mut after, mut found): (Option<Cursor>, _) = (None, Vec::new());
    loop {
        let listing = Listing { bound, ..filter.listing(stage.workspace, order, after.as_ref(), limit) };
        let page: Page<Contact> = listing::page(connection, &listing).await.expect("a page");
        assert!(page.items.len() <= usize::try_from(limit).expect("a limit"));
        found.extend(page.items.iter().map(|row| row.id));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

/// The ids of all contacts for which the conditions hold, by one statement.
async fn ids(
    connection: &mut Connection,
    stage: &Stage,
    filter: &contact_search::Filter,
    order: Order,
) -> Vec<ContactId> {
    let listing = filter.listing(stage.workspace, order, None, 0);
    let sql = Sql::new("select v.id from contacts v where v.workspace = ").bind(&stage.workspace);
    let sql = sql.and_all(&listing.indexed).and_all(&listing.filters);
    let (column, direction) = (listing.sort.0, if listing.sort.1 { "desc" } else { "asc" });
    let sql = sql.push(format!(" order by v.{column} {direction}, v.id {direction}"));
    let rows = sql.raw(connection).await.expect("rows");
    rows.iter().map(|row| decode(row, 0).expect("an id")).collect()
}

fn generated(count: usize) -> Vec<Shape> {
    let (mut runner, shapes) = (TestRunner::deterministic(), shape());
    (0..count).map(|_| shapes.new_tree(&mut runner).expect("a contact").current()).collect()
}

#[test]
fn a_filter_finds_the_same_contacts_in_a_file_as_in_memory() {
    compare(Database::Sqlite, 2_000);
}

#[test]
fn a_filter_finds_the_same_contacts_on_a_server_as_in_memory() {
    // Each takes several times as long there; what could differ between the databases does so in a few hundred.
    compare(Database::Postgres, 600);
}

fn compare(database: Database, filters: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _entered = runtime.enter();
    let mut given = Given::default();
    let (stage, elsewhere) = (Stage::new(&mut given), Stage::new(&mut given));
    let mut facts: BTreeMap<ContactId, Facts> = BTreeMap::new();
    for (number, shape) in generated(CONTACTS).iter().enumerate() {
        let told = stage.tell(&mut given, shape);
        facts.extend(told.contact.map(|id| (id, told)));
        if number % 20 == 0 {
            elsewhere.tell(&mut given, shape);
        }
    }
    let now = given.events.last().expect("events").recorded_at;
    let tables = runtime.block_on(empty_on(database));
    runtime.block_on(tables.fold(&given.events, &ends(&given.events))).expect("a page");
    let mut reader = runtime.block_on(tables.read()).expect("a reader");
    let everybody = ORDERS.map(|order| {
        let filter = contact_search::Filter::default();
        runtime.block_on(all(reader.connection(), &stage, &filter, order, (10_000, 5_000)))
    });
    assert!(everybody.iter().all(|ids| ids.len() == CONTACTS));
    let (mut met, mut refused) = ([0_u32; 3], 0);
    let reader = std::cell::RefCell::new(reader);
    let met_mut = std::cell::RefCell::new(&mut met);
    let refused_mut = std::cell::RefCell::new(&mut refused);
    let check = |(json, turn): (Value, usize)| {
        // What is no filter here is refused and does not count: the comparison is of as many filters as it says.
        let Some(filter) = valid(&stage, &json) else {
            **refused_mut.borrow_mut() += 1;
            return Err(TestCaseError::reject("no filter in this workspace"));
        };
        let order = turn % 3;
        let wanted: Vec<ContactId> =
            everybody[order].iter().copied().filter(|id| filter.matches(&facts[id], now)).collect();
        let share = if wanted.is_empty() {
            0
        } else if wanted.len() == CONTACTS {
            2
        } else {
            1
        };
        met_mut.borrow_mut()[share] += 1;
        let filter = contact_search::Filter { matching: Some((filter, now)), ..contact_search::Filter::default() };
        let mut reader = reader.borrow_mut();
        // Reading whole rows takes most of the time: two of nine filters are paged through, the others give ids alone.
        let found = runtime.block_on(async {
            match turn / 3 {
                0 => all(reader.connection(), &stage, &filter, ORDERS[order], (10_000, 5_000)).await,
                1 => all(reader.connection(), &stage, &filter, ORDERS[order], (700, 300)).await,
                _ => ids(reader.connection(), &stage, &filter, ORDERS[order]).await,
            }
        });
        prop_assert_eq!(found, wanted.clone(), "{}", json);
        if turn % 6 == 0 {
            let counted = contact_search::count(reader.connection(), stage.workspace, &filter);
            prop_assert_eq!(runtime.block_on(counted).expect("a count").value, wanted.len() as u64);
        }
        Ok(())
    };
    let config = Config { cases: filters, max_global_rejects: filters, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(&(filter(), 0..27_usize), check) {
        panic!("{error}");
    }
    assert!(met.iter().all(|times| *times > filters / 50), "filters meet nobody, some and everybody: {met:?}");
    assert!(refused < filters / 5, "{refused} were refused");
}
