//! After the fact: what follows from events by itself. A reaction follows the log of every workspace from a checkpoint of its own, which
//! is as durable as the log, and acts only by appending. Replaying a log or building read tables anew touches none of it.
//!
//! Everything that a reaction does may be done again: after a kill it sees the events behind its checkpoint once more. What it appends
//! is therefore decided from the state that the log is in, under ids that follow from the event that caused it.

mod flow_runs;
mod follower;
mod pause;
pub mod starting;
mod term;

pub(crate) use flow_runs::{Place, Surroundings, attribute_change, field_change, variable_after};
pub use follower::Reactions;
