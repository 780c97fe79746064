//! Web chat: the channel that needs nobody outside. Visitors of a website write and read over this program's own HTTP door.
//!
//! Delivery *is* the appended event: what stands in the log can be read by the visitor, so a message is `sent` in the same append
//! in which it is queued, and its fate is never unknown.

mod inbound;
mod outbound;
mod visitor;

pub use inbound::{InboundText, Received, new_visitor, receipt, receive};
pub use outbound::{Outgoing, OutgoingMessages};
pub use visitor::Visitor;

use std::sync::Arc;

use aggregates::channel_account::{Channel, address_claim};
use aggregates::ids::{AccountId, WorkspaceId};
use aggregates::metadata::{Actor, ActorKind};
use aggregates::token::Permission;

use crate::app::{App, Caller};
use crate::problem::{Code, Problem};

/// The longest text, in characters, in either direction.
pub const MAX_TEXT_CHARS: usize = 4_096;
/// The longest name that a visitor may give, in characters.
pub const MAX_NAME_CHARS: usize = 255;
/// The longest id that a visitor's program may give a message, in characters.
pub const MAX_CLIENT_MESSAGE_ID_CHARS: usize = 255;

/// A web chat account, found under its public address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The workspace that it belongs to.
    pub workspace: WorkspaceId,
    /// Its id.
    pub id: AccountId,
}

impl Account {
    /// Finds an account under its name or its id. Where several workspaces use one name, it is the oldest one's.
    ///
    /// # Errors
    /// `not_found`; `unavailable` when the log cannot be read.
    pub async fn find(app: &App, address: &str) -> Result<Self, Problem> {
        let found = app.log().claim_owner_anywhere(&address_claim(Channel::Webchat, address)).await?;
        let (workspace, id) =
            found.ok_or_else(|| Problem::new(Code::NotFound, "there is no web chat account under this address"))?;
        Ok(Self { workspace, id: AccountId(id) })
    }

    /// The caller that stands behind what visitors do here.
    fn caller(self) -> Caller {
        Caller {
            workspace: self.workspace,
            actor: Actor { kind: ActorKind::Channel, id: self.id.to_string() },
            name: Channel::Webchat.name().to_owned(),
            permission: Permission::Full,
            scopes: Vec::new(),
            client: None,
        }
    }
}

/// A visitor whose secret was checked, on an account.
#[derive(Clone)]
pub struct Session {
    /// The program.
    pub app: Arc<App>,
    /// The account.
    pub account: Account,
    /// Who it is.
    pub visitor: Visitor,
}

impl Session {
    /// Checks the secret that a visitor shows.
    ///
    /// # Errors
    /// Nothing when the secret is malformed or of another account.
    pub fn open(app: &Arc<App>, account: Account, secret: &str) -> Option<Self> {
        let visitor = Visitor::from_secret(app.log().master(), account.id, secret)?;
        Some(Self { app: Arc::clone(app), account, visitor })
    }
}
