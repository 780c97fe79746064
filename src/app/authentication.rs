//! Who shows a token: found through the claim on its digest, so that no read table stands between a revocation and its effect.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aggregates::ids::{TokenId, WorkspaceId};
use aggregates::metadata::{Actor, ActorKind};
use aggregates::token::{Token, digest_claim};
use quick_cache::sync::Cache;
use tokio::time::Instant;
use uuid::Uuid;

use super::{App, Caller, token_text};
use crate::event_log::append::LogError;

/// How long a token's state is trusted without a look at the log. In this process a revocation acts at once; another process may
/// have written it.
const TRUSTED: Duration = Duration::from_secs(2);
/// Uses of a token are noted once a minute.
const NOTED_EVERY_US: i64 = 60 * 1_000_000;

/// Why somebody who shows a token is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLetIn {
    /// It opens nothing: malformed, unknown, expired or revoked.
    #[error("the token is missing, unknown, expired or revoked")]
    Unauthenticated,
    /// Whose it is cannot be told right now, because the log cannot be read.
    #[error("the token cannot be looked up right now")]
    Unavailable,
}

/// What is remembered of tokens.
pub(super) struct Tokens {
    /// By digest. A digest's claim is never released, so this never becomes wrong; whether the digest still opens its token is the
    /// token's to say.
    owners: Cache<String, (WorkspaceId, Uuid)>,
    checked: Cache<(WorkspaceId, Uuid), Instant>,
    uses: Mutex<HashMap<(WorkspaceId, TokenId), Use>>,
}

#[derive(Clone, Copy)]
struct Use {
    at: i64,
    noted: bool,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { owners: Cache::new(10_000), checked: Cache::new(10_000), uses: Mutex::default() }
    }
}

impl App {
    /// Finds out who shows `token`.
    ///
    /// # Errors
    /// [`NotLetIn::Unauthenticated`] for whatever opens nothing, without saying why. While the log cannot be read nobody is let in, and
    /// told so: an assistant would otherwise take its good token for a bad one.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, NotLetIn> {
        let digest = token_text::digest(token).ok_or(NotLetIn::Unauthenticated)?;
        match self.find_token(digest).await {
            Ok(caller) => caller.ok_or(NotLetIn::Unauthenticated),
            Err(error) => {
                tracing::error!(%error, "a token could not be looked up");
                Err(NotLetIn::Unavailable)
            }
        }
    }

    async fn find_token(&self, digest: String) -> Result<Option<Caller>, LogError> {
        let (workspace, id) = match self.tokens.owners.get(&digest) {
            Some(owner) => owner,
            None => {
                let Some(owner) = self.log.claim_owner_anywhere(&digest_claim(&digest)).await? else { return Ok(None) };
                self.tokens.owners.insert(digest.clone(), owner);
                owner
            }
        };
        self.token_caller(workspace, TokenId(id), &digest).await
    }

    /// The caller that a token makes for whom shows the secret of `digest`; nothing when the token is revoked, expired or unknown, or
    /// has another secret by now.
    async fn token_caller(
        &self,
        workspace: WorkspaceId,
        id: TokenId,
        digest: &str,
    ) -> Result<Option<Caller>, LogError> {
        let now = self.now();
        let Some(token) = self.current_token(workspace, id).await?.filter(|token| token.opens(digest, now)) else {
            return Ok(None);
        };
        self.tokens.used(workspace, id, now);
        Ok(Some(Caller {
            workspace,
            actor: Actor { kind: ActorKind::Token, id: id.to_string() },
            name: token.name.clone(),
            permission: token.permission,
            scopes: token.scopes.clone(),
            client: None,
        }))
    }

    /// A token's state, not older than what is trusted.
    async fn current_token(&self, workspace: WorkspaceId, id: TokenId) -> Result<Option<Token>, LogError> {
        let key = (workspace, id.0);
        let mut loaded = self.load_state::<Token>(workspace, id.0).await?;
        if self.tokens.checked.get(&key).is_none_or(|checked| checked.elapsed() > TRUSTED) {
            if self.log.store().sequences(workspace, &[id.0]).await? != [loaded.sequence] {
                self.states.forget(workspace, id.0);
                loaded = self.load_state::<Token>(workspace, id.0).await?;
            }
            self.tokens.checked.insert(key, Instant::now());
        }
        Ok(loaded.state.downcast_ref::<Token>().cloned())
    }

    /// Whether a caller who was let in before still would be: its token is neither revoked nor expired, whatever
    /// its secret is by now. The folder's owner always is. While the log cannot be read nothing is told to anybody, and who was welcome
    /// stays so until it can.
    pub async fn is_still_welcome(&self, caller: &Caller) -> bool {
        let Some(id) = caller.token() else { return true };
        match self.current_token(caller.workspace, id).await {
            Ok(token) => token.is_some_and(|token| token.is_valid_at(self.now())),
            Err(error) => {
                tracing::warn!(%error, "whether a token still opens could not be looked up");
                true
            }
        }
    }

    /// Writes down when tokens were used since the last time.
    pub(super) async fn keep_token_uses(&self) {
        let uses = self.tokens.take_unnoted();
        if let Err(error) = self.log.store().keep_token_uses(&uses).await {
            tracing::warn!(%error, "the last uses of tokens could not be kept");
        }
    }
}

impl Tokens {
    fn used(&self, workspace: WorkspaceId, id: TokenId, now: i64) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let last = uses.entry((workspace, id)).or_insert(Use { at: i64::MIN, noted: true });
        if now.saturating_sub(last.at) >= NOTED_EVERY_US {
            *last = Use { at: now, noted: false };
        }
    }

    fn take_unnoted(&self) -> Vec<(WorkspaceId, TokenId, i64)> {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let unnoted = uses.iter_mut().filter(|(_, last)| !last.noted);
        unnoted
            .map(|((workspace, id), last)| {
                last.noted = true;
                (*workspace, *id, last.at)
            })
            .collect()
    }
}
