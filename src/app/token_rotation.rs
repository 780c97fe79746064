//! Another secret for a token that stays what it is: for one that may have been seen by somebody, or by the calendar.

use std::sync::Arc;

use aggregates::ids::{TokenId, WorkspaceId};
use aggregates::token::{self, Token};

use super::administration::ChangeToken;
use super::{App, CreatedToken, token_text};
use crate::problem::{Code, Problem};

/// A token with a new secret: the only time that the secret is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotatedToken {
    /// The token and its new text.
    pub token: CreatedToken,
    /// When the old text ends, in microseconds since the epoch; nothing = it has ended.
    pub previous_expires_at: Option<i64>,
}

impl App {
    /// Gives a token another secret; its id, name, rights and end stay. The old one opens nothing from now on, or for `grace_us`
    /// microseconds more. The one before that, should it still be in its time of grace, ends now.
    ///
    /// # Errors
    /// `not_found`; `conflict` for a token that was revoked or has expired; `invalid_input` for more than 7 days of grace;
    /// `unavailable` when the log cannot take it now.
    pub async fn rotate_token(
        self: &Arc<Self>,
        workspace: WorkspaceId,
        token: TokenId,
        grace_us: i64,
    ) -> Result<RotatedToken, Problem> {
        let now = self.now();
        let loaded = self.load_state::<Token>(workspace, token.0).await?;
        let expires_at = loaded.state.downcast_ref::<Token>().and_then(|token| token.expires_at);
        if expires_at.is_some_and(|end| end <= now) {
            return Err(Problem::new(Code::Conflict, "this token has expired: another secret would open nothing")
                .hint("make a new token: chatbotx token create"));
        }
        let text = token_text::generate();
        let digest = token_text::digest(&text).ok_or_else(|| Problem::internal(&"a new token is malformed"))?;
        let command = token::Command::Rotate { digest, at: now, grace_us };
        let decision = ChangeToken { id: token, command };
        self.transact(&super::Caller::local(workspace), &super::TransactionRequest::keyless("rotate_token"), &decision)
            .await?;
        let token = CreatedToken { id: token, text: text.to_string() };
        Ok(RotatedToken { token, previous_expires_at: (grace_us > 0).then(|| now.saturating_add(grace_us)) })
    }
}
