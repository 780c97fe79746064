//! What the writes were to reach, and whether they did.

use super::figures::Figures;
use super::sides::{LIMIT, OURS, PLAIN, POSTGRES_ES, UMADB};
use super::{CALLERS, NO_CALLERS};
use crate::latencies::Measured;
use crate::ours::Database::{self, Postgres, Sqlite};
use crate::report::Target;

/// Disks whose flush takes longer have targets of their own, in milliseconds.
const FAST_FLUSH_MS: f64 = 0.5;
/// The most that the read tables may be behind at the end of a turn, in milliseconds.
const MOST_LAG_MS: f64 = 1_000.0;

/// All of them, for a machine whose flush takes so long.
pub fn all(figures: &Figures, flush_ms: f64) -> Vec<Target> {
    let seen = Seen { figures, fast: flush_ms <= FAST_FLUSH_MS };
    let mut targets = vec![
        seen.times(Postgres, 64, (POSTGRES_ES, 64), 6.0),
        seen.times(Postgres, 64, (PLAIN, 64), 2.0),
        seen.share_of_limit(Postgres, 35.0),
        seen.tail(flush_ms),
        seen.best_of_postgres_es(8.0),
        seen.times(Sqlite, 64, (PLAIN, 64), 4.0),
        seen.share_of_limit(Sqlite, 25.0),
        seen.times(Sqlite, 64, (UMADB, 64), 1.0),
        seen.lone_caller(Postgres, 1.8),
        seen.lone_caller(Sqlite, 1.8),
    ];
    for database in [Postgres, Sqlite] {
        targets.push(seen.on_slow_disks(database, 64, 1.0));
        targets.push(seen.on_slow_disks(database, 512, 2.0));
    }
    targets.extend([Postgres, Sqlite].map(|database| seen.lag(database)));
    targets
}

struct Seen<'f> {
    figures: &'f Figures,
    fast: bool,
}

impl Seen<'_> {
    fn ours(&self, database: Database, callers: usize) -> Option<Measured> {
        self.figures.medians(database, callers, OURS)
    }

    fn rates(&self, database: Database, callers: usize, (side, its_callers): (&'static str, usize)) -> Option<f64> {
        let theirs = self.figures.medians(database, its_callers, side)?;
        Some(self.ours(database, callers)?.per_second / theirs.per_second)
    }

    fn times(&self, database: Database, callers: usize, peer: (&'static str, usize), wanted: f64) -> Target {
        let what = format!("{}, {callers} callers: at least {wanted}x {}", database.name(), peer.0);
        target(what, self.rates(database, callers, peer), self.fast, |ratio| (format!("{ratio:.2}x"), ratio >= wanted))
    }

    fn on_slow_disks(&self, database: Database, callers: usize, wanted: f64) -> Target {
        let what = format!(
            "{}, {callers} callers, a flush of more than {FAST_FLUSH_MS} ms: at least {wanted}x {PLAIN}",
            database.name()
        );
        let ratio = self.rates(database, callers, (PLAIN, callers));
        target(what, ratio, !self.fast, |ratio| (format!("{ratio:.2}x"), ratio >= wanted))
    }

    fn share_of_limit(&self, database: Database, wanted: f64) -> Target {
        let what = format!("{}, 64 callers: at least {wanted} % of the limit", database.name());
        let share = self.rates(database, 64, (LIMIT, NO_CALLERS)).map(|ratio| ratio * 100.0);
        target(what, share, self.fast, |share| (format!("{share:.0} %"), share >= wanted))
    }

    fn tail(&self, flush_ms: f64) -> Target {
        let most = (3.0 * flush_ms).max(8.0);
        let p99 = self.ours(Postgres, 64).map(|measured| measured.p99_ms);
        let what = format!("{}, 64 callers: p99 at most {most:.1} ms", Postgres.name());
        target(what, p99, self.fast, |p99| (format!("{p99:.1} ms"), p99 <= most))
    }

    fn best_of_postgres_es(&self, wanted: f64) -> Target {
        let rate = |callers| Some(self.figures.medians(Postgres, callers, POSTGRES_ES)?.per_second);
        let best = CALLERS.into_iter().filter_map(rate).max_by(f64::total_cmp);
        let ratio = self.ours(Postgres, 512).zip(best).map(|(ours, best)| ours.per_second / best);
        let what = format!(
            "{}, 512 callers: at least {wanted}x {POSTGRES_ES} with its best number of callers",
            Postgres.name()
        );
        target(what, ratio, self.fast, |ratio| (format!("{ratio:.2}x"), ratio >= wanted))
    }

    fn lone_caller(&self, database: Database, most: f64) -> Target {
        let plain = self.figures.medians(database, 1, PLAIN);
        let ratio = self.ours(database, 1).zip(plain).map(|(ours, plain)| ours.p50_ms / plain.p50_ms);
        let what = format!("{}, 1 caller: p50 at most {most}x that of the {PLAIN}", database.name());
        target(what, ratio, self.fast, |ratio| (format!("{ratio:.2}x"), ratio <= most))
    }

    fn lag(&self, database: Database) -> Target {
        let what =
            format!("{}: read tables at most {MOST_LAG_MS:.0} ms behind at the end of any turn", database.name());
        let lag = self.figures.longest_lag_ms(database);
        target(what, lag, true, |lag| (format!("{lag:.0} ms"), lag <= MOST_LAG_MS))
    }
}

/// What could not be measured was not reached.
fn target(what: String, figure: Option<f64>, applies: bool, judge: impl Fn(f64) -> (String, bool)) -> Target {
    let (measured, reached) = figure.map_or_else(|| ("nothing".to_owned(), false), judge);
    Target { what, measured, reached: applies.then_some(reached) }
}
