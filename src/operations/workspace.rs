//! The workspace as a whole.

use aggregates::token::{Permission, Scope};
use projections::{counts, workspaces};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::operation::{Effect, Facts, Query, Toolset};
use crate::problem::Problem;

/// Shows the workspace that this token opens: name, time zone, language, how many contacts, open conversations, channels and flows there are,
/// the position of the log, and what the token may do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetWorkspace {}

/// A workspace.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkspaceView {
    id: String,
    name: String,
    timezone: String,
    language: String,
    counts: CountsView,
    log_position: u64,
    token: TokenView,
}

/// How much there is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CountsView {
    contacts: u64,
    open_conversations: u64,
    channels: u64,
    flows: u64,
    /// There are more contacts or conversations than were counted: counting stops at 10,000.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    counts_are_minimum: bool,
}

/// Who asks.
#[derive(Debug, Serialize, JsonSchema)]
struct TokenView {
    name: String,
    permission: Permission,
    /// To what it is limited; empty = all that the permission allows.
    scopes: Vec<Scope>,
}

/// A workspace, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WorkspaceAnswer {
    workspace: WorkspaceView,
}

impl Query for GetWorkspace {
    type Output = WorkspaceAnswer;
    const FACTS: Facts = Facts {
        name: "get_workspace",
        title: "Get the workspace",
        scope: None,
        toolsets: &[Toolset::Core, Toolset::Admin],
        effect: Effect::Read,
        idempotent: true,
        shows_customers_words: false,
        method: "GET",
        path: "/v1/workspace",
    };

    async fn answer(self, call: &Call) -> Result<WorkspaceAnswer, Problem> {
        let mut context = call.read().await?;
        let (connection, id) = context.rows();
        let row = workspaces::get(connection, id).await?;
        let row = row.ok_or_else(|| Problem::internal(&"a workspace without a row"))?;
        let counts = counts::of_workspace(connection, id).await?;
        let caller = &call.caller;
        Ok(WorkspaceAnswer {
            workspace: WorkspaceView {
                id: id.to_string(),
                name: row.name,
                timezone: row.timezone,
                language: row.language,
                counts: CountsView {
                    contacts: counts.contacts.value,
                    open_conversations: counts.open_conversations.value,
                    channels: counts.channel_accounts,
                    flows: counts.flows,
                    counts_are_minimum: counts.contacts.more || counts.open_conversations.more,
                },
                log_position: context.position,
                token: TokenView {
                    name: caller.name.clone(),
                    permission: caller.permission,
                    scopes: caller.scopes.clone(),
                },
            },
        })
    }
}
