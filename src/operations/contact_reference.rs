//! How an input names a contact: by id, by an address, or by the person's id on a channel. Whatever fits nobody, or more than one, is
//! an error that lists who may have been meant; never a guess.

use aggregates::channel_account::Channel;
use aggregates::claim::Claim;
use aggregates::contact::{Contact, email_claim, identity_claim, phone_claim};
use aggregates::contact_address::{parse_email, parse_phone};
use aggregates::ids::ContactId;
use projections::contact_near::{self, Wanted};
use projections::{contact_search, contacts};

use super::channels;
use super::inputs::input_type;
use super::near_miss::candidates;
use crate::app::{ReadContext, UnitOfWork};
use crate::problem::{Candidate, Code, Problem};

input_type! {
    /// A contact.
    ContactRef(String), {
        "type": "string", "minLength": 1, "maxLength": 300,
        "description": "Contact: its id, email:<address>, phone:<+number>, or webchat:<visitor id>."
    }
}

/// What a reference says.
#[derive(Debug, PartialEq)]
enum Meaning {
    Id(ContactId),
    Email(String),
    Phone(String),
    User(Channel, String),
}

impl Meaning {
    /// The claim of the one contact that the workspace gave this address.
    fn address_claim(&self) -> Option<Claim> {
        match self {
            Self::Email(email) => Some(email_claim(email)),
            Self::Phone(phone) => Some(phone_claim(phone)),
            Self::Id(_) | Self::User(..) => None,
        }
    }
}

impl ContactRef {
    /// The contact that is meant, by the state of the log.
    ///
    /// # Errors
    /// `not_found`, `ambiguous` or `invalid_input`, with candidates.
    pub(super) async fn in_unit(&self, unit: &mut UnitOfWork) -> Result<ContactId, Problem> {
        let meaning = self.meaning();
        if let Ok(Meaning::Id(id)) = meaning {
            let known = unit.load::<Contact>(id.0).await?.is_some();
            return if known { Ok(id) } else { Err(self.not_found()) };
        }
        // Claims are asked in the unit itself: what this very call has made counts, too.
        if let Ok(meaning) = &meaning
            && let Some(claim) = meaning.address_claim()
            && let Some(owner) = unit.claim_owner(&claim).await?
        {
            return Ok(ContactId(owner));
        }
        let mut context = unit.read().await?;
        self.look_up(meaning, &mut context).await
    }

    /// The contact that is meant, for a query.
    ///
    /// # Errors
    /// `not_found`, `ambiguous` or `invalid_input`, with candidates.
    pub(super) async fn in_tables(&self, context: &mut ReadContext) -> Result<ContactId, Problem> {
        let meaning = self.meaning();
        if let Ok(meaning) = &meaning
            && let Some(claim) = meaning.address_claim()
            && let Some(owner) = context.app.claim_owner(context.workspace, &claim).await?
        {
            return Ok(ContactId(owner));
        }
        self.look_up(meaning, context).await
    }

    fn meaning(&self) -> Result<Meaning, Problem> {
        let text = self.0.trim();
        if let Some((kind, rest)) = text.split_once(':') {
            let rest = rest.trim();
            let invalid = |expected: &str| Problem::invalid("contactId", format!("must be {expected}")).value(text);
            return match kind.to_lowercase().as_str() {
                "email" => parse_email(rest)
                    .map(Meaning::Email)
                    .ok_or_else(|| invalid("email: and an e-mail address, for example email:ana@example.com")),
                "phone" => parse_phone(rest).map(Meaning::Phone).ok_or_else(|| {
                    invalid("phone: and a number with + and country code, for example phone:+491701234567")
                }),
                channel => channel
                    .parse()
                    .ok()
                    .filter(|_| !rest.is_empty())
                    .map(|channel| Meaning::User(channel, rest.to_owned()))
                    .ok_or_else(|| self.malformed()),
            };
        }
        text.parse().map(Meaning::Id).map_err(|_| self.malformed())
    }

    fn malformed(&self) -> Problem {
        let text = self.0.trim();
        let hint = if parse_email(text).is_some() {
            format!("write email:{text}")
        } else if parse_phone(text).is_some() {
            format!("write phone:{text}")
        } else {
            "list_contacts with query finds contacts by name or a part of it".to_owned()
        };
        Problem::invalid(
            "contactId",
            "must be a contact's id, email:<address>, phone:<number>, or webchat:<visitor id>",
        )
        .value(self.0.as_str())
        .hint(hint)
    }

    fn not_found(&self) -> Problem {
        Problem::new(Code::NotFound, "there is no such contact").field("contactId").value(self.0.as_str())
    }

    async fn look_up(
        &self,
        meaning: Result<Meaning, Problem>,
        context: &mut ReadContext,
    ) -> Result<ContactId, Problem> {
        let (connection, workspace) = context.rows();
        let (found, wanted, text) = match &meaning {
            Ok(Meaning::Id(id)) => {
                let found = contacts::get(connection, workspace, *id).await?;
                return found.map(|contact| contact.id).ok_or_else(|| self.not_found());
            }
            Ok(Meaning::Email(email)) => {
                (contact_search::by_email(connection, workspace, email, 6).await?, Wanted::Email, email.as_str())
            }
            Ok(Meaning::Phone(phone)) => {
                (contact_search::by_phone(connection, workspace, phone, 6).await?, Wanted::Phone, phone.as_str())
            }
            Ok(Meaning::User(channel, user)) => {
                if let Some(id) = claimed_user(context, *channel, user).await? {
                    return Ok(id);
                }
                let (connection, workspace) = context.rows();
                let found = contact_search::by_channel_user(connection, workspace, *channel, user, 6).await?;
                (found, Wanted::Text, user.as_str())
            }
            Err(_) => (Vec::new(), Wanted::Text, self.0.trim()),
        };
        match found.as_slice() {
            [one] => Ok(one.id),
            [] => {
                let (connection, workspace) = context.rows();
                let near = candidates(contact_near::near(connection, workspace, wanted, text).await?);
                Err(meaning.map_or_else(|malformed| malformed, |_| self.not_found()).candidates(near))
            }
            several => Err(Problem::new(Code::Ambiguous, "several contacts fit this reference")
                .field("contactId")
                .value(self.0.as_str())
                .hint("call again with the id of one of them")
                .candidates(several.iter().map(|contact| Candidate {
                    id: contact.id.to_string(),
                    name: contact.name.clone(),
                    reason: "fits the reference exactly".to_owned(),
                }))),
        }
    }
}

/// The one contact whom an account of the channel knows under `user`, by the claims; nothing when there are none or several.
async fn claimed_user(context: &mut ReadContext, channel: Channel, user: &str) -> Result<Option<ContactId>, Problem> {
    let mut owners = std::collections::BTreeSet::new();
    for account in channels::accounts_of(context, channel).await? {
        owners.extend(context.app.claim_owner(context.workspace, &identity_claim(account, user)).await?);
    }
    Ok((owners.len() == 1).then(|| owners.pop_first()).flatten().map(ContactId))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(text: &str) -> Result<Meaning, Problem> {
        ContactRef(text.to_owned()).meaning()
    }

    #[test]
    fn a_reference_is_an_id_an_address_or_a_channels_user() {
        let id = ContactId(uuid::Uuid::from_u128(7));
        assert_eq!(meaning(&id.to_string()), Ok(Meaning::Id(id)));
        assert_eq!(meaning("email: Ana@Example.com"), Ok(Meaning::Email("Ana@example.com".to_owned())));
        assert_eq!(meaning("phone:+49 170 1234567"), Ok(Meaning::Phone("+491701234567".to_owned())));
        assert_eq!(meaning("webchat:v:1"), Ok(Meaning::User(Channel::Webchat, "v:1".to_owned())));
    }

    #[test]
    fn what_is_no_reference_is_told_how_to_write_one() {
        for (text, hint) in [
            ("ana@example.com", "write email:ana@example.com"),
            ("+491701234567", "write phone:+491701234567"),
            ("Ana", "list_contacts with query finds contacts by name or a part of it"),
            ("telegram:5", "list_contacts with query finds contacts by name or a part of it"),
            ("contact_1", "list_contacts with query finds contacts by name or a part of it"),
        ] {
            assert_eq!(meaning(text).map_err(|problem| problem.hint), Err(Some(hint.to_owned())), "{text}");
        }
        assert_eq!(meaning("email:ana").map_err(|problem| problem.code), Err(Code::InvalidInput));
    }
}
