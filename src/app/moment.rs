//! A moment of a workspace's log, said as a position or as a time.

use aggregates::ids::WorkspaceId;
use serde::{Deserialize, Serialize};

use super::App;
use crate::event_log::store::EventRange;
use crate::problem::Problem;

/// Up to where a log is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// After the event at this position.
    Position(u64),
    /// After the last event that was recorded then or before, in microseconds since the epoch.
    Time(i64),
}

impl App {
    /// The position of the last event that counts at a moment; 0 when that is before the first one. Nothing = as of now.
    ///
    /// # Errors
    /// `invalid_input` for a position that does not exist yet; `unavailable` when the log cannot be read.
    pub async fn position_at(&self, workspace: WorkspaceId, moment: Option<Moment>) -> Result<u64, Problem> {
        let head = self.log.head(workspace).await?;
        match moment {
            None => Ok(head),
            Some(Moment::Position(position)) if position <= head => Ok(position),
            Some(Moment::Position(position)) => Err(Problem::invalid("until", "is a position that does not exist yet")
                .value(position)
                .hint(format!("the last position is {head}"))),
            Some(Moment::Time(time)) => self.last_recorded_by(workspace, head, time).await,
        }
    }

    /// Events are never earlier than the one before them: the last one is found by halving.
    async fn last_recorded_by(&self, workspace: WorkspaceId, head: u64, time: i64) -> Result<u64, Problem> {
        let (mut before, mut after) = (0, head + 1);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            let range = EventRange::After(middle - 1);
            let found = self.log.store().events(workspace, range, 1).await?;
            let in_time = found.first().is_some_and(|event| event.placed.recorded_at <= time);
            *(if in_time { &mut before } else { &mut after }) = middle;
        }
        Ok(before)
    }
}
