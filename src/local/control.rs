//! The commands of the folder's owner, carried out by the process that holds the folder, whoever asked for them.

use std::path::PathBuf;
use std::sync::Arc;

use aggregates::ids::{TokenId, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::Sender;

use super::demo::{self, DemoRequest};
use super::{doctor, export, listing};
use crate::app::{App, Caller};
use crate::app::{Moment, NewToken, OnProgress, Replay, TokenSummary, WorkspaceSummary};
use crate::operations::{CallOptions, registry};
use crate::problem::{Candidate, Code, Problem};

/// What the owner of the folder can ask for, as it is written at the socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ControlCommand {
    /// Make a workspace and its first token.
    WorkspaceCreate {
        /// Its name.
        name: String,
    },
    /// List the workspaces.
    WorkspaceList {},
    /// Make a token.
    TokenCreate {
        /// The workspace's id or name; the only one when absent.
        workspace: Option<String>,
        /// What it is to be.
        token: NewToken,
    },
    /// List the tokens of a workspace.
    TokenList {
        /// The workspace's id or name; the only one when absent.
        workspace: Option<String>,
    },
    /// End a token.
    TokenRevoke {
        /// The workspace's id or name; the only one when absent.
        workspace: Option<String>,
        /// The token's id or name.
        token: String,
    },
    /// Give a token another secret.
    TokenRotate {
        /// The workspace's id or name; the only one when absent.
        workspace: Option<String>,
        /// The token's id or name.
        token: String,
        /// How long the present secret goes on opening, in microseconds.
        grace_us: i64,
    },
    /// The last events, the oldest first.
    LogTail {
        /// The workspace's id or name; the only one when absent.
        workspace: Option<String>,
        /// How many.
        lines: u32,
        /// Whether to go on with what happens next.
        follow: bool,
    },
    /// Check the log.
    LogVerify {},
    /// Every event, as an auditor gets it.
    LogExport {
        /// The workspace's id or name; the only one when absent.
        workspace: Option<String>,
        /// Begin behind this position.
        after: u64,
        /// End there; at the head as of now when absent.
        until: Option<Moment>,
    },
    /// Read tables as of then, in a file of their own.
    LogReplay {
        /// The workspace's id or name; all when absent.
        workspace: Option<String>,
        /// The absolute path of the file.
        file: PathBuf,
        /// As of when; as of now when absent.
        until: Option<Moment>,
        /// Whether a file of read tables may be replaced.
        overwrite: bool,
    },
    /// How far the read tables are.
    ProjectionsStatus {},
    /// Build the read tables anew.
    ProjectionsRebuild {},
    /// Events as they happen, without end.
    Watch {
        /// The workspace's id or name; the only one when absent.
        workspace: Option<String>,
        /// Begin behind this position; with what happens next when absent.
        after: Option<u64>,
        /// Only events of these types; all when empty.
        types: Vec<String>,
    },
    /// Copy the log into a file.
    Backup {
        /// The absolute path of a file that does not exist.
        file: PathBuf,
    },
    /// Look at the databases and the log from inside, for `doctor`.
    Examine {
        /// Whether the whole log is verified, and not only its last events.
        full: bool,
    },
    /// Fill a workspace with made-up people.
    Demo(DemoRequest),
    /// Call an operation.
    Call {
        /// The workspace's id or name; the only one when absent.
        workspace: Option<String>,
        /// The operation's name.
        name: String,
        /// Its input.
        arguments: Map<String, Value>,
    },
}

/// Carries a command out. What is sent to `progress` is `{"done","total"}`, or an event of a listing.
///
/// # Errors
/// What the owner can act on.
pub async fn run(app: &Arc<App>, command: ControlCommand, progress: Sender<Value>) -> Result<Value, Problem> {
    // A reader that is too slow for every step misses some: the next one says more.
    let listener = progress.clone();
    let steps: OnProgress = Arc::new(move |done: u64, total: u64| {
        let _ = listener.try_send(json!({ "done": done, "total": total }));
    });
    match command {
        ControlCommand::WorkspaceCreate { name } => create_workspace(app, &name).await,
        ControlCommand::WorkspaceList {} => Ok(json!({ "items": app.workspaces().await? })),
        ControlCommand::TokenCreate { workspace, token } => {
            let workspace = resolve_workspace(app, workspace.as_deref()).await?;
            create_token(app, workspace, token).await
        }
        ControlCommand::TokenList { workspace } => {
            let workspace = resolve_workspace(app, workspace.as_deref()).await?;
            let items: Vec<Value> = app.tokens(workspace).await?.iter().map(listing::token).collect();
            Ok(json!({ "items": items }))
        }
        ControlCommand::TokenRevoke { workspace, token } => {
            let workspace = resolve_workspace(app, workspace.as_deref()).await?;
            let token = resolve_token(app, workspace, &token).await?.id;
            Ok(json!({ "id": token, "changed": app.revoke_token(workspace, token).await? }))
        }
        ControlCommand::TokenRotate { workspace, token, grace_us } => {
            let workspace = resolve_workspace(app, workspace.as_deref()).await?;
            rotate_token(app, workspace, &token, grace_us).await
        }
        ControlCommand::LogTail { workspace, lines, follow } => {
            let caller = local_caller(app, workspace.as_deref()).await?;
            listing::tail(app, &caller, lines, follow, &progress).await
        }
        ControlCommand::LogVerify {} => {
            serde_json::to_value(app.verify(&steps).await?).map_err(|error| Problem::internal(&error))
        }
        ControlCommand::LogExport { workspace, after, until } => {
            let workspace = resolve_workspace(app, workspace.as_deref()).await?;
            export::export(app, workspace, after, until, &progress).await
        }
        ControlCommand::LogReplay { workspace, file, until, overwrite } => {
            let workspace = match workspace {
                Some(wanted) => Some(resolve_workspace(app, Some(&wanted)).await?),
                None => None,
            };
            let replayed = app.replay_log(&Replay { file, until, workspace, overwrite }, &steps).await?;
            Ok(listing::replayed(&replayed))
        }
        ControlCommand::ProjectionsStatus {} => Ok(json!({ "items": app.projection_status().await? })),
        ControlCommand::ProjectionsRebuild {} => Ok(json!({ "events": app.rebuild_projections(&steps).await? })),
        ControlCommand::Watch { workspace, after, types } => {
            let caller = local_caller(app, workspace.as_deref()).await?;
            listing::watch(app, &caller, after, &types, &progress).await
        }
        ControlCommand::Backup { file } => Ok(json!({ "bytes": app.backup(&file).await?, "file": file })),
        ControlCommand::Examine { full } => {
            serde_json::to_value(doctor::within(app, full).await).map_err(|error| Problem::internal(&error))
        }
        ControlCommand::Demo(request) => demo::fill(app, &request, &steps).await,
        ControlCommand::Call { workspace, name, arguments } => {
            let caller = local_caller(app, workspace.as_deref()).await?;
            call(app, &caller, &name, arguments).await
        }
    }
}

/// Calls an operation as the owner.
pub(super) async fn call(
    app: &Arc<App>,
    caller: &Caller,
    name: &str,
    arguments: Map<String, Value>,
) -> Result<Value, Problem> {
    let options = CallOptions { request_id: Some(uuid::Uuid::new_v4().to_string()), ..CallOptions::default() };
    registry::all().get(name)?.call(Arc::clone(app), caller.clone(), options, arguments).await
}

/// The workspace that is meant by an id or a name, or by nothing when there is one only.
///
/// # Errors
/// `not_found` or `ambiguous`, with the workspaces that there are.
pub async fn resolve_workspace(app: &Arc<App>, wanted: Option<&str>) -> Result<WorkspaceId, Problem> {
    choose_workspace(&app.workspaces().await?, wanted)
}

/// The token that is meant by an id or a name. Of several that have the name, ended ones do not count.
///
/// # Errors
/// `not_found` or `ambiguous`.
pub async fn resolve_token(app: &Arc<App>, workspace: WorkspaceId, wanted: &str) -> Result<TokenSummary, Problem> {
    choose_token(app.tokens(workspace).await?, wanted)
}

fn choose_workspace(workspaces: &[WorkspaceSummary], wanted: Option<&str>) -> Result<WorkspaceId, Problem> {
    let fits = |summary: &&WorkspaceSummary| {
        wanted.is_none_or(|wanted| summary.name == wanted || summary.id.to_string() == wanted)
    };
    let found: Vec<_> = workspaces.iter().filter(fits).collect();
    let candidates = workspaces.iter().map(|summary| Candidate {
        id: summary.id.to_string(),
        name: Some(summary.name.clone()),
        reason: "a workspace in this data folder".to_owned(),
    });
    match (found.as_slice(), wanted) {
        ([only], _) => Ok(only.id),
        ([], None) => Err(Problem::new(Code::NotFound, "there is no workspace in this data folder")
            .hint("make one: chatbotx workspace create --name \"My workspace\"")),
        ([], Some(wanted)) => Err(Problem::new(Code::NotFound, "there is no such workspace in this data folder")
            .field("workspace")
            .value(wanted)
            .candidates(candidates)),
        _ => Err(Problem::new(Code::Ambiguous, "there are several such workspaces in this data folder")
            .field("workspace")
            .hint("name one by its id with --workspace")
            .candidates(candidates)),
    }
}

fn choose_token(tokens: Vec<TokenSummary>, wanted: &str) -> Result<TokenSummary, Problem> {
    let (by_id, others): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|token| token.id.to_string() == wanted);
    let mut found = by_id;
    found.extend(others.into_iter().filter(|token| token.name == wanted && !token.revoked));
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Problem::new(Code::NotFound, "there is no such token in this workspace")
            .field("token")
            .value(wanted)
            .hint("list them: chatbotx token list")),
        _ => Err(Problem::new(Code::Ambiguous, "several tokens of this workspace have this name")
            .field("token")
            .hint("name one by its id")
            .candidates(found.iter().map(|token| Candidate {
                id: token.id.to_string(),
                name: Some(token.name.clone()),
                reason: "it has this name".to_owned(),
            }))),
    }
}

async fn local_caller(app: &Arc<App>, workspace: Option<&str>) -> Result<Caller, Problem> {
    resolve_workspace(app, workspace).await.map(Caller::local)
}

async fn create_workspace(app: &Arc<App>, name: &str) -> Result<Value, Problem> {
    let id = app.create_workspace(name).await?;
    let token = app.create_token(id, &first_token()).await?;
    Ok(json!({ "id": id, "name": name, "token": token.text }))
}

async fn rotate_token(app: &Arc<App>, workspace: WorkspaceId, wanted: &str, grace_us: i64) -> Result<Value, Problem> {
    let token = resolve_token(app, workspace, wanted).await?;
    let rotated = app.rotate_token(workspace, token.id, grace_us).await?;
    let mut answer = json!({ "id": token.id, "token": rotated.token.text, "name": token.name, "workspace": workspace });
    if let Some(end) = rotated.previous_expires_at {
        answer["previousExpiresAt"] = json!(listing::rfc3339(end));
    }
    Ok(answer)
}

/// The token that a new workspace begins with.
#[must_use]
pub fn first_token() -> NewToken {
    NewToken {
        name: "first".to_owned(),
        permission: aggregates::token::Permission::Full,
        scopes: Vec::new(),
        expires_at: None,
    }
}

async fn create_token(app: &Arc<App>, workspace: WorkspaceId, token: NewToken) -> Result<Value, Problem> {
    let created = app.create_token(workspace, &token).await?;
    let id: TokenId = created.id;
    let mut answer = json!({
        "id": id,
        "token": created.text,
        "name": token.name,
        "workspace": workspace,
        "permission": token.permission,
    });
    if !token.scopes.is_empty() {
        answer["scopes"] = json!(token.scopes);
    }
    if let Some(end) = token.expires_at {
        answer["expiresAt"] = json!(listing::rfc3339(end));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn workspace(number: u128, name: &str) -> WorkspaceSummary {
        WorkspaceSummary { id: Uuid::from_u128(number).into(), name: name.to_owned(), position: 1 }
    }

    fn token(number: u128, name: &str, revoked: bool) -> TokenSummary {
        TokenSummary {
            id: Uuid::from_u128(number).into(),
            name: name.to_owned(),
            permission: aggregates::token::Permission::Full,
            scopes: Vec::new(),
            created_at: 0,
            expires_at: None,
            previous_expires_at: None,
            last_used_at: None,
            revoked,
        }
    }

    #[test]
    fn a_workspace_need_not_be_named_when_there_is_one_only() {
        let one = [workspace(1, "Shop")];
        assert_eq!(choose_workspace(&one, None).unwrap(), one[0].id);
        let two = [workspace(1, "Shop"), workspace(2, "Café")];
        let refused = choose_workspace(&two, None).unwrap_err();
        assert_eq!((refused.code, refused.candidates.len()), (Code::Ambiguous, 2));
        assert_eq!(choose_workspace(&two, Some("Café")).unwrap(), two[1].id);
        assert_eq!(choose_workspace(&two, Some(&two[0].id.to_string())).unwrap(), two[0].id);
        assert_eq!(choose_workspace(&two, Some("Bar")).unwrap_err().code, Code::NotFound);
        assert_eq!(choose_workspace(&[], None).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn a_name_means_the_token_that_is_not_ended() {
        let tokens = vec![token(1, "claude", true), token(2, "claude", false), token(3, "other", false)];
        assert_eq!(choose_token(tokens.clone(), "claude").unwrap().id, tokens[1].id);
        assert_eq!(choose_token(tokens.clone(), &tokens[0].id.to_string()).unwrap().id, tokens[0].id);
        assert_eq!(choose_token(tokens, "nobody").unwrap_err().code, Code::NotFound);
        let twins = vec![token(1, "claude", false), token(2, "claude", false)];
        assert_eq!(choose_token(twins, "claude").unwrap_err().code, Code::Ambiguous);
    }

    #[test]
    fn a_command_has_one_written_form() {
        let command = ControlCommand::Watch { workspace: None, after: Some(3), types: vec!["TagCreated".into()] };
        let text = r#"{"watch":{"workspace":null,"after":3,"types":["TagCreated"]}}"#;
        assert_eq!(serde_json::to_string(&command).unwrap(), text);
        assert_eq!(serde_json::from_str::<ControlCommand>(text).unwrap(), command);
        assert!(serde_json::from_str::<ControlCommand>(r#"{"logVerify":{"fast":true}}"#).is_err());
    }
}
