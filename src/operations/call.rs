//! One call of a reading operation: who asks, and the read tables as fresh as they must be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use projections::Cursor;

use crate::app::{App, Caller, ReadContext};
use crate::problem::Problem;

/// What a query may use.
pub struct Call {
    /// The program, for the parts of a query that read the log.
    pub app: Arc<App>,
    /// Who asks.
    pub caller: Caller,
    min_position: Option<u64>,
    stale: AtomicBool,
    position: AtomicU64,
}

impl Call {
    pub(super) fn new(app: Arc<App>, caller: Caller, min_position: Option<u64>) -> Self {
        Self { app, caller, min_position, stale: AtomicBool::new(false), position: AtomicU64::new(0) }
    }

    /// Read tables that have reached the head of the log as of now. They hold a read transaction open: let go of them before waiting.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub async fn read(&self) -> Result<ReadContext, Problem> {
        self.read_from(None).await
    }

    /// The same for a page that goes on from `cursor`: not older than the list's first page.
    ///
    /// # Errors
    /// `unavailable` when the tables cannot be read.
    pub async fn read_from(&self, cursor: Option<&Cursor>) -> Result<ReadContext, Problem> {
        let min_position = self.min_position.max(cursor.map(Cursor::position));
        let context = self.app.read(self.caller.workspace, min_position).await?;
        self.stale.store(context.stale, Ordering::Relaxed);
        self.position.store(context.position, Ordering::Relaxed);
        Ok(context)
    }

    /// The position of the tables last read, when they lagged behind.
    pub(super) fn stale_position(&self) -> Option<u64> {
        self.stale.load(Ordering::Relaxed).then(|| self.position.load(Ordering::Relaxed))
    }
}
