//! The network door: one listener for MCP, health and what else is mounted, with the same checks in front of everything.

mod credentials;
pub(crate) mod events;
#[cfg(test)]
mod events_tests;
mod front;
pub(crate) mod gate;
mod health;
pub(crate) mod metrics;
mod origin;
mod peer;
mod rate_window;
pub(crate) mod refusal;
mod serve;
#[cfg(test)]
pub(crate) mod test_doors;
pub(crate) mod token_watch;
pub mod webchat;
mod write_deadline;

pub use gate::{Gate, Identified};
pub use health::{Phase, Readiness};
pub use metrics::EVENTS_APPENDED;
pub use peer::{ClientAddress, Peer};
pub use rate_window::{RateWindow, WINDOW};
pub use serve::{Server, serve};
