//! ChatbotX: a messaging workspace for AI assistants, on an event log.
//!
//! # Layout
//! - [`app`]: the one way to act and to read.
//! - [`operations`]: what can be done, one definition for every door.
//! - [`problem`]: the one error that leaves the program.

pub mod app;
pub mod clock;
pub mod event_log;
pub mod operations;
pub mod problem;
