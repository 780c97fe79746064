//! How much there is in a workspace.

use aggregates::ids::WorkspaceId;

use crate::contact_search;
use crate::conversations;
use crate::database::{Connection, Error};
use crate::listing::Count;
use crate::sql::Sql;

/// What a workspace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Contacts, exact up to 10,000.
    pub contacts: Count,
    /// Open conversations, exact up to 10,000.
    pub open_conversations: Count,
    /// Channel accounts.
    pub channel_accounts: u64,
    /// Flows.
    pub flows: u64,
}

/// Counts a workspace's contacts, open conversations, channel accounts and flows.
///
/// # Errors
/// When the database fails.
pub async fn of_workspace(connection: &mut Connection, workspace: WorkspaceId) -> Result<Counts, Error> {
    let contacts = contact_search::count(connection, workspace, &contact_search::Filter::default()).await?;
    let open = conversations::Filter { status: Some("open".to_owned()), ..conversations::Filter::default() };
    let open_conversations = conversations::count(connection, workspace, &open).await?;
    let accounts = Sql::new("select count(*) from channel_accounts v where v.workspace = ").bind(&workspace);
    let channel_accounts = accounts.value(connection).await?.unwrap_or(0);
    let flows = Sql::new("select count(*) from flows v where v.workspace = ").bind(&workspace);
    let flows = flows.value(connection).await?.unwrap_or(0);
    Ok(Counts { contacts, open_conversations, channel_accounts, flows })
}
