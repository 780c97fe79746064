//! ChatbotX: a messaging workspace for AI assistants, on an event log.
//!
//! # Layout
//! - [`app`]: the one way to act and to read.
//! - [`http`]: the network door.
//! - [`mcp`]: the Model Context Protocol over every transport.
//! - [`operations`]: what can be done, one definition for every door.
//! - [`problem`]: the one error that leaves the program.
//! - [`settings`]: what an operator can set about the network door.

pub mod app;
pub mod clock;
pub mod event_log;
pub mod http;
pub mod mcp;
pub mod operations;
pub mod problem;
pub mod settings;
