//! The filter language as SQL on `contacts v`, with the same meaning as in memory (see `aggregates::filter`), and which of its conditions
//! an index serves.
//!
//! Every condition is closed with `is true` or `is not true`: where there is no value SQL's answer would be neither, and the opposite of
//! nothing is nothing again.

use std::ops::Bound;

use aggregates::contact_attributes::Attribute;
use aggregates::filter::{Condition, Filter, Key, Kind, Subject, Test, Tree};
use aggregates::ids::{FlowId, WorkspaceId};

use crate::cell::Cell;
use crate::cursor::Order;
use crate::dialect::exists;
use crate::listing::{Candidates, Number, anywhere, like};
use crate::sql::Sql;

/// How many ways to few rows are tried: each costs a count.
const MAX_CANDIDATES: usize = 6;
/// How many characters of a custom field's value the index holds.
const INDEXED_CHARS: usize = 64;

/// A filter's share in a listing.
#[derive(Default)]
pub(crate) struct Conditions {
    /// Those that the index of the order serves.
    pub(crate) indexed: Vec<Sql>,
    /// Those that every row is held against.
    pub(crate) filters: Vec<Sql>,
    /// What leaves few rows, the most telling first. Each stands for one of `filters` exactly.
    pub(crate) candidates: Vec<Candidates>,
}

/// Translates a filter; `now` is what `withinLast` counts from, in microseconds since the epoch.
pub(crate) fn conditions(workspace: WorkspaceId, filter: &Filter, now: i64, order: Order) -> Conditions {
    let translation = Translation { workspace, now };
    let (mut conditions, mut found) = (Conditions::default(), Vec::new());
    let mut parts = Vec::new();
    conjuncts(filter.tree(), &mut parts);
    for part in parts {
        match translation.in_order(part, order) {
            Some(indexed) => conditions.indexed.push(indexed),
            None => {
                found.extend(translation.keys(part));
                conditions.filters.push(translation.tree(part));
            }
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    let keys = found.into_iter().take(MAX_CANDIDATES).map(|(_, keys)| Candidates {
        column: Sql::new("id"),
        keys,
        number: Number::Counted,
    });
    conditions.candidates = keys.collect();
    conditions
}

/// What has to hold all at once, without the `all` around it.
fn conjuncts<'f>(tree: &'f Tree<Condition>, parts: &mut Vec<&'f Tree<Condition>>) {
    match tree {
        Tree::All(inner) => inner.iter().for_each(|part| conjuncts(part, parts)),
        other => parts.push(other),
    }
}

struct Translation {
    workspace: WorkspaceId,
    now: i64,
}

impl Translation {
    fn tree(&self, tree: &Tree<Condition>) -> Sql {
        match tree {
            Tree::All(parts) => self.joined(parts, " and "),
            Tree::Any(parts) => self.joined(parts, " or "),
            Tree::Not(inner) => Sql::new("not ").append(self.tree(inner)),
            Tree::Leaf(condition) => {
                let closed = if condition.is_negative() { ") is not true)" } else { ") is true)" };
                Sql::new("((").append(self.leaf(condition)).push(closed)
            }
        }
    }

    fn joined(&self, parts: &[Tree<Condition>], with: &'static str) -> Sql {
        let mut sql = Sql::new("(");
        for (index, part) in parts.iter().enumerate() {
            sql = sql.push(if index == 0 { "" } else { with }).append(self.tree(part));
        }
        sql.push(")")
    }

    /// The condition, without regard to its being negative.
    fn leaf(&self, condition: &Condition) -> Sql {
        let test = condition.test(self.now);
        let column = |column: &'static str| on(&Sql::new(column), &test);
        match condition.subject() {
            Subject::Attribute(attribute) => column(attribute_column(attribute)),
            Subject::Name => column("v.name_folded"),
            Subject::CreatedAt => column("v.created_at"),
            Subject::LastActivityAt => column("v.last_activity_at"),
            Subject::LastInboundAt => on(&self.last_of_conversations("last_inbound_at"), &test),
            Subject::LastOutboundAt => on(&self.last_of_conversations("last_outbound_at"), &test),
            Subject::Tag => self.among("contact_tags", "v.id", on(&Sql::new("t.tag"), &test)),
            Subject::Channel => self.among("contact_identities", "v.id", self.on_channel(&test)),
            Subject::ConversationStatus => self.among("conversations", "v.id", on(&Sql::new("t.status"), &test)),
            Subject::ConversationOwner => self.among("conversations", "v.id", on(&Sql::new("t.owner"), &test)),
            Subject::CustomField(field) => {
                let value = if condition.kind() == Kind::List { on_items(&test) } else { on(&Sql::new(VALUE), &test) };
                self.among("contact_fields", "v.id", Sql::new("t.field = ").bind(&field).push(" and ").append(value))
            }
            Subject::Unanswered => {
                let waiting = self.among("conversations", "v.id", Sql::new("t.waiting_since is not null"));
                on(&truth(waiting), &test)
            }
            Subject::Blocked => on(&truth(Sql::new("v.blocked = 1")), &test),
            Subject::FlowState(flow) => {
                self.among("flow_runs", "v.id", last_run(flow).append(on(&Sql::new("t.status"), &test)))
            }
        }
    }

    /// `exists` a row of `table t` of the contact `contact` that meets `condition`.
    fn among(&self, table: &'static str, contact: &'static str, condition: Sql) -> Sql {
        let sql = Sql::new(format!("select 1 from {table} t where t.workspace = ")).bind(&self.workspace);
        exists(sql.push(format!(" and t.contact = {contact} and ")).append(condition))
    }

    fn last_of_conversations(&self, column: &'static str) -> Sql {
        let sql = Sql::new(format!("(select max(c.{column}) from conversations c where c.workspace = "));
        sql.bind(&self.workspace).push(" and c.contact = v.id)")
    }

    fn on_channel(&self, test: &Test) -> Sql {
        let accounts = Sql::new("t.account in (select a.id from channel_accounts a where a.workspace = ");
        accounts.bind(&self.workspace).push(" and ").append(on(&Sql::new("a.channel"), test)).push(")")
    }

    /// A range of what the list is sorted by, as a condition that the index of the order serves.
    fn in_order(&self, tree: &Tree<Condition>, order: Order) -> Option<Sql> {
        let Tree::Leaf(condition) = tree else { return None };
        let test = condition.test(self.now);
        let Test::Range(from, to) = &*test else { return None };
        match (condition.subject(), order) {
            _ if condition.is_negative() => None,
            (Subject::LastActivityAt, Order::LastActivity) => Some(range(&Sql::new("v.last_activity_at"), from, to)),
            (Subject::CreatedAt, Order::Created) => Some(self.positions(from, to)),
            _ => None,
        }
    }

    /// A range of times of creation as one of positions.
    fn positions(&self, from: &Bound<Key>, to: &Bound<Key>) -> Sql {
        // The first position at or after a time; null when there is none.
        let first = |from: Bound<Key>| {
            let sql = Sql::new("(select c.created_position from contacts c where c.workspace = ").bind(&self.workspace);
            let sql = sql.push(" and ").append(range(&Sql::new("c.created_at"), &from, &Bound::Unbounded));
            sql.push(" order by c.created_at, c.created_position limit 1)")
        };
        let mut parts = Vec::new();
        match from {
            Bound::Unbounded => {}
            bound => parts.push(Sql::new("v.created_position >= ").append(first(bound.clone()))),
        }
        let behind = match to {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(Bound::Excluded(key.clone())),
            Bound::Excluded(key) => Some(Bound::Included(key.clone())),
        };
        if let Some(behind) = behind {
            let sql = Sql::new("v.created_position < coalesce(").append(first(behind));
            parts.push(sql.push(", ").bind(&i64::MAX).push(")"));
        }
        all(parts)
    }

    /// The ids of the contacts for which a condition holds, without repeats, as `key`, when an index finds them; the lower its rank,
    /// the fewer they are likely to be.
    fn keys(&self, tree: &Tree<Condition>) -> Option<(u8, Sql)> {
        match tree {
            Tree::Leaf(condition) if !condition.is_negative() => self.leaf_keys(condition),
            Tree::All(parts) if parts.len() == 1 => self.keys(&parts[0]),
            Tree::Any(parts) => {
                let parts: Vec<(u8, Sql)> = parts.iter().map(|part| self.keys(part)).collect::<Option<_>>()?;
                let rank = parts.iter().map(|(rank, _)| *rank).max()?;
                let mut sql = Sql::new("select u.key as key from (");
                for (index, (_, keys)) in parts.into_iter().enumerate() {
                    sql = sql.push(if index == 0 { "" } else { " union " }).append(keys);
                }
                Some((rank, sql.push(") u")))
            }
            _ => None,
        }
    }

    fn leaf_keys(&self, condition: &Condition) -> Option<(u8, Sql)> {
        let test = condition.test(self.now);
        let of = |select: &'static str| Sql::new(select).bind(&self.workspace).push(" and ");
        let contacts = || of("select c.id as key from contacts c where c.workspace = ");
        let exact = matches!(&*test, Test::Among(_));
        match condition.subject() {
            Subject::Attribute(Attribute::Email) if exact => {
                Some((0, contacts().append(on(&Sql::new("c.email_folded"), &test))))
            }
            Subject::Attribute(Attribute::Phone) if exact => {
                Some((0, contacts().append(on(&Sql::new("c.phone"), &test))))
            }
            Subject::CustomField(field) if condition.kind() != Kind::List => {
                let short = shortened(&test)?;
                let sql = of("select t.contact as key from contact_fields t where t.workspace = ");
                let sql = sql.push("t.field = ").bind(&field).push(" and ").append(on(&Sql::new(BEGINNING), &short));
                // What the index holds tells all about values that are compared with less than that.
                let sql = if is_short(&test) { sql } else { sql.push(" and ").append(on(&Sql::new(VALUE), &test)) };
                Some((if exact { 1 } else { 5 }, sql))
            }
            Subject::Tag if exact => {
                let sql = of("select distinct t.contact as key from contact_tags t where t.workspace = ");
                Some((2, sql.append(on(&Sql::new("t.tag"), &test))))
            }
            Subject::FlowState(flow) => {
                let sql = of("select t.contact as key from flow_runs t where t.workspace = ");
                Some((3, sql.append(last_run(flow)).append(on(&Sql::new("t.status"), &test))))
            }
            Subject::Unanswered if *test == Test::Among(vec![Key::Text("true".to_owned())]) => {
                let sql = of("select distinct t.contact as key from conversations t where t.workspace = ");
                Some((3, sql.push("t.waiting_since is not null")))
            }
            Subject::Channel if exact => {
                let sql = of("select distinct t.contact as key from contact_identities t where t.workspace = ");
                Some((4, sql.append(self.on_channel(&test))))
            }
            Subject::LastActivityAt => Some((5, contacts().append(on(&Sql::new("c.last_activity_at"), &test)))),
            Subject::CreatedAt => Some((5, contacts().append(on(&Sql::new("c.created_at"), &test)))),
            _ => None,
        }
    }
}

/// That the run `t` is its contact's last one of a flow, and what goes on with it.
fn last_run(flow: FlowId) -> Sql {
    let sql = Sql::new("t.flow = ")
        .bind(&flow)
        .push(" and not exists (select 1 from flow_runs n where n.workspace = t.workspace");
    sql.push(" and n.contact = t.contact and n.flow = t.flow and n.first_position > t.first_position) and ")
}

const VALUE: &str = "t.comparable";
/// As the index on custom fields' values has it.
const BEGINNING: &str = "substr(t.comparable, 1, 64)";

const fn attribute_column(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::FirstName => "v.first_name_folded",
        Attribute::LastName => "v.last_name_folded",
        Attribute::Email => "v.email_folded",
        Attribute::Phone => "v.phone",
        Attribute::Gender => "v.gender",
        // Codes: only the letters of ASCII have cases.
        Attribute::Language => "lower(v.language)",
        Attribute::Timezone => "lower(v.timezone)",
        Attribute::Country => "lower(v.country)",
        Attribute::AvatarUrl => "v.avatar_url",
    }
}

fn truth(condition: Sql) -> Sql {
    Sql::new("(case when ").append(condition).push(" then 'true' else 'false' end)")
}

fn cell(key: &Key) -> Cell {
    match key {
        Key::Text(text) => Cell::text(text.clone()),
        Key::Moment(moment) => Cell::Integer(*moment),
    }
}

/// The test on a column or another expression.
fn on(value: &Sql, test: &Test) -> Sql {
    let value = || value.clone();
    match test {
        Test::Present => value().push(" is not null"),
        Test::Among(keys) => {
            let mut sql = value().push(" in (");
            for (index, key) in keys.iter().enumerate() {
                sql = sql.push(if index == 0 { "" } else { ", " }).bind_cell(cell(key));
            }
            sql.push(")")
        }
        Test::Contains(part) => value().push(" like ").bind_cell(anywhere(part)).push(" escape '!'"),
        Test::StartsWith(part) => value().push(" like ").bind_cell(like("", part, "%")).push(" escape '!'"),
        Test::EndsWith(part) => value().push(" like ").bind_cell(like("%", part, "")).push(" escape '!'"),
        Test::Range(from, to) => range(&value(), from, to),
    }
}

fn range(value: &Sql, from: &Bound<Key>, to: &Bound<Key>) -> Sql {
    let side = |bound: &Bound<Key>, included: &'static str, excluded: &'static str| match bound {
        Bound::Included(key) => Some(value.clone().push(included).bind_cell(cell(key))),
        Bound::Excluded(key) => Some(value.clone().push(excluded).bind_cell(cell(key))),
        Bound::Unbounded => None,
    };
    all([side(from, " >= ", " > "), side(to, " <= ", " < ")].into_iter().flatten().collect())
}

fn all(parts: Vec<Sql>) -> Sql {
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_else(|| Sql::new("true"));
    first.and_all(&parts.collect::<Vec<_>>())
}

/// The test on the items of a list, each of which stands between two line breaks.
fn on_items(test: &Test) -> Sql {
    let Test::Among(keys) = test else { return on(&Sql::new(VALUE), test) };
    let mut sql = Sql::new("(");
    for (index, key) in keys.iter().enumerate() {
        let Key::Text(item) = key else { continue };
        sql = sql.push(if index == 0 { VALUE } else { " or t.comparable" });
        sql = sql.push(" like ").bind_cell(like("%\n", item, "\n%")).push(" escape '!'");
    }
    sql.push(")")
}

/// Whether all that a test compares with is shorter than what the index holds: a value and its beginning are alike to it then.
fn is_short(test: &Test) -> bool {
    let short = |key: &Key| matches!(key, Key::Text(text) if text.chars().count() < INDEXED_CHARS);
    let bound = |bound: &Bound<Key>| match bound {
        Bound::Included(key) | Bound::Excluded(key) => short(key),
        Bound::Unbounded => true,
    };
    match test {
        Test::Among(keys) => keys.iter().all(short),
        Test::Range(from, to) => bound(from) && bound(to),
        _ => false,
    }
}

/// The test that the beginnings of all values that pass `test` pass; nothing for tests that an index does not serve.
fn shortened(test: &Test) -> Option<Test> {
    let short = |key: &Key| match key {
        Key::Text(text) => Key::Text(text.chars().take(INDEXED_CHARS).collect()),
        Key::Moment(moment) => Key::Moment(*moment),
    };
    // Two values may begin alike, so an end that is excluded may have a beginning that is not.
    let bound = |bound: &Bound<Key>| match bound {
        Bound::Included(key) | Bound::Excluded(key) => Bound::Included(short(key)),
        Bound::Unbounded => Bound::Unbounded,
    };
    match test {
        _ if is_short(test) => Some(test.clone()),
        Test::Among(keys) => Some(Test::Among(keys.iter().map(short).collect())),
        Test::Range(from, to) => Some(Test::Range(bound(from), bound(to))),
        _ => None,
    }
}
