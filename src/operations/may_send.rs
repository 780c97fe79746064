//! Whether a contact may be written to now: what everything that sends asks first.

use aggregates::channel_account::ChannelAccount;
use aggregates::contact::{Contact, Silence};
use aggregates::conversation::{Conversation, Owner};
use aggregates::ids::{AccountId, ContactId, ConversationId};
use aggregates::metadata::ActorKind;

use crate::app::UnitOfWork;
use crate::problem::{Code, Problem};

/// Refuses a message to a contact who is blocked or has opted out on the account's channel.
///
/// # Errors
/// `forbidden` or `opted_out`, each with the way out.
pub(crate) async fn refuse_silenced(
    unit: &mut UnitOfWork,
    contact: ContactId,
    account: AccountId,
) -> Result<(), Problem> {
    let channel = unit.load::<ChannelAccount>(account.0).await?.map(|account| account.channel).unwrap_or_default();
    let refused = |code, message: &str, hint: &str| {
        Err(Problem::new(code, message).field("contactId").value(contact.to_string()).hint(hint))
    };
    match unit.load::<Contact>(contact.0).await?.and_then(|contact| contact.silence(channel)) {
        Some(Silence::Blocked) => {
            refused(Code::Forbidden, "this contact is blocked", "unblock_contact lifts the block")
        }
        Some(Silence::OptedOut) => refused(
            Code::OptedOut,
            "this contact opted out of messages on this channel",
            "the contact opts in again by writing START; set_contact_consent records a consent given elsewhere, with evidence",
        ),
        None => Ok(()),
    }
}

/// Refuses a message to a contact who is blocked or has opted out on the account's channel, and one by a token while a person has the
/// conversation.
///
/// # Errors
/// `forbidden`, `opted_out` or `conflict`, each with the way out.
pub(crate) async fn check(
    unit: &mut UnitOfWork,
    contact: ContactId,
    account: AccountId,
    conversation: ConversationId,
) -> Result<(), Problem> {
    refuse_silenced(unit, contact, account).await?;
    let caller = unit.caller().actor.clone();
    let owner = unit.load::<Conversation>(conversation.0).await?.map(|talk| (talk.owner, talk.owned_by.clone()));
    match owner {
        Some((Owner::Human, by)) if caller.kind == ActorKind::Token && by.as_deref() != Some(caller.id.as_str()) => {
            Err(Problem::new(Code::Conflict, "a person has taken this conversation over")
                .field("conversationId")
                .value(conversation.to_string())
                .hint("leave it to them until release_conversation, or take it over with take_over_conversation"))
        }
        _ => Ok(()),
    }
}
