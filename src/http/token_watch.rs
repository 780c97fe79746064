//! Looks at the tokens behind open event streams and sessions again and again, so that a revoked or expired token closes them. One look per
//! token, however many streams it has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::app::NotLetIn;
use crate::mcp::Backend;

/// How long a revocation may go unnoticed: 2 of the 5 s that are promised; the rest is for the log to tell other processes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Tokens that are looked at side by side.
const LOOKS_AT_ONCE: usize = 16;

/// The tokens that have open streams or sessions.
pub struct TokenWatch {
    backend: Arc<dyn Backend>,
    streams_max: usize,
    tokens: Mutex<HashMap<Arc<str>, Watched>>,
}

struct Watched {
    revoked: CancellationToken,
    streams: usize,
    /// All that is to end with the token: its streams, and its sessions.
    all: usize,
}

/// One open stream, or a session; dropping it forgets it.
pub struct WatchedStream {
    watch: Arc<TokenWatch>,
    token: Arc<str>,
    revoked: CancellationToken,
    is_stream: bool,
}

impl TokenWatch {
    /// Allows `streams_max` streams of one token at a time.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, streams_max: usize) -> Arc<Self> {
        Arc::new(Self { backend, streams_max, tokens: Mutex::new(HashMap::new()) })
    }

    /// Registers a stream of `token` that a client asks for; nothing when it has too many.
    #[must_use]
    pub fn open(self: &Arc<Self>, token: &Arc<str>) -> Option<WatchedStream> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let has_too_many = tokens.get(token).is_some_and(|watched| watched.streams >= self.streams_max);
        (!has_too_many).then(|| self.add(&mut tokens, token, true))
    }

    /// Registers a stream that carries the answer to a call. It is never refused: the call has been carried out.
    #[must_use]
    pub fn answer(self: &Arc<Self>, token: &Arc<str>) -> WatchedStream {
        self.add(&mut self.tokens.lock().unwrap_or_else(PoisonError::into_inner), token, true)
    }

    /// Registers a session, which is to end with its token though no stream of it may be open. Sessions are counted elsewhere.
    #[must_use]
    pub fn session(self: &Arc<Self>, token: &Arc<str>) -> WatchedStream {
        self.add(&mut self.tokens.lock().unwrap_or_else(PoisonError::into_inner), token, false)
    }

    fn add(
        self: &Arc<Self>,
        tokens: &mut HashMap<Arc<str>, Watched>,
        token: &Arc<str>,
        is_stream: bool,
    ) -> WatchedStream {
        let watched = tokens.entry(Arc::clone(token)).or_insert_with(|| Watched {
            revoked: CancellationToken::new(),
            streams: 0,
            all: 0,
        });
        watched.streams += usize::from(is_stream);
        watched.all += 1;
        let revoked = watched.revoked.clone();
        WatchedStream { watch: Arc::clone(self), token: Arc::clone(token), revoked, is_stream }
    }

    /// Looks at the tokens until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut clock = tokio::time::interval(LOOK_EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = clock.tick() => self.look().await,
            }
        }
    }

    /// Looks at every token once.
    pub async fn look(&self) {
        let open: Vec<(Arc<str>, CancellationToken)> = {
            let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            tokens.iter().map(|(token, watched)| (Arc::clone(token), watched.revoked.clone())).collect()
        };
        futures::stream::iter(open)
            .for_each_concurrent(LOOKS_AT_ONCE, async |(token, revoked)| {
                if self.backend.authenticate(&token).await.err() == Some(NotLetIn::Unauthenticated) {
                    tracing::info!("a token opens nothing any more; its streams and sessions are closed");
                    revoked.cancel();
                }
            })
            .await;
    }
}

impl WatchedStream {
    /// Fires when the token opens nothing any more.
    #[must_use]
    pub fn revoked(&self) -> &CancellationToken {
        &self.revoked
    }
}

impl Drop for WatchedStream {
    fn drop(&mut self) {
        let mut tokens = self.watch.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watched) = tokens.get_mut(&self.token) {
            watched.streams -= usize::from(self.is_stream);
            watched.all -= 1;
            if watched.all == 0 {
                tokens.remove(&self.token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::test_backend::TestBackend;

    #[tokio::test(start_paused = true)]
    async fn a_revoked_token_fires_within_the_time_of_a_look() {
        let backend = TestBackend::new();
        let watch = TokenWatch::new(backend.clone(), 10);
        let good = watch.open(&Arc::from("good")).unwrap();
        let other = watch.open(&Arc::from("other")).unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (watch, stop) = (Arc::clone(&watch), stop.clone());
            async move { watch.run(stop).await }
        });
        tokio::time::timeout(LOOK_EVERY * 3, good.revoked().cancelled()).await.unwrap_err();
        backend.revoke("good");
        tokio::time::timeout(LOOK_EVERY + Duration::from_millis(1), good.revoked().cancelled()).await.unwrap();
        assert!(!other.revoked().is_cancelled(), "another token's streams stay open");
        stop.cancel();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn streams_are_counted_per_token_and_given_back() {
        let watch = TokenWatch::new(TestBackend::new(), 1);
        let (good, other) = (Arc::from("good"), Arc::from("other"));
        let first = watch.open(&good).unwrap();
        assert!(watch.open(&good).is_none());
        drop(watch.answer(&good));
        drop(watch.session(&good));
        let _second = watch.open(&other).unwrap();
        drop(first);
        let _session = watch.session(&good);
        assert!(watch.open(&good).is_some(), "a session is no stream");
    }
}
