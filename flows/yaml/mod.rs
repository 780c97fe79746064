//! Flows as YAML: what people write, in and out of the JSON that is stored.
//!
//! Read by the rules of YAML 1.2, where `yes` and `09:00` are texts. Whatever YAML can say beyond JSON is refused or made harmless: a
//! name twice in one object, names that are no texts, tags, several documents, aliases that unfold into more than a document may be.

mod compose;
mod scalar;
#[cfg(test)]
mod tests;
mod write;

pub use compose::read;
pub use write::write;

/// How many objects and arrays may be inside one another.
const MAX_DEPTH: usize = 64;
/// How many values a document may have, aliases unfolded.
const MAX_VALUES: usize = 50_000;
/// The longest text, in bytes: comments and indentation come on top of what is stored.
const MAX_BYTES: usize = 2 * aggregates::flow::MAX_DOCUMENT_BYTES;
