//! Every operation of the product, one file per noun. The list in `registry.rs` is what the doors serve.
//!
//! To add an operation: in its noun's file, a type for the input whose doc comments are what a model reads, an `impl` of
//! [`Query`] or [`Mutation`], and a line in `registry.rs`; then `UPDATE_SURFACE=1 cargo test surface` writes its snapshot.

mod answer;
mod arguments;
mod bot_fields;
mod call;
mod channels;
mod contact_fields;
mod contact_notes;
mod contact_reference;
mod contact_tags;
pub(crate) mod contacts;
mod conversation_state;
mod conversation_view;
mod conversations;
mod custom_fields;
mod definition;
pub mod event_filter;
pub mod event_view;
mod events;
mod exported_event;
pub(crate) mod field_values;
mod filters;
mod flow_runs;
mod flows;
mod inputs;
pub mod listed_schema;
pub(crate) mod may_send;
mod message_search;
mod message_view;
mod messages;
mod near_miss;
pub mod operation;
pub mod registry;
mod rights;
mod route;
mod schema;
mod schema_check;
mod send_message;
#[cfg(test)]
mod surface_tests;
pub(crate) mod tags;
mod tool_call;
mod tool_search;
pub(crate) mod unique_noun;
mod untrusted;
mod workspace;

pub use call::Call;
pub use exported_event::exported;
pub use operation::{Annotations, CallOptions, Effect, Facts, Mutation, Operation, Query, Toolset};
pub use registry::{Registry, Selection, all};
