//! What a round of calls measured: how many in a second, and how long one took.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One side in one round. Peers in other programs print it as a line of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Answered calls in a second.
    pub per_second: f64,
    /// The median time of a call, in milliseconds.
    pub p50_ms: f64,
    /// The time that 99 of 100 calls took at most, in milliseconds.
    pub p99_ms: f64,
}

impl Measured {
    /// Of the times of all calls that were answered in `took`.
    pub fn of(took: Duration, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let place = (times.len().saturating_sub(1) as f64 * share) as usize;
            times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
        };
        Self { per_second: times.len() as f64 / took.as_secs_f64(), p50_ms: at(0.5), p99_ms: at(0.99) }
    }
}
