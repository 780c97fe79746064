//! What may happen in a workspace: one file per noun with its Command, Event, Error, state, `decide`, `claims` and tests.
//!
//! Nothing here does I/O, knows the clock, or draws lots: time, ids and look-ups come in as values of a command.

pub mod bot_field;
pub mod channel_account;
pub mod claim;
pub mod consent;
pub mod contact;
pub mod contact_address;
pub mod contact_attributes;
mod contact_decisions;
mod contact_identity;
pub mod conversation;
pub mod custom_field;
pub mod event;
pub mod field_value;
pub mod filter;
pub mod flow;
pub mod flow_document;
pub mod flow_run;
mod flow_run_decisions;
pub mod flow_run_parts;
pub mod flow_run_request;
pub mod folding;
mod glue;
pub mod ids;
pub mod message;
pub mod metadata;
pub mod near_miss;
pub mod personal;
pub mod root;
pub mod stream;
pub mod tag;
pub mod token;
pub mod unique_name;
pub mod workspace;

pub use event::{DecodeError, Event, Recorded};
pub use personal::Personal;
pub use root::Root;

#[cfg(test)]
mod checks;
