//! Conditions on contacts: one language for lists, flows and triggers, and what it means.

mod facts;

pub use facts::{ConversationFacts, Facts, NamedTag};
