//! What the owner of the data folder does besides operations: workspaces, tokens, the health of log and read tables, backups.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aggregates::channel_account::{self, Channel, ChannelAccount};
use aggregates::ids::{TokenId, WorkspaceId};
use aggregates::token::{self, Permission, Scope, Token};
use aggregates::workspace::{self, Workspace};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{App, Caller, Decision, Transacted, TransactionRequest, UnitOfWork, token_text};
use crate::event_log::verify::WorkspaceVerification;
use crate::problem::{Code, Problem};

/// The most tokens in use that a workspace has.
const MAX_TOKENS: usize = 100;
/// The most tokens, ended ones among them, that a list shows.
const TOKENS_LISTED: u64 = 10_000;
/// The web chat account that every workspace begins with.
pub const LOCAL_ACCOUNT: &str = "local";

/// Told how far something is: done, of how many. Called often; must not block.
pub type OnProgress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// For work whose progress nobody follows.
#[must_use]
pub fn unheard() -> OnProgress {
    Arc::new(|_, _| {})
}

/// A workspace in the list of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceSummary {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// The position of its last event.
    pub position: u64,
}

/// What a token is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewToken {
    /// What it is called, 1 to 255 characters.
    pub name: String,
    /// How much it may do.
    #[serde(default)]
    pub permission: Permission,
    /// To what it is limited; empty = everything that the permission allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// When it ends, in microseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// A token that was just made: the only time that its text is known.
#[derive(Clone, PartialEq, Eq)]
pub struct CreatedToken {
    /// Its id.
    pub id: TokenId,
    /// Its text, `cbx_ws_…`.
    pub text: String,
}

impl std::fmt::Debug for CreatedToken {
    /// Never shows the text.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CreatedToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A token in the list of them.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenSummary {
    /// Its id.
    pub id: TokenId,
    /// What it is called.
    pub name: String,
    /// How much it may do.
    pub permission: Permission,
    /// To what it is limited.
    pub scopes: Vec<Scope>,
    /// When it began, in microseconds since the epoch.
    pub created_at: i64,
    /// When it ends, in microseconds since the epoch.
    pub expires_at: Option<i64>,
    /// When the secret before the present one ends, in microseconds since the epoch, where it was given a time of grace.
    pub previous_expires_at: Option<i64>,
    /// When it was last shown, in microseconds since the epoch, exact to a minute.
    pub last_used_at: Option<i64>,
    /// Whether it was ended by hand.
    pub revoked: bool,
}

/// What `log verify` found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Whether nothing was found.
    pub ok: bool,
    /// How many ids of workspaces stand in the log's tables that are none: nobody can have written them through the program.
    #[serde(skip_serializing_if = "is_zero")]
    pub malformed_ids: u64,
    /// Every workspace.
    pub workspaces: Vec<WorkspaceVerification>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How far a group of read tables is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectionStatus {
    /// The group's name.
    pub name: String,
    /// The version of its rows.
    pub version: u32,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The position that its rows show.
    pub position: u64,
    /// The head of the log.
    pub head: u64,
    /// Why it stands still, when it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl App {
    /// Every workspace, the oldest first.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceSummary>, Problem> {
        let mut summaries = Vec::new();
        for id in self.log.store().workspaces().await? {
            let loaded = self.load_state::<Workspace>(id, id.0).await?;
            let name = loaded.state.downcast_ref::<Workspace>().map(|workspace| workspace.name.clone());
            let position = self.log.head(id).await?;
            summaries.push(WorkspaceSummary { id, name: name.unwrap_or_default(), position });
        }
        Ok(summaries)
    }

    /// Makes a workspace with what every workspace has (such as the webchat account `local`), and no token.
    ///
    /// # Errors
    /// `invalid_input` for the name; `unavailable` when the log cannot take it now.
    pub async fn create_workspace(self: &Arc<Self>, name: &str) -> Result<WorkspaceId, Problem> {
        let id = WorkspaceId(Uuid::now_v7());
        let decision = CreateWorkspace { id, account: Uuid::now_v7(), name: name.trim().to_owned() };
        self.transact(&Caller::local(id), &TransactionRequest::keyless("create_workspace"), &decision).await?;
        Ok(id)
    }

    /// Every token that the workspace ever had, the oldest first.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read.
    pub async fn tokens(self: &Arc<Self>, workspace: WorkspaceId) -> Result<Vec<TokenSummary>, Problem> {
        self.keep_token_uses().await;
        let uses: HashMap<TokenId, i64> = self.log.store().token_uses(workspace).await?.into_iter().collect();
        let mut context = self.read(workspace, None).await?;
        let rows = projections::tokens::list(context.reader.connection(), workspace, TOKENS_LISTED)
            .await
            .map_err(|error| Problem::internal(&error))?;
        let mut summaries = Vec::with_capacity(rows.len());
        for row in rows {
            let loaded = self.load_state::<Token>(workspace, row.id.0).await?;
            let Some(token) = loaded.state.downcast_ref::<Token>() else { continue };
            summaries.push(TokenSummary {
                id: row.id,
                name: token.name.clone(),
                permission: token.permission,
                scopes: token.scopes.clone(),
                created_at: row.created_at,
                expires_at: token.expires_at,
                previous_expires_at: token.previous.as_ref().map(|previous| previous.expires_at),
                last_used_at: uses.get(&row.id).copied(),
                revoked: token.revoked,
            });
        }
        Ok(summaries)
    }

    /// Makes a token.
    ///
    /// # Errors
    /// `invalid_input` for the name, `conflict` when there are too many; `unavailable` when the log cannot take it now.
    pub async fn create_token(
        self: &Arc<Self>,
        workspace: WorkspaceId,
        token: &NewToken,
    ) -> Result<CreatedToken, Problem> {
        let now = self.now();
        let in_use = |token: &TokenSummary| !token.revoked && token.expires_at.is_none_or(|end| now < end);
        if self.tokens(workspace).await?.iter().filter(|token| in_use(token)).count() >= MAX_TOKENS {
            return Err(Problem::new(Code::Conflict, format!("a workspace has at most {MAX_TOKENS} tokens in use"))
                .hint("revoke one that is not needed any more"));
        }
        let text = token_text::generate();
        let digest = token_text::digest(&text).ok_or_else(|| Problem::internal(&"a new token is malformed"))?;
        let id = TokenId(Uuid::now_v7());
        let command = token::Command::Create {
            name: token.name.trim().to_owned(),
            digest,
            permission: token.permission,
            scopes: token.scopes.clone(),
            expires_at: token.expires_at,
        };
        self.transact(
            &Caller::local(workspace),
            &TransactionRequest::keyless("create_token"),
            &ChangeToken { id, command },
        )
        .await?;
        Ok(CreatedToken { id, text: text.to_string() })
    }

    /// Ends a token; tells whether it was not ended before.
    ///
    /// # Errors
    /// `not_found`; `unavailable` when the log cannot take it now.
    pub async fn revoke_token(self: &Arc<Self>, workspace: WorkspaceId, token: TokenId) -> Result<bool, Problem> {
        let decision = ChangeToken { id: token, command: token::Command::Revoke };
        match self.transact(&Caller::local(workspace), &TransactionRequest::keyless("revoke_token"), &decision).await? {
            Transacted::Done { changed, .. } => Ok(changed),
            Transacted::Dry { .. } => Ok(false),
        }
    }

    /// Checks every event, claim and head against the Merkle trees.
    ///
    /// # Errors
    /// `unavailable` when the log cannot be read; what is found wrong in it is no error.
    pub async fn verify(&self, progress: &OnProgress) -> Result<Verification, Problem> {
        let mut workspaces = Vec::new();
        let traces = self.log.store().traces().await?;
        for id in traces.workspaces {
            let verified = self.log.verify(id, &**progress).await?;
            workspaces.push(verified);
        }
        let sound = workspaces.iter().all(|workspace| workspace.first_bad.is_none());
        Ok(Verification { ok: sound && traces.malformed == 0, malformed_ids: traces.malformed, workspaces })
    }

    /// How far every read table is.
    ///
    /// # Errors
    /// `unavailable` when the databases cannot be read.
    pub async fn projection_status(&self) -> Result<Vec<ProjectionStatus>, Problem> {
        let mut status = Vec::new();
        for workspace in self.log.store().workspaces().await? {
            status.push(ProjectionStatus {
                name: projections::GROUP.to_owned(),
                version: projections::VERSION,
                workspace,
                position: self.projector.position(workspace),
                head: self.log.head(workspace).await?,
                error: self.projector.standstill(workspace).map(|still| still.reason().to_owned()),
            });
        }
        Ok(status)
    }

    /// Builds every read table anew beside the old ones and swaps them; gives the number of events read.
    ///
    /// # Errors
    /// `unavailable` when the databases cannot be read or written.
    pub async fn rebuild_projections(self: &Arc<Self>, progress: &OnProgress) -> Result<u64, Problem> {
        self.projector.rebuild(progress).await.map_err(|error| {
            tracing::error!(%error, "the read tables could not be rebuilt");
            Problem::new(Code::Unavailable, "the read tables could not be rebuilt; the server's log says why")
        })
    }

    /// Every read table with its rows by primary key: what must be equal after a rebuild. Holds everything in memory.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub async fn dump_tables(&self) -> Result<Vec<(&'static str, Vec<serde_json::Value>)>, Problem> {
        self.projector.tables().dump().await.map_err(|error| Problem::internal(&error))
    }

    /// Writes a consistent copy of the log into a new file of mode 0600; gives its size in bytes.
    ///
    /// # Errors
    /// `conflict` when the file exists; `unavailable` when it cannot be written.
    pub async fn backup(&self, file: &Path) -> Result<u64, Problem> {
        use std::os::unix::fs::OpenOptionsExt;
        if self.log.store().is_shared() {
            return Err(Problem::invalid("file", "a log on PostgreSQL is copied by pg_dump --schema=chatbotx_log"));
        }
        let failed = |error: &std::io::Error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Problem::new(Code::Conflict, "there is a file of this name already").field("file")
            }
            _ => Problem::new(Code::Unavailable, format!("the file cannot be written: {error}")).field("file"),
        };
        // SQLite copies into an empty file, so that it can be made private first.
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .map_err(|error| failed(&error))?;
        if let Err(error) = self.log.store().copy_to(file).await {
            // Half a copy is worth nothing.
            let _kept = std::fs::remove_file(file);
            return Err(error.into());
        }
        let copy = std::fs::File::open(file).map_err(|error| failed(&error))?;
        copy.sync_all().map_err(|error| failed(&error))?;
        Ok(copy.metadata().map_err(|error| failed(&error))?.len())
    }
}

struct CreateWorkspace {
    id: WorkspaceId,
    account: Uuid,
    name: String,
}

impl Decision for CreateWorkspace {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        let command = workspace::Command::Create {
            name: self.name.clone(),
            timezone: "UTC".to_owned(),
            language: "en".to_owned(),
        };
        unit.execute::<Workspace>(self.id.0, command).await?;
        let account = channel_account::Command::Connect { channel: Channel::Webchat, name: LOCAL_ACCOUNT.to_owned() };
        unit.execute::<ChannelAccount>(self.account, account).await?;
        Ok(())
    }
}

pub(super) struct ChangeToken {
    pub(super) id: TokenId,
    pub(super) command: token::Command,
}

impl Decision for ChangeToken {
    type Outcome = ();

    async fn decide(&self, unit: &mut UnitOfWork) -> Result<(), Problem> {
        unit.execute::<Token>(self.id.0, self.command.clone()).await?;
        Ok(())
    }
}

impl From<workspace::Error> for Problem {
    fn from(error: workspace::Error) -> Self {
        match error {
            workspace::Error::InvalidName => Self::invalid("name", error.to_string()),
            workspace::Error::Exists => Self::new(Code::Conflict, error.to_string()),
        }
    }
}

impl From<channel_account::Error> for Problem {
    fn from(error: channel_account::Error) -> Self {
        match error {
            channel_account::Error::InvalidName => Self::invalid("name", error.to_string()),
            channel_account::Error::Connected => Self::new(Code::Conflict, error.to_string()),
        }
    }
}

impl From<token::Error> for Problem {
    fn from(error: token::Error) -> Self {
        match error {
            token::Error::InvalidName => Self::invalid("name", error.to_string()),
            token::Error::InvalidGrace => Self::invalid("grace", error.to_string()),
            token::Error::Exists | token::Error::Revoked => Self::new(Code::Conflict, error.to_string()),
            token::Error::Unknown => Self::new(Code::NotFound, "there is no such token in this workspace"),
        }
    }
}
