//! An access token: what a program or an assistant shows to be let into one workspace.
//!
//! The token's text is never here, only its SHA-256. The claim on that digest is how a caller is recognised.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::glue::cqrs_glue;
use crate::ids::ContactId;
use crate::root::Root;
use crate::stream::StreamType;

/// How much a token may do at most.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Permission {
    /// Reads and writes.
    #[default]
    Full,
    /// Reads only.
    ReadOnly,
}

/// A part of the workspace that a token may use. Stored names: never edited.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantNames,
)]
pub enum Scope {
    /// Read contacts, tags, fields.
    #[serde(rename = "contacts:read")]
    #[strum(serialize = "contacts:read")]
    ContactsRead,
    /// Change contacts, tags, fields.
    #[serde(rename = "contacts:write")]
    #[strum(serialize = "contacts:write")]
    ContactsWrite,
    /// Read conversations and messages.
    #[serde(rename = "messages:read")]
    #[strum(serialize = "messages:read")]
    MessagesRead,
    /// Send messages and keep conversations.
    #[serde(rename = "messages:send")]
    #[strum(serialize = "messages:send")]
    MessagesSend,
    /// Read flows.
    #[serde(rename = "flows:read")]
    #[strum(serialize = "flows:read")]
    FlowsRead,
    /// Change flows.
    #[serde(rename = "flows:write")]
    #[strum(serialize = "flows:write")]
    FlowsWrite,
    /// Start flows.
    #[serde(rename = "flows:run")]
    #[strum(serialize = "flows:run")]
    FlowsRun,
    /// Read the log of events.
    #[serde(rename = "events:read")]
    #[strum(serialize = "events:read")]
    EventsRead,
    /// Everything, and settings.
    #[serde(rename = "admin")]
    #[strum(serialize = "admin")]
    Admin,
}

/// What can be asked of a token.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin it.
    Create {
        /// What it is called, 1 to 255 characters.
        name: String,
        /// SHA-256 of its text, in lower-case hex.
        digest: String,
        /// How much it may do.
        permission: Permission,
        /// To what it is limited; empty = everything that the permission allows.
        scopes: Vec<Scope>,
        /// When it ends, in microseconds since the epoch.
        expires_at: Option<i64>,
    },
    /// End it.
    Revoke,
}

/// What happened to a token. Names and members are stored: never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    /// It began.
    TokenCreated {
        /// What it is called.
        name: String,
        /// SHA-256 of its text, in lower-case hex.
        digest: String,
        /// How much it may do.
        permission: Permission,
        /// To what it is limited.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        scopes: Vec<Scope>,
        /// When it ends, in microseconds since the epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<i64>,
    },
    /// It was ended.
    TokenRevoked {},
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name is empty or too long.
    #[error("a token's name has 1 to 255 characters")]
    InvalidName,
    /// There is a token under this id.
    #[error("this token exists already")]
    Exists,
    /// There is none.
    #[error("this token does not exist")]
    Unknown,
}

/// A token's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// What it is called; empty before it began.
    pub name: String,
    /// SHA-256 of its text, in lower-case hex.
    pub digest: String,
    /// How much it may do.
    pub permission: Permission,
    /// To what it is limited; empty = everything that the permission allows.
    pub scopes: Vec<Scope>,
    /// When it ends, in microseconds since the epoch.
    pub expires_at: Option<i64>,
    /// Whether it was ended by hand.
    pub revoked: bool,
}

/// The claim on a token's digest (SHA-256 in lower-case hex).
#[must_use]
pub fn digest_claim(digest: &str) -> Claim {
    Claim::new(ClaimKind::TokenDigest, digest)
}

impl Token {
    /// Whether it lets anybody in at `now` (microseconds since the epoch).
    #[must_use]
    pub fn is_valid_at(&self, now: i64) -> bool {
        !self.name.is_empty() && !self.revoked && self.expires_at.is_none_or(|end| now < end)
    }

    fn fold(&mut self, event: &Event) {
        match event {
            Event::TokenCreated { name, digest, permission, scopes, expires_at } => {
                *self = Self {
                    name: name.clone(),
                    digest: digest.clone(),
                    permission: *permission,
                    scopes: scopes.clone(),
                    expires_at: *expires_at,
                    revoked: false,
                };
            }
            Event::TokenRevoked {} => self.revoked = true,
        }
    }
}

impl Root for Token {
    const STREAM: StreamType = StreamType::Token;
    const SNAPSHOT_VERSION: u32 = 1;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Error> {
        match command {
            Command::Create { name, digest, permission, scopes, expires_at } => {
                if name.trim().is_empty() || name.chars().count() > 255 {
                    return Err(Error::InvalidName);
                }
                let created = Event::TokenCreated {
                    name: name.clone(),
                    digest: digest.clone(),
                    permission: *permission,
                    scopes: scopes.clone(),
                    expires_at: *expires_at,
                };
                if self.name.is_empty() {
                    return Ok(vec![created]);
                }
                // Compared in full: nobody may take a token for a narrower one than it is.
                let mut wanted = Self::default();
                wanted.fold(&created);
                wanted.revoked = self.revoked;
                if *self == wanted { Ok(Vec::new()) } else { Err(Error::Exists) }
            }
            Command::Revoke if self.name.is_empty() => Err(Error::Unknown),
            Command::Revoke if self.revoked => Ok(Vec::new()),
            Command::Revoke => Ok(vec![Event::TokenRevoked {}]),
        }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        match event {
            // A revoked token keeps its claim: the same text can never open anything again.
            Event::TokenCreated { digest, .. } => vec![ClaimChange::Take { claim: digest_claim(digest), owner: id }],
            Event::TokenRevoked {} => Vec::new(),
        }
    }

    fn subject(_: &Event, _: Uuid) -> Option<ContactId> {
        None
    }

    fn event_name(event: &Event) -> &'static str {
        event.into()
    }
}

cqrs_glue!(Token, Command, Event, Error, Token);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{causes, holds, refuses};

    fn create(name: &str, permission: Permission, scopes: &[Scope], expires_at: Option<i64>) -> Command {
        let (name, digest) = (name.to_owned(), "0a".repeat(32));
        Command::Create { name, digest, permission, scopes: scopes.to_vec(), expires_at }
    }

    fn created(expires_at: Option<i64>) -> Event {
        let (name, digest, scopes) = ("ci".to_owned(), "0a".repeat(32), vec![Scope::ContactsRead]);
        Event::TokenCreated { name, digest, permission: Permission::ReadOnly, scopes, expires_at }
    }

    #[test]
    fn a_token_is_created_once() {
        causes::<Token>(
            vec![],
            create("ci", Permission::ReadOnly, &[Scope::ContactsRead], Some(9)),
            vec![created(Some(9))],
        );
    }

    #[test]
    fn a_name_has_1_to_255_characters() {
        for name in ["", " ", &"x".repeat(256)] {
            refuses::<Token>(vec![], create(name, Permission::Full, &[], None), Error::InvalidName);
        }
    }

    #[test]
    fn a_token_is_not_created_again_with_other_rights() {
        for command in [
            create("cd", Permission::ReadOnly, &[Scope::ContactsRead], Some(9)),
            create("ci", Permission::Full, &[Scope::ContactsRead], Some(9)),
            create("ci", Permission::ReadOnly, &[], Some(9)),
            create("ci", Permission::ReadOnly, &[Scope::ContactsRead], None),
        ] {
            refuses::<Token>(vec![created(Some(9))], command, Error::Exists);
        }
    }

    #[test]
    fn a_token_is_revoked_once() {
        causes::<Token>(vec![created(None)], Command::Revoke, vec![Event::TokenRevoked {}]);
        refuses::<Token>(vec![], Command::Revoke, Error::Unknown);
    }

    #[test]
    fn creating_a_revoked_token_again_does_not_revive_it() {
        let given = vec![created(None), Event::TokenRevoked {}];
        causes::<Token>(given, create("ci", Permission::ReadOnly, &[Scope::ContactsRead], None), vec![]);
    }

    #[test]
    fn a_revoked_token_keeps_its_digest() {
        holds::<Token>(&[created(None), Event::TokenRevoked {}], &[digest_claim(&"0a".repeat(32))]);
        assert_eq!(Token::subject(&created(None), Uuid::nil()), None);
    }

    #[test]
    fn a_token_lets_in_until_it_expires_or_is_revoked() {
        let mut token = Token::default();
        assert!(!token.is_valid_at(0), "a token that never began");
        token.fold(&created(Some(9)));
        assert!(token.is_valid_at(8));
        assert!(!token.is_valid_at(9));
        token.fold(&Event::TokenRevoked {});
        assert!(!token.is_valid_at(8));
    }
}
