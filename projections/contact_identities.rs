//! Where contacts can be met: the accounts that know them, and under which id.

use std::collections::BTreeSet;

use aggregates::channel_account::Channel;
use aggregates::contact::Identity;
use aggregates::ids::{AccountId, ContactId, WorkspaceId};
use aggregates::{Event, Recorded, contact};

use crate::cell::{decode, known};
use crate::database::{Connection, Error};
use crate::listing::one_of;
use crate::rows::Rows;
use crate::sql::Sql;
use crate::table::{Poison, Projection, Table, table};

table! {
    /// A person on a channel account.
    pub struct ContactIdentity in "contact_identities" {
        key {
            /// The workspace.
            workspace: WorkspaceId,
            /// The contact.
            contact: ContactId,
            /// The position at which it became known.
            position: u64,
        }
        /// The account.
        account: AccountId,
        /// The channel's own id of the person; nothing once it was erased.
        channel_user: Option<String>,
        /// When it became known, in microseconds since the epoch.
        connected_at: i64,
    }
}

fn identity(event: &Recorded) -> Option<&Identity> {
    match &event.event {
        Event::Contact(contact::Event::ContactCreated { identity, .. }) => identity.as_ref(),
        Event::Contact(contact::Event::ContactIdentityConnected { identity }) => Some(identity),
        _ => None,
    }
}

impl Projection for ContactIdentity {
    fn touched(_: &Recorded, _: &mut BTreeSet<Self::Key>) {}

    fn apply(rows: &mut Rows<Self>, event: &Recorded) -> Result<(), Poison> {
        if let Some(identity) = identity(event) {
            rows.insert(Self {
                workspace: event.workspace,
                contact: ContactId(event.stream_id),
                position: event.position,
                account: identity.account,
                channel_user: known(&identity.user),
                connected_at: event.recorded_at,
            });
        }
        Ok(())
    }
}

/// An identity with its account's channel and name.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The identity.
    pub identity: ContactIdentity,
    /// The account's channel.
    pub channel: Channel,
    /// The account's name.
    pub account_name: String,
}

/// The identities of all of `contacts`, by contact and then from the first known.
///
/// # Errors
/// When the database fails.
pub async fn of_contacts(
    connection: &mut Connection,
    workspace: WorkspaceId,
    contacts: &[ContactId],
) -> Result<Vec<Shown>, Error> {
    let select = format!(
        "select {}, a.channel, a.name from contact_identities v \
         join channel_accounts a on a.workspace = v.workspace and a.id = v.account where v.workspace = ",
        ContactIdentity::columns("v")
    );
    let sql = Sql::new(select).bind(&workspace).push(" and ").append(one_of("v.contact", contacts));
    let rows = sql.push(" order by v.contact, v.position").raw(connection).await?;
    let width = ContactIdentity::COLUMNS.len();
    rows.iter()
        .map(|row| {
            let (channel, account_name) = (decode(row, width)?, decode(row, width + 1)?);
            Ok(Shown { identity: ContactIdentity::from_row(row)?, channel, account_name })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, folded, person, rows, visitor};

    #[tokio::test]
    async fn identities_are_shown_with_their_accounts() {
        let mut given = Given::default();
        let workspace = given.workspace("Acme");
        let account = given.account(workspace, "local");
        let ana = given.contact(workspace, person("Ana", "", "", ""), Some(visitor(account, "v1")));
        let bo = given.contact(workspace, person("Bo", "", "", ""), None);
        let identity = Identity { account, user: aggregates::Personal::Erased(true) };
        given.record(workspace, bo, contact::Event::ContactIdentityConnected { identity });
        let folded_rows = rows::<ContactIdentity>(&given);
        for tables in folded(&given).await {
            let mut reader = tables.read().await.expect("a reader");
            let shown = of_contacts(reader.connection(), workspace, &[ana, bo]).await.expect("rows");
            let users: Vec<Option<&str>> = shown.iter().map(|shown| shown.identity.channel_user.as_deref()).collect();
            assert_eq!(users, [Some("v1"), None]);
            assert_eq!((shown[0].channel, shown[0].account_name.as_str()), (Channel::Webchat, "local"));
            assert_eq!(shown.into_iter().map(|shown| shown.identity).collect::<Vec<_>>(), folded_rows);
        }
    }
}
