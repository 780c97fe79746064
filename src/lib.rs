//! ChatbotX: a messaging workspace for AI assistants, on an event log.
//!
//! # Layout
//! - [`event_log`]: the log, and what is as durable as the log.
//! - [`fetch`]: the one way to addresses that somebody else chose.
//! - [`app`]: the one way to act and to read.
//! - [`operations`]: what can be done, one definition for every door.
//! - [`reactions`]: what follows from events by itself, such as runs of flows.
//! - [`mcp`], [`http`], [`cli`]: the doors. [`settings`] is what an operator can set about them.
//! - [`local`]: the data folder, who holds it, and how the others reach the holder.
//! - [`channels`]: through which customers write.
//! - [`problem`]: the one error that leaves the program. [`clock`]: the time of day, as something that a test can turn.

pub mod app;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod event_log;
pub mod fetch;
pub mod http;
pub mod local;
pub mod mcp;
pub mod operations;
pub mod problem;
pub mod reactions;
pub mod settings;
