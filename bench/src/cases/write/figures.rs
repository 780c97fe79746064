//! What the turns measured, and the medians of it.

use std::collections::BTreeMap;

use crate::latencies::Measured;
use crate::ours::Database;
use crate::rounds::median;

/// Everything that was measured.
#[derive(Default)]
pub struct Figures {
    turns: BTreeMap<Key, Vec<Measured>>,
    failures: BTreeMap<Key, String>,
    lags: BTreeMap<&'static str, f64>,
}

/// Which database, by its name, how many callers, which side. The limit has none, which is 0 here.
type Key = (&'static str, usize, &'static str);

impl Figures {
    /// Keeps what a turn measured.
    pub fn put(&mut self, database: Database, callers: usize, side: &'static str, measured: Measured) {
        self.turns.entry((database.name(), callers, side)).or_default().push(measured);
    }

    /// Keeps why a turn failed; the first reason stands.
    pub fn fail(&mut self, database: Database, callers: usize, side: &'static str, reason: String) {
        self.failures.entry((database.name(), callers, side)).or_insert(reason);
    }

    /// Keeps how far the read tables were behind, in milliseconds.
    pub fn lag(&mut self, database: Database, milliseconds: f64) {
        self.lags.insert(database.name(), milliseconds);
    }

    /// How far the read tables were behind at most, in milliseconds.
    pub fn longest_lag_ms(&self, database: Database) -> Option<f64> {
        self.lags.get(database.name()).copied()
    }

    /// The medians of a side's rounds, unless one of them failed.
    pub fn medians(&self, database: Database, callers: usize, side: &'static str) -> Option<Measured> {
        let key = (database.name(), callers, side);
        if self.failures.contains_key(&key) {
            return None;
        }
        let turns = self.turns.get(&key)?;
        let of = |figure: fn(&Measured) -> f64| median(&turns.iter().map(figure).collect::<Vec<_>>());
        Some(Measured {
            per_second: of(|turn| turn.per_second)?,
            p50_ms: of(|turn| turn.p50_ms)?,
            p99_ms: of(|turn| turn.p99_ms)?,
        })
    }

    /// Why a side failed with so many callers.
    pub fn failure(&self, database: Database, callers: usize, side: &'static str) -> Option<&str> {
        self.failures.get(&(database.name(), callers, side)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_that_failed_once_has_no_medians() {
        let measured = |per_second| Measured { per_second, p50_ms: 1.0, p99_ms: 2.0 };
        let mut figures = Figures::default();
        for per_second in [30.0, 10.0, 20.0] {
            figures.put(Database::Sqlite, 8, "side", measured(per_second));
        }
        assert_eq!(figures.medians(Database::Sqlite, 8, "side"), Some(measured(20.0)));
        assert_eq!(figures.medians(Database::Postgres, 8, "side"), None);
        figures.fail(Database::Sqlite, 8, "side", "busy".to_owned());
        assert_eq!(figures.medians(Database::Sqlite, 8, "side"), None);
        assert_eq!(figures.failure(Database::Sqlite, 8, "side"), Some("busy"));
    }
}
