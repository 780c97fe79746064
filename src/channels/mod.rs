//! The channels through which customers write: one module each, with what it takes in, what it sends, and its limits.

pub mod webchat;
