//! How long a workspace is left alone after its reaction failed.

use std::time::Duration;

use crate::problem::Problem;

/// Unless the failure says when.
const PAUSE: Duration = Duration::from_secs(5);

/// The pause before it is tried again. What another process holds or a database that is gone comes back by itself, and runs are waiting;
/// anything else is looked into by somebody first.
pub(super) fn pause_after(problem: &Problem) -> Duration {
    problem.retry_after_ms.map_or(PAUSE, Duration::from_millis).min(PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::append::LogError;
    use crate::problem::Code;

    #[test]
    fn what_passes_by_itself_is_tried_again_when_it_says() {
        let held = Problem::from(LogError::Held);
        assert_eq!(pause_after(&held), Duration::from_secs(1));
        assert_eq!(pause_after(&Problem::from(LogError::Damaged(String::new()))), PAUSE);
        assert_eq!(pause_after(&Problem::new(Code::Unavailable, "later").retry_after_ms(60_000)), PAUSE);
    }
}
