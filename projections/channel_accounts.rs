//! The channel accounts as they are shown.

use std::collections::BTreeSet;

use aggregates::channel_account::{self, Channel};
use aggregates::ids::{AccountId, WorkspaceId};
use aggregates::{Event, Recorded};

use crate::cursor::Cursor;
use crate::database::{Connection, Error};
use crate::listing::Page;
use crate::near_miss::{self, label, named_row};
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, table};

table! {
    /// A channel account.
    pub struct ChannelAccount in "channel_accounts" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// Its id.
            id: AccountId,
        }
        /// The channel.
        channel: Channel,
        /// What it is called, unique among the accounts of the channel.
        name: String,
        /// Its name, folded.
        folded: String,
        /// When it was connected, in microseconds since the epoch.
        connected_at: i64,
    }
}

impl Projection for ChannelAccount {
    fn touched(_: &Recorded, _: &mut BTreeSet<Self::Key>) {}

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        if let Event::ChannelAccount(channel_account::Event::ChannelAccountConnected { channel, name }) = &event.event {
            rows.insert(Self {
                workspace: event.workspace,
                id: AccountId(event.stream_id),
                channel: *channel,
                name: name.clone(),
                folded: label(name),
                connected_at: event.recorded_at,
            });
        }
        Ok(())
    }
}

named_row!(ChannelAccount, AccountId);

/// A page by name ([`Order::Label`](crate::Order::Label)), of one channel or of all.
///
/// # Errors
/// When the database fails.
pub async fn list(
    connection: &mut Connection,
    workspace: WorkspaceId,
    channel: Option<Channel>,
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Page<ChannelAccount>, Error> {
    // A workspace has few accounts: those of another channel cost nothing worth an index.
    let filters = channel.iter().map(|channel| Sql::new("v.channel = ").bind(channel)).collect();
    near_miss::list(connection, workspace, filters, after, limit).await
}

/// The accounts of that name on any channel, without regard to case and marks.
///
/// # Errors
/// When the database fails.
pub async fn by_name(
    connection: &mut Connection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Vec<ChannelAccount>, Error> {
    near_miss::by_name(connection, workspace, name).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded, rows};

    #[tokio::test]
    async fn accounts_are_found_by_id_channel_and_name() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let local = given.account(workspace, "local");
        assert_eq!(rows::<ChannelAccount>(&given).len(), 1);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let connection = reader.connection();
            let page = list(connection, workspace, Some(Channel::Webchat), None, 10).await.expect("a page");
            assert_eq!(page.items, by_ids(connection, workspace, &[local]).await.expect("rows"));
            assert_eq!(page.items, by_name(connection, workspace, "LOCAL").await.expect("rows"));
            assert_eq!(near(connection, workspace, "loca").await.expect("candidates")[0].id, local.to_string());
        }
    }
}
