//! ChatbotX: a messaging workspace for AI assistants, on an event log.
//!
//! # Layout
//! - [`app`]: the one way to act and to read.
//! - [`cli`]: the command line.
//! - [`local`]: the data folder, who holds it, and how the others reach the holder.
//! - [`operations`]: what can be done, one definition for every door.
//! - [`problem`]: the one error that leaves the program.

pub mod app;
pub mod cli;
pub mod clock;
pub mod event_log;
pub mod local;
pub mod operations;
pub mod problem;
