//! The sessions of both HTTP transports: ids nobody can guess, each bound to its owner, capped per owner and in total.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rmcp::model::ClientJsonRpcMessage;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::access::{Access, Owner};
use crate::http::metrics::{self, OpenSession};
use crate::settings::Limits;

/// A session used within this time is never closed to make room for another.
const BUSY: Duration = Duration::from_secs(60);

/// The open sessions.
#[derive(Debug)]
pub struct Sessions {
    per_owner_max: usize,
    total_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_id: HashMap<Arc<str>, Session>,
    per_owner: HashMap<Owner, usize>,
}

#[derive(Debug)]
struct Session {
    owner: Owner,
    used: Instant,
    /// The inbound end of a legacy stream; a Streamable HTTP session has none.
    legacy: Option<Inbound>,
    _gauge: OpenSession,
    /// Tells whoever waits for it that the session is gone.
    _ended: DropGuard,
}

/// Where the messages that are posted to a legacy session go.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// Who opened the stream, and what it asked for.
    pub access: Access,
    /// The session's queue.
    pub queue: mpsc::Sender<ClientJsonRpcMessage>,
}

/// There are too many sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many open sessions")]
pub struct Full;

/// A session that was opened, and those that had to make room for it.
#[derive(Debug)]
pub struct Opened {
    /// The id, 256 random bits.
    pub id: Arc<str>,
    /// Fires when the session is gone from here.
    pub ended: CancellationToken,
    /// Idle Streamable HTTP sessions that are gone from here and have to be closed.
    pub evicted: Vec<Arc<str>>,
}

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            per_owner_max: limits.sessions_per_token,
            total_max: limits.sessions,
            state: Mutex::new(State::default()),
        })
    }

    /// Opens a session. At the cap, the owner's (or anybody's, at the total cap) longest idle Streamable HTTP session makes room:
    /// clients that are killed never close theirs, and must not lock out their successors.
    ///
    /// # Errors
    /// `Full` when all of them are in use.
    pub fn open(&self, owner: Owner, legacy: Option<Inbound>) -> Result<Opened, Full> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut evicted = Vec::new();
        if state.per_owner.get(&owner).copied().unwrap_or(0) >= self.per_owner_max {
            evicted.push(state.evict(|session| session.owner == owner).ok_or(Full)?);
        }
        if state.by_id.len() >= self.total_max {
            evicted.push(state.evict(|_| true).ok_or(Full)?);
        }
        let id: Arc<str> = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into();
        let transport = if legacy.is_some() { "legacy_sse" } else { "streamable_http" };
        *state.per_owner.entry(owner.clone()).or_insert(0) += 1;
        let ended = CancellationToken::new();
        let session = Session {
            owner,
            used: Instant::now(),
            legacy,
            _gauge: metrics::session_opened(transport),
            _ended: ended.clone().drop_guard(),
        };
        state.by_id.insert(Arc::clone(&id), session);
        Ok(Opened { id, ended, evicted })
    }

    /// Whether `owner` has a Streamable HTTP session of this id; marks it as used.
    pub fn holds(&self, id: &str, owner: &Owner) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.by_id.get_mut(id) {
            Some(session) if session.owner == *owner && session.legacy.is_none() => {
                session.used = Instant::now();
                true
            }
            _ => false,
        }
    }

    /// The legacy session of this id; marks it as used. With `owner`, only that owner's.
    pub fn legacy(&self, id: &str, owner: Option<&Owner>) -> Option<Inbound> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let session = state.by_id.get_mut(id)?;
        if owner.is_some_and(|owner| session.owner != *owner) {
            return None;
        }
        let inbound = session.legacy.clone()?;
        session.used = Instant::now();
        Some(inbound)
    }

    /// How long the session has not been used; nothing when it is closed.
    pub fn idle(&self, id: &str) -> Option<Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.by_id.get(id).map(|session| session.used.elapsed())
    }

    /// Forgets the session.
    pub fn close(&self, id: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl State {
    fn remove(&mut self, id: &str) {
        let Some(session) = self.by_id.remove(id) else { return };
        if let Some(count) = self.per_owner.get_mut(&session.owner) {
            *count -= 1;
            if *count == 0 {
                self.per_owner.remove(&session.owner);
            }
        }
    }

    fn evict(&mut self, among: impl Fn(&Session) -> bool) -> Option<Arc<str>> {
        let idle = self.by_id.iter().filter(|(_, session)| {
            // A legacy session ends with its stream, so it is never left behind.
            session.legacy.is_none() && session.used.elapsed() >= BUSY && among(session)
        });
        let id = idle.min_by_key(|(_, session)| session.used).map(|(id, _)| Arc::clone(id))?;
        self.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::test_backend::TestBackend;

    fn owner(token: &str) -> Owner {
        Access::new(TestBackend::new().caller(token)).owner()
    }

    fn sessions(per_token: usize, total: usize) -> Arc<Sessions> {
        Sessions::new(&Limits { sessions_per_token: per_token, sessions: total, ..Limits::default() })
    }

    #[tokio::test]
    async fn a_session_is_only_there_for_its_owner() {
        let sessions = sessions(8, 8);
        let id = sessions.open(owner("good"), None).unwrap().id;
        assert!(sessions.holds(&id, &owner("good")));
        assert!(!sessions.holds(&id, &owner("other")));
        assert!(!sessions.holds("guessed", &owner("good")));
        sessions.close(&id);
        assert!(!sessions.holds(&id, &owner("good")));
    }

    #[tokio::test]
    async fn ids_hold_256_bits_and_never_repeat() {
        let sessions = sessions(1_000, 1_000);
        let ids: std::collections::HashSet<_> =
            (0..1_000).map(|_| sessions.open(owner("good"), None).unwrap().id).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| URL_SAFE_NO_PAD.decode(id.as_ref()).unwrap().len() == 32));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_cap_busy_sessions_stay_and_the_longest_idle_one_makes_room() {
        let sessions = sessions(2, 8);
        let first = sessions.open(owner("good"), None).unwrap().id;
        let second = sessions.open(owner("good"), None).unwrap().id;
        assert_eq!(sessions.open(owner("good"), None).unwrap_err(), Full);
        assert!(sessions.open(owner("other"), None).is_ok(), "the cap is per token");
        tokio::time::advance(BUSY).await;
        assert!(sessions.holds(&first, &owner("good")));
        let third = sessions.open(owner("good"), None).unwrap();
        assert_eq!(third.evicted, [second]);
        assert_eq!(sessions.open(owner("good"), None).unwrap_err(), Full);
        sessions.close(&first);
        assert!(sessions.open(owner("good"), None).is_ok(), "a closed session gives its place back");
    }

    #[tokio::test]
    async fn the_total_is_capped_too() {
        let sessions = sessions(8, 1);
        let _first = sessions.open(owner("good"), None).unwrap();
        assert_eq!(sessions.open(owner("other"), None).unwrap_err(), Full);
    }
}
