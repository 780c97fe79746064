//! The Model Context Protocol: one handler behind every transport. A transport establishes who calls ([`Access`]); the handler turns a
//! tool call into an operation and back.
//!
//! - [`serve_pipe`]: newline-separated JSON over any byte stream (standard input and output, a Unix socket).
//! - [`routes()`]: Streamable HTTP at `/mcp`, legacy HTTP+SSE at `/mcp/sse`.

mod access;
#[cfg(test)]
mod app_tests;
mod backend;
#[cfg(test)]
mod budget_tests;
mod calls;
#[cfg(test)]
mod calls_tests;
mod completions;
#[cfg(feature = "conformance")]
pub mod conformance;
mod handler;
mod legacy_sse;
mod listening;
mod not_a_message;
mod pipe;
mod progress;
mod prompts;
mod resource_requests;
mod resources;
#[cfg(test)]
mod resources_tests;
mod routes;
mod sessions;
#[cfg(test)]
mod sessions_tests;
mod streamable;
mod subscriptions;
#[cfg(test)]
pub(crate) mod test_backend;
mod tools;

pub use access::{Access, Owner};
pub use backend::Backend;
pub use calls::Calls;
pub use handler::Handler;
pub use pipe::serve_pipe;
pub use resource_requests::Session;
pub use routes::{Door, routes};
pub use tools::describe;
