//! Where a contact is written to: the channel account and the conversation, and why these.

use std::collections::BTreeSet;

use aggregates::channel_account::{Channel, ChannelAccount};
use aggregates::contact::Contact;
use aggregates::conversation::{self, Conversation, conversation_claim};
use aggregates::ids::{AccountId, ContactId, ConversationId};
use projections::conversations;
use serde::{Deserialize, Serialize};

use super::channels::AccountRef;
use crate::app::UnitOfWork;
use crate::problem::{Code, Problem};

/// Why a channel was chosen. Stored under the idempotency key.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, strum::IntoStaticStr)]
pub(super) enum Why {
    #[strum(serialize = "it is the conversation's channel")]
    Conversation,
    #[strum(serialize = "it was asked for")]
    Asked,
    #[strum(serialize = "it is the only channel on which the contact can be met")]
    Only,
    #[strum(serialize = "the contact wrote there last")]
    LastInbound,
}

/// To whom, and where.
pub(super) struct Route {
    pub(super) contact: ContactId,
    pub(super) account: AccountId,
    pub(super) conversation: ConversationId,
    pub(super) why: Why,
}

/// The way to a contact; without a wish, through the account where the contact wrote last, of `channel` if there is one.
///
/// # Errors
/// `conflict` when the contact cannot be met anywhere; `not_found` or `invalid_input` for a wish that cannot be.
pub(super) async fn to_contact(
    unit: &mut UnitOfWork,
    contact: ContactId,
    wanted: Option<&AccountRef>,
    channel: Option<Channel>,
) -> Result<Route, Problem> {
    let (account, why) = account_of(unit, contact, wanted, channel).await?;
    let conversation = find_or_start(unit, contact, account).await?;
    Ok(Route { contact, account, conversation, why })
}

/// The account through which the contact can be met.
async fn account_of(
    unit: &mut UnitOfWork,
    contact: ContactId,
    wanted: Option<&AccountRef>,
    channel: Option<Channel>,
) -> Result<(AccountId, Why), Problem> {
    let state = unit.load::<Contact>(contact.0).await?;
    let mut known: BTreeSet<AccountId> =
        state.into_iter().flat_map(|contact| &contact.identities).map(|identity| identity.account).collect();
    if let Some(wanted) = wanted {
        let account = wanted.resolve(unit, "channelAccountId").await?;
        if known.contains(&account) {
            return Ok((account, Why::Asked));
        }
        return Err(Problem::invalid("channelAccountId", "this contact is not known on this channel account")
            .hint("get_contact shows the contact's identities"));
    }
    if let Some(channel) = channel {
        let mut fitting = BTreeSet::new();
        for account in &known {
            if unit.load::<ChannelAccount>(account.0).await?.is_some_and(|found| found.channel == channel) {
                fitting.insert(*account);
            }
        }
        // Where none fits, the caller refuses the one that is chosen.
        known = if fitting.is_empty() { known } else { fitting };
    }
    let mut accounts = known.iter().copied();
    match (accounts.next(), accounts.next()) {
        (None, _) => Err(Problem::new(Code::Conflict, "this contact cannot be met on any channel")
            .field("contactId")
            .hint("a contact gets a channel when it writes first, or by channelAccountId and channelUserId in upsert_contact")),
        (Some(only), None) => Ok((only, Why::Only)),
        (Some(first), Some(_)) => {
            let mut context = unit.read().await?;
            let (connection, workspace) = context.rows();
            let talks = conversations::of_contacts(connection, workspace, &[contact]).await?;
            let last = talks.iter().filter(|talk| known.contains(&talk.account)).max_by_key(|talk| talk.last_inbound_at);
            Ok((last.map_or(first, |talk| talk.account), Why::LastInbound))
        }
    }
}

async fn find_or_start(
    unit: &mut UnitOfWork,
    contact: ContactId,
    account: AccountId,
) -> Result<ConversationId, Problem> {
    if let Some(owner) = unit.claim_owner(&conversation_claim(account, contact)).await? {
        return Ok(ConversationId(owner));
    }
    let id = unit.new_id();
    unit.execute::<Conversation>(id, conversation::Command::Start { contact, account }).await?;
    Ok(ConversationId(id))
}
