//! The program as the holder of the data folder serves it.

use std::sync::Arc;

use aggregates::metadata::{Actor, ActorKind};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::mpsc;

use super::control::{self, ControlCommand, resolve_token, resolve_workspace};
use super::doors;
use super::holder::{McpSession, Service};
use super::protocol::McpOpening;
use super::reach::Open;
use crate::app::{App, Caller};
use crate::app::{OpenOptions, TokenSummary};
use crate::problem::{Code, Problem};
use crate::reactions::Reactions;

/// What one process at a time does, of several that begin on an empty database.
pub const FIRST_START: &str = "first_start";
/// What the workspace is called that a new data folder begins with.
pub const FIRST_WORKSPACE: &str = "My workspace";

/// The program behind the local socket.
pub struct AppService {
    /// The program.
    pub app: Arc<App>,
}

/// How a holder opens the program. `opened` is told of it, for who needs it besides the socket.
pub fn opener(options: OpenOptions, opened: mpsc::UnboundedSender<Arc<App>>) -> Open {
    Arc::new(move || {
        let (options, opened) = (options.clone(), opened.clone());
        async move {
            let app = App::open(&options).await?;
            app.run_beside(Reactions::new(&app).run());
            // Nobody may want to know.
            let _ = opened.send(Arc::clone(&app));
            let service: Arc<dyn Service> = Arc::new(AppService { app });
            Ok(service)
        }
        .boxed()
    })
}

async fn make_first_workspace(app: &Arc<App>) -> Result<(), Problem> {
    if app.workspaces().await?.is_empty() {
        app.create_workspace(FIRST_WORKSPACE).await?;
    }
    Ok(())
}

impl Service for AppService {
    fn admit(&self, opening: McpOpening) -> BoxFuture<'_, Result<McpSession, Problem>> {
        async move {
            if opening.workspace.is_none() && self.app.workspaces().await?.is_empty() {
                self.app.alone(FIRST_START, make_first_workspace(&self.app)).await?;
            }
            let workspace = resolve_workspace(&self.app, opening.workspace.as_deref()).await?;
            let caller = match &opening.token {
                None => Caller::local(workspace),
                Some(name) => {
                    let token = resolve_token(&self.app, workspace, name).await?;
                    acting_as(Caller::local(workspace), token, self.app.now())?
                }
            };
            doors::mcp_session(&self.app, caller, &opening)
        }
        .boxed()
    }

    fn control(&self, command: ControlCommand, progress: mpsc::Sender<Value>) -> BoxFuture<'_, Result<Value, Problem>> {
        control::run(&self.app, command, progress).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.app.close().boxed()
    }
}

/// The owner with the rights of a token, so that an assistant can be given less than everything.
fn acting_as(owner: Caller, token: TokenSummary, now: i64) -> Result<Caller, Problem> {
    if token.revoked || token.expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::new(Code::Forbidden, "this token is expired or revoked").field("token").value(token.name));
    }
    Ok(Caller {
        actor: Actor { kind: ActorKind::Token, id: token.id.to_string() },
        name: token.name,
        permission: token.permission,
        scopes: token.scopes,
        ..owner
    })
}

#[cfg(test)]
mod tests {
    use aggregates::token::{Permission, Scope};
    use uuid::Uuid;

    use super::*;

    fn token(revoked: bool, expires_at: Option<i64>) -> TokenSummary {
        TokenSummary {
            id: Uuid::from_u128(7).into(),
            name: "reader".into(),
            permission: Permission::ReadOnly,
            scopes: vec![Scope::ContactsRead],
            created_at: 0,
            expires_at,
            previous_expires_at: None,
            last_used_at: None,
            revoked,
        }
    }

    #[test]
    fn acting_as_a_token_gives_its_rights_and_no_more() {
        let owner = || Caller::local(Uuid::from_u128(1).into());
        let caller = acting_as(owner(), token(false, Some(11)), 10).unwrap();
        assert_eq!(caller.token(), Some(Uuid::from_u128(7).into()));
        assert!(caller.may(Scope::ContactsRead, false));
        assert!(!caller.may(Scope::ContactsRead, true));
        assert!(!caller.may(Scope::MessagesRead, false));
        for ended in [token(true, None), token(false, Some(10))] {
            assert_eq!(acting_as(owner(), ended, 10).unwrap_err().code, Code::Forbidden);
        }
    }
}
