//! How often something happened lately, per key: a window of fixed length for all keys together, so that forgetting is one `clear`.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The length of every window.
pub const WINDOW: Duration = Duration::from_secs(10);
/// More keys than this in one window share one counter, which bounds the memory under an attack from many addresses.
const KEYS_MAX: usize = 100_000;

/// Counts events per key in windows of [`WINDOW`].
#[derive(Debug)]
pub struct RateWindow<K> {
    /// Events of one key in a window; 0 = no limit.
    limit: u32,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    began: Instant,
    counts: HashMap<K, u32>,
    others: u32,
}

impl<K: Hash + Eq> RateWindow<K> {
    /// Allows `limit` events of one key in a window; 0 allows any number.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        let state = State { began: Instant::now(), counts: HashMap::new(), others: 0 };
        Self { limit, state: Mutex::new(state) }
    }

    /// Counts an event.
    ///
    /// # Errors
    /// The time until the window ends, when the limit was reached before this event.
    pub fn count(&self, key: K) -> Result<(), Duration> {
        self.check(key, true)
    }

    /// Looks whether one more event would be allowed, without counting it.
    ///
    /// # Errors
    /// The time until the window ends, when the limit is reached.
    pub fn peek(&self, key: K) -> Result<(), Duration> {
        self.check(key, false)
    }

    fn check(&self, key: K, count: bool) -> Result<(), Duration> {
        if self.limit == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(state.began) >= WINDOW {
            state.began = now;
            state.counts.clear();
            state.others = 0;
        }
        let left = WINDOW.saturating_sub(now.duration_since(state.began));
        let crowded = state.counts.len() >= KEYS_MAX && !state.counts.contains_key(&key);
        if !count {
            let seen = if crowded { state.others } else { state.counts.get(&key).copied().unwrap_or(0) };
            return if seen >= self.limit { Err(left) } else { Ok(()) };
        }
        let seen = if crowded { &mut state.others } else { state.counts.entry(key).or_insert(0) };
        if *seen >= self.limit {
            return Err(left);
        }
        *seen += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_event_after_the_limit_is_refused_until_the_window_ends() {
        let window = RateWindow::new(2);
        assert_eq!(window.count("a"), Ok(()));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(window.count("a"), Ok(()));
        assert_eq!(window.count("a"), Err(Duration::from_secs(6)));
        assert_eq!(window.count("b"), Ok(()), "another key has a count of its own");
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(window.count("a"), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn looking_does_not_count() {
        let window = RateWindow::new(1);
        assert_eq!(window.peek("a"), Ok(()));
        assert_eq!(window.peek("a"), Ok(()));
        assert_eq!(window.count("a"), Ok(()));
        assert_eq!(window.peek("a"), Err(WINDOW));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_of_zero_is_no_limit() {
        let window = RateWindow::new(0);
        for _ in 0..10_000 {
            assert_eq!(window.count("a"), Ok(()));
        }
    }
}
