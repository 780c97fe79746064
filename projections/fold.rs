//! The list of all read tables, and how a page of events is folded into them in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aggregates::Recorded;
use aggregates::ids::WorkspaceId;
use serde_json::{Map, Value};

use crate::checkpoint::{self, Checkpoint, Held, NotHeld};
use crate::database::{Connection, Error};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Projection, Table};

/// Why a page was not folded. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The page does not continue where the workspace's tables stand.
    #[error("the tables of {workspace} want the event at {expected}; the page goes on at {found}")]
    Gap {
        /// The workspace.
        workspace: WorkspaceId,
        /// The position that must come next.
        expected: u64,
        /// The position that came.
        found: u64,
    },
    /// The tables were folded from another log, such as one that a backup has replaced since.
    #[error("the tables of {workspace} at {position} belong to another log")]
    OtherLog {
        /// The workspace.
        workspace: WorkspaceId,
        /// The position whose leaf hash differs.
        position: u64,
    },
    /// An event that contradicts the rows. It stops its workspace only: the page may be folded without it.
    #[error("projection {projection} of {workspace} cannot take the event at {position}: {reason}")]
    Poison {
        /// The table.
        projection: &'static str,
        /// The workspace.
        workspace: WorkspaceId,
        /// The event's position.
        position: u64,
        /// Why, without data.
        reason: &'static str,
    },
    /// Another process is folding into the tables of a workspace of the page; only where it was not to be waited for.
    #[error("another process is folding into the read tables")]
    Busy,
    /// Another process has put tables of another version in the place of these since they were opened.
    #[error("the read tables are of version {0} by now")]
    OtherVersion(u64),
    /// The database failed.
    #[error("{} could not be read or written", .projection.unwrap_or("the read tables"))]
    Database {
        /// The table, where it was one.
        projection: Option<&'static str>,
        /// What the database said.
        #[source]
        source: Error,
    },
}

impl FoldError {
    /// The workspace that stands in the way; none when the fault is not with one.
    #[must_use]
    pub const fn workspace(&self) -> Option<WorkspaceId> {
        match self {
            Self::Gap { workspace, .. } | Self::OtherLog { workspace, .. } | Self::Poison { workspace, .. } => {
                Some(*workspace)
            }
            Self::Busy | Self::OtherVersion(_) | Self::Database { .. } => None,
        }
    }

    /// The position at which that workspace stopped.
    #[must_use]
    pub const fn position(&self) -> Option<u64> {
        match self {
            Self::Gap { expected: position, .. } | Self::OtherLog { position, .. } | Self::Poison { position, .. } => {
                Some(*position)
            }
            Self::Busy | Self::OtherVersion(_) | Self::Database { .. } => None,
        }
    }
}

impl From<NotHeld> for FoldError {
    fn from(not_held: NotHeld) -> Self {
        match not_held {
            NotHeld::Busy => Self::Busy,
            NotHeld::OtherVersion(version) => Self::OtherVersion(version),
            NotHeld::Database(source) => source.into(),
        }
    }
}

impl From<Error> for FoldError {
    fn from(source: Error) -> Self {
        Self::Database { projection: None, source }
    }
}

const fn failed<T: Table>(source: Error) -> FoldError {
    FoldError::Database { projection: Some(T::NAME), source }
}

async fn load<T: Projection>(
    rows: &mut Rows<T>,
    connection: &mut Connection,
    events: &[&Recorded],
) -> Result<(), FoldError> {
    let mut keys = BTreeSet::new();
    for event in events {
        T::touched(event, &mut keys);
    }
    rows.load(connection, keys).await.map_err(failed::<T>)
}

/// Writes the rows when there are more than `most`; what was swept away goes in any case, since it must not be loaded again.
async fn spill<T: Table>(rows: &mut Rows<T>, connection: &mut Connection, most: usize) -> Result<(), FoldError> {
    let spilled = if rows.len() > most { rows.write(connection).await } else { rows.sweep(connection).await };
    spilled.map_err(failed::<T>)
}

fn apply<T: Projection>(rows: &mut Rows<T>, event: &Recorded) -> Result<(), FoldError> {
    T::apply(rows, event).map_err(|poison| FoldError::Poison {
        projection: T::NAME,
        workspace: event.workspace,
        position: event.position,
        reason: poison.0,
    })
}

async fn dump<T: Table>(connection: &mut Connection) -> Result<Vec<Value>, Error> {
    let sql = format!("select {} from {} v order by {}", T::columns("v"), T::NAME, T::KEY.join(", "));
    let rows = Sql::new(sql).rows::<T>(connection).await?;
    let object = |row: T| {
        let cells = row.cells().into_iter().map(crate::cell::Cell::into_json);
        Value::Object(T::COLUMNS.iter().map(|column| (*column).to_owned()).zip(cells).collect::<Map<_, _>>())
    };
    Ok(rows.into_iter().map(object).collect())
}

macro_rules! tables {
    ($($field:ident: $row:ty),* $(,)?) => {
        /// The names of all read tables.
        pub const TABLES: &[&str] = &[$(<$row>::NAME),*];

        /// The rows that events touch.
        #[derive(Default)]
        pub(crate) struct Touched {
            $($field: Rows<$row>,)*
        }

        impl Touched {
            /// Loads the rows that `events` change, as far as they are not here.
            pub(crate) async fn load(
                &mut self,
                connection: &mut Connection,
                events: &[&Recorded],
            ) -> Result<(), FoldError> {
                $(load::<$row>(&mut self.$field, connection, events).await?;)*
                Ok(())
            }

            pub(crate) fn apply(&mut self, event: &Recorded) -> Result<(), FoldError> {
                $(apply::<$row>(&mut self.$field, event)?;)*
                Ok(())
            }

            /// Writes the rows of every table of which more than `most` are here, and forgets them.
            pub(crate) async fn spill(&mut self, connection: &mut Connection, most: usize) -> Result<(), FoldError> {
                $(spill::<$row>(&mut self.$field, connection, most).await?;)*
                Ok(())
            }
        }

        /// Every table with its rows by primary key.
        pub async fn dump_all(connection: &mut Connection) -> Result<Vec<(&'static str, Vec<Value>)>, Error> {
            Ok(vec![$((<$row>::NAME, dump::<$row>(connection).await?),)*])
        }
    };
}

// A new read table is one line here and one file beside.
tables! {
    workspaces: crate::workspaces::Workspace,
    channel_accounts: crate::channel_accounts::ChannelAccount,
    tags: crate::tags::Tag,
    custom_fields: crate::custom_fields::CustomField,
    bot_fields: crate::bot_fields::BotField,
    tokens: crate::tokens::Token,
    contacts: crate::contacts::Contact,
    contact_identities: crate::contact_identities::ContactIdentity,
    contact_tags: crate::contact_tags::ContactTag,
    contact_fields: crate::contact_fields::ContactField,
    contact_notes: crate::contact_notes::ContactNote,
    conversations: crate::conversations::Conversation,
    messages: crate::messages::Message,
    flows: crate::flows::Flow,
    flow_versions: crate::flow_versions::FlowVersion,
    flow_runs: crate::flow_runs::FlowRun,
}

/// Folds `page` on a connection with an open write transaction; `reached` says for each workspace of the page where it ends.
pub async fn fold_page(
    connection: &mut Connection,
    page: &[Arc<Recorded>],
    reached: &[Checkpoint],
    held: Held,
) -> Result<(), FoldError> {
    let workspaces: BTreeSet<WorkspaceId> =
        page.iter().map(|event| event.workspace).chain(reached.iter().map(|end| end.workspace)).collect();
    let places = checkpoint::hold(connection, &workspaces, held).await?;
    let mut next: BTreeMap<WorkspaceId, u64> =
        places.iter().map(|(workspace, place)| (*workspace, place.position + 1)).collect();
    let mut events: Vec<&Recorded> = Vec::with_capacity(page.len());
    for event in page {
        let expected = next.entry(event.workspace).or_insert(1);
        if event.position > *expected {
            return Err(FoldError::Gap { workspace: event.workspace, expected: *expected, found: event.position });
        }
        // What another process has folded already is passed over.
        if event.position == *expected {
            *expected += 1;
            events.push(event);
        }
    }
    let moved = moved(&places, &next, reached)?;
    let mut touched = Touched::default();
    touched.load(connection, &events).await?;
    for event in events {
        touched.apply(event)?;
    }
    touched.spill(connection, 0).await?;
    checkpoint::set(connection, &moved).await?;
    Ok(())
}

/// The checkpoints that go forward, each exactly to its workspace's last event of the page.
fn moved<'r>(
    places: &BTreeMap<WorkspaceId, Checkpoint>,
    next: &BTreeMap<WorkspaceId, u64>,
    reached: &'r [Checkpoint],
) -> Result<Vec<&'r Checkpoint>, FoldError> {
    let mut ends: BTreeMap<WorkspaceId, &Checkpoint> = BTreeMap::new();
    for end in reached {
        let (workspace, position) = (end.workspace, end.position);
        match places.get(&workspace) {
            Some(place) if position == place.position && end.leaf_hash != place.leaf_hash => {
                return Err(FoldError::OtherLog { workspace, position });
            }
            Some(place) if position > place.position => {
                ends.insert(workspace, end);
            }
            _ => {}
        }
    }
    for (workspace, next) in next {
        let stands = places.get(workspace).map_or(0, |place| place.position);
        let end = ends.get(workspace).map_or(stands, |end| end.position);
        if end + 1 != *next {
            return Err(FoldError::Gap { workspace: *workspace, expected: *next, found: end + 1 });
        }
    }
    Ok(ends.into_values().collect())
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
