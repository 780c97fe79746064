//! What a flow document means: its form, its rules, and what each of its steps does.
//!
//! Pure, like `aggregates`: no I/O, no clock, no chance. Whoever carries a flow out (a run in the log, or a simulation) shows a step
//! the [`turn::Scene`] as it is, gets a [`turn::Turn`] back, and makes it happen.

pub mod happening;
pub mod template;
pub mod times;
pub mod turn;
pub mod words;
