//! How a caller says which events it wants: the same words for listing them, waiting for them, and following them over HTTP.

use std::collections::BTreeSet;
use std::sync::Arc;

use aggregates::Event;
use aggregates::ids::ConversationId;
use aggregates::token::Scope;

use super::call::Call;
use super::contact_reference::ContactRef;
use super::inputs::Name;
use super::near_miss::near_names;
use super::untrusted::shown_in_problem;
use crate::app::{App, Caller, EventFilter};
use crate::problem::{Code, Problem};

/// The most types that one filter names.
const TYPES_MAX: usize = 50;
/// The longest reference to a contact, in characters, as in every operation.
const REFERENCE_LENGTH_MAX: usize = 300;

/// Which events somebody asks to follow, in the words of a URL.
#[derive(Debug, Default)]
pub struct Wish {
    /// Names of types, separated by commas.
    pub types: Option<String>,
    /// A contact, as every operation takes it.
    pub contact: Option<String>,
    /// A conversation's id.
    pub conversation: Option<String>,
}

/// Finds out what is wished for, of a caller who may see events.
///
/// # Errors
/// `forbidden` without the right; `invalid_input`, `not_found` and `ambiguous` with candidates for what does not exist.
pub async fn wished(app: &Arc<App>, caller: &Caller, wish: Wish) -> Result<EventFilter, Problem> {
    resolve(app, caller, wish).await.map_err(shown_in_problem)
}

async fn resolve(app: &Arc<App>, caller: &Caller, wish: Wish) -> Result<EventFilter, Problem> {
    if !caller.may(Scope::EventsRead, false) {
        let scope: &'static str = Scope::EventsRead.into();
        return Err(Problem::new(Code::Forbidden, "this token may not follow events")
            .hint(format!("use a token with the scope {scope}")));
    }
    let types: Option<Vec<Name>> =
        wish.types.map(|names| names.split(',').map(|name| Name(name.trim().to_owned())).collect());
    if types.as_ref().is_some_and(|types| types.len() > TYPES_MAX) {
        return Err(Problem::invalid("types", format!("names at most {TYPES_MAX} types")));
    }
    if wish.contact.as_ref().is_some_and(|contact| contact.chars().count() > REFERENCE_LENGTH_MAX) {
        return Err(Problem::invalid("contactId", format!("has at most {REFERENCE_LENGTH_MAX} characters")));
    }
    let conversation: Option<ConversationId> = match wish.conversation {
        None => None,
        Some(id) => Some(id.parse().map_err(|error: aggregates::ids::InvalidId| {
            Problem::invalid("conversationId", error.to_string())
                .value(id)
                .hint("list_conversations shows the conversations with their ids")
        })?),
    };
    let call = Call::new(Arc::clone(app), caller.clone(), None);
    let mut filter = of_call(&call, types.as_deref(), wish.contact.map(ContactRef).as_ref()).await?;
    filter.noun = conversation.map(|conversation| conversation.0);
    Ok(filter)
}

/// The filter of an operation's input.
pub(super) async fn of_call(
    call: &Call,
    types: Option<&[Name]>,
    contact: Option<&ContactRef>,
) -> Result<EventFilter, Problem> {
    let mut filter = EventFilter { types: known_types(types.unwrap_or_default())?, ..EventFilter::default() };
    if let Some(reference) = contact {
        filter.contact = Some(reference.in_tables(&mut call.read().await?).await?);
    }
    Ok(filter)
}

/// Refuses to begin behind a position that the log has not reached: `member` names where it was said.
///
/// # Errors
/// `invalid_input`, with the last position.
pub fn must_exist(member: &str, position: u64, head: u64) -> Result<(), Problem> {
    if position <= head {
        return Ok(());
    }
    Err(Problem::invalid(member, "is a position that does not exist yet")
        .value(position)
        .hint(format!("the last position is {head}; leave {member} out to begin from now on")))
}

fn known_types(wanted: &[Name]) -> Result<BTreeSet<&'static str>, Problem> {
    let known = |(index, wanted): (usize, &Name)| {
        let found = Event::names().map(|(_, name)| name).find(|name| *name == wanted.0);
        found.ok_or_else(|| {
            Problem::invalid(format!("types[{index}]"), "there is no such event type")
                .value(wanted.0.as_str())
                .hint("event types are in PascalCase and the past tense, for example MessageReceived")
                .candidates(near_names(&wanted.0, Event::names().map(|(_, name)| name)))
        })
    };
    wanted.iter().enumerate().map(known).collect()
}
