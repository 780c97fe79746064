//! The workspaces as they are shown.

use std::collections::BTreeSet;

use aggregates::ids::WorkspaceId;
use aggregates::{Event, Recorded, workspace};

use crate::database::{Connection, Error};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

table! {
    /// A workspace.
    pub struct Workspace in "workspaces" {
        key {
            /// Its id.
            id: WorkspaceId,
        }
        /// Its name.
        name: String,
        /// Its IANA time zone.
        timezone: String,
        /// Its BCP 47 language.
        language: String,
        /// When it began, in microseconds since the epoch.
        created_at: i64,
    }
}

impl Projection for Workspace {
    fn touched(_: &Recorded, _: &mut BTreeSet<Self::Key>) {}

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        if let Event::Workspace(workspace::Event::WorkspaceCreated { name, timezone, language }) = &event.event {
            rows.insert(Self {
                id: event.workspace,
                name: name.clone(),
                timezone: timezone.clone(),
                language: language.clone(),
                created_at: event.recorded_at,
            });
        }
        Ok(())
    }
}

/// One workspace.
///
/// # Errors
/// When the database fails.
pub async fn get(connection: &mut Connection, id: WorkspaceId) -> Result<Option<Workspace>, Error> {
    let sql = Sql::new(format!("select {} from workspaces v where v.id = ", Workspace::columns("v"))).bind(&id);
    Ok(sql.rows(connection).await?.pop())
}

/// The first `limit` workspaces, the oldest first. For the owner of the data folder only: a caller sees one workspace.
///
/// # Errors
/// When the database fails.
pub async fn list(connection: &mut Connection, limit: u64) -> Result<Vec<Workspace>, Error> {
    let sql = format!("select {} from workspaces v order by v.created_at, v.id limit ", Workspace::columns("v"));
    Sql::new(sql).bind(&limit).rows(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded};

    #[tokio::test]
    async fn workspaces_are_listed_from_the_oldest() {
        let mut given = Given::default();
        let first = given.workspace("Acme");
        let second = given.workspace("Beta");
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let names: Vec<String> =
                list(reader.connection(), 10).await.expect("a list").into_iter().map(|row| row.name).collect();
            assert_eq!(names, ["Acme", "Beta"]);
            let row = get(reader.connection(), second).await.expect("a row").expect("a workspace");
            assert_eq!((row.timezone.as_str(), row.language.as_str()), ("UTC", "en"));
            assert_eq!(reader.position(first).await.expect("a position"), 1);
        }
    }
}
