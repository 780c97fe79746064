//! An access token: what a program or an assistant shows to be let into one workspace.
//!
//! The token's text is never here, only its SHA-256. The claim on that digest is how a caller is recognised. A token whose secret
//! is changed stays the same token: the new digest is claimed beside the old one, which opens nothing once its time of grace is over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{Claim, ClaimChange, ClaimKind};
use crate::glue::cqrs_glue;
use crate::ids::ContactId;
use crate::root::Root;
use crate::stream::StreamType;

/// The longest time for which the secret before a new one goes on opening: 7 days, in microseconds.
pub const MAX_GRACE_US: i64 = 7 * 24 * 60 * 60 * 1_000_000;

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
    /// Give it another secret. The one before the last, should it still be in its time of grace, opens nothing any more.
    Rotate {
        /// SHA-256 of the new text, in lower-case hex.
        digest: String,
        /// When this is asked, in microseconds since the epoch.
        at: i64,
        /// How long the present secret goes on opening, in microseconds: 0 to [`MAX_GRACE_US`].
        grace_us: i64,
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
    /// It was given another secret.
    TokenRotated {
        /// SHA-256 of the new text, in lower-case hex.
        digest: String,
        /// When the secret before ends, in microseconds since the epoch; absent = at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_expires_at: Option<i64>,
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
    /// It was ended: another secret would open nothing.
    #[error("this token is revoked")]
    Revoked,
    /// The time of grace is negative or too long.
    #[error("the secret before a new one goes on opening for at most 7 days")]
    InvalidGrace,
}

/// The secret before the present one, in its time of grace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// SHA-256 of its text, in lower-case hex.
    pub digest: String,
    /// When it ends, in microseconds since the epoch.
    pub expires_at: i64,
}

/// A token's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// What it is called; empty before it began.
    pub name: String,
    /// SHA-256 of its text, in lower-case hex.
    pub digest: String,
    /// The secret before, when it was given a time of grace.
    pub previous: Option<PreviousSecret>,
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

    /// Whether the secret with this digest lets anybody in at `now` (microseconds since the epoch): the present one, or the one before
    /// it in its time of grace.
    #[must_use]
    pub fn opens(&self, digest: &str, now: i64) -> bool {
        let in_grace = |previous: &PreviousSecret| previous.digest == digest && now < previous.expires_at;
        self.is_valid_at(now) && (self.digest == digest || self.previous.as_ref().is_some_and(in_grace))
    }

    fn fold(&mut self, event: &Event) {
        match event {
            Event::TokenCreated { name, digest, permission, scopes, expires_at } => {
                *self = Self {
                    name: name.clone(),
                    digest: digest.clone(),
                    previous: None,
                    permission: *permission,
                    scopes: scopes.clone(),
                    expires_at: *expires_at,
                    revoked: false,
                };
            }
            Event::TokenRotated { digest, previous_expires_at } => {
                let before = std::mem::replace(&mut self.digest, digest.clone());
                self.previous = previous_expires_at.map(|expires_at| PreviousSecret { digest: before, expires_at });
            }
            Event::TokenRevoked {} => self.revoked = true,
        }
    }
}

impl Root for Token {
    const STREAM: StreamType = StreamType::Token;
    const SNAPSHOT_VERSION: u32 = 2;

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
            Command::Rotate { .. } | Command::Revoke if self.name.is_empty() => Err(Error::Unknown),
            Command::Rotate { digest, .. } if self.digest == *digest => Ok(Vec::new()),
            Command::Rotate { .. } if self.revoked => Err(Error::Revoked),
            Command::Rotate { grace_us, .. } if !(0..=MAX_GRACE_US).contains(grace_us) => Err(Error::InvalidGrace),
            Command::Rotate { digest, at, grace_us } => Ok(vec![Event::TokenRotated {
                digest: digest.clone(),
                previous_expires_at: (*grace_us > 0).then(|| at.saturating_add(*grace_us)),
            }]),
            Command::Revoke if self.revoked => Ok(Vec::new()),
            Command::Revoke => Ok(vec![Event::TokenRevoked {}]),
        }
    }

    fn claims(event: &Event, id: Uuid) -> Vec<ClaimChange> {
        match event {
            // A revoked token keeps its claims, and one with a new secret that of the old one: the same text can never open
            // anything else.
            Event::TokenCreated { digest, .. } | Event::TokenRotated { digest, .. } => {
                vec![ClaimChange::Take { claim: digest_claim(digest), owner: id }]
            }
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
#[path = "token_tests.rs"]
mod tests;
