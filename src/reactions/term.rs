//! Until when this process surely holds the leases under which it reacts. What reaches outside asks before it begins, and is given up when
//! the time is over: another process may have gone on by then.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The end of the leases, as it is moved on by each renewal.
#[derive(Debug)]
pub(super) struct Term(watch::Sender<Instant>);

impl Default for Term {
    /// Over already: nothing is held.
    fn default() -> Self {
        Self(watch::Sender::new(Instant::now()))
    }
}

impl Term {
    /// All leases were renewed, until then.
    pub(super) fn renewed(&self, until: Instant) {
        self.0.send_replace(until);
    }

    /// Comes when the time is over and was not moved on.
    pub(super) async fn is_over(&self) {
        let mut moved = self.0.subscribe();
        loop {
            let until = *moved.borrow_and_update();
            if until <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(until) => {}
                _ = moved.changed() => {}
            }
        }
    }

    /// Comes when at least so much time is left, at once or after a renewal.
    pub(super) async fn has_left(&self, least: Duration) {
        let enough = |until: &Instant| until.saturating_duration_since(Instant::now()) >= least;
        // It ends with the program at the latest: the sender is here.
        let mut moved = self.0.subscribe();
        let _left = moved.wait_for(enough).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_term_is_over_when_it_is_not_renewed_in_time() {
        let term = Term::default();
        term.is_over().await;
        let begin = Instant::now();
        term.renewed(begin + Duration::from_secs(6));
        let renewing = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            term.renewed(Instant::now() + Duration::from_secs(6));
        };
        tokio::join!(term.is_over(), renewing);
        assert_eq!(begin.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_more_time_than_is_left_waits_for_the_next_renewal() {
        let term = Term::default();
        let begin = Instant::now();
        term.renewed(begin + Duration::from_secs(1));
        let renewing = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            term.renewed(Instant::now() + Duration::from_secs(6));
        };
        tokio::join!(term.has_left(Duration::from_secs(2)), renewing);
        assert_eq!(begin.elapsed().as_millis(), 500);
    }
}
