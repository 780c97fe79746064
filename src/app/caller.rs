//! Who calls: established by a door before anything else, handed to every operation.

use aggregates::ids::{RunId, TokenId, WorkspaceId};
use aggregates::metadata::{Actor, ActorKind, Client};
use aggregates::token::{Permission, Scope};

/// A caller whose right to be here was checked.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The only workspace that it can see.
    pub workspace: WorkspaceId,
    /// Who stands behind the events it causes.
    pub actor: Actor,
    /// What the actor is called: a token's name, or `local`.
    pub name: String,
    /// How much it may do.
    pub permission: Permission,
    /// To what it is limited; empty = all that the permission allows.
    pub scopes: Vec<Scope>,
    /// The program that it says it is.
    pub client: Option<Client>,
}

impl Caller {
    /// The owner of the data folder, who may do everything.
    #[must_use]
    pub fn local(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            actor: Actor::local(),
            name: "local".to_owned(),
            permission: Permission::Full,
            scopes: Vec::new(),
            client: None,
        }
    }

    /// A run of a flow, which does what its document says.
    #[must_use]
    pub fn flow_run(workspace: WorkspaceId, run: RunId) -> Self {
        Self { actor: Actor::flow_run(run), name: "flow run".to_owned(), ..Self::local(workspace) }
    }

    /// The program itself, where nobody else stands behind what follows.
    #[must_use]
    pub fn system(workspace: WorkspaceId) -> Self {
        Self { actor: Actor::system(), name: "system".to_owned(), ..Self::local(workspace) }
    }

    /// The token's id, when a token calls.
    #[must_use]
    pub fn token(&self) -> Option<TokenId> {
        (self.actor.kind == ActorKind::Token).then(|| self.actor.id.parse().ok()).flatten()
    }

    /// Whether it may use a part of the workspace; `writes` tells whether the use changes anything or reaches a customer.
    #[must_use]
    pub fn may(&self, scope: Scope, writes: bool) -> bool {
        let permitted = self.permission == Permission::Full || !writes;
        permitted && (self.scopes.is_empty() || self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin))
    }
}
