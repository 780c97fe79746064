//! Every operation of the product, one file per noun. The list in `registry.rs` is what the doors serve.

pub mod operation;
mod rights;

pub use operation::{CallOptions, Effect, Facts, Mutation, Operation, Query, Toolset};
