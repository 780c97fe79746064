//! What a flow document means: its form, its rules, and what each of its steps does.
//!
//! Pure, like `aggregates`: no I/O, no clock, no chance. Whoever carries a flow out (a run in the log, or a simulation) shows a step
//! the [`turn::Scene`] as it is, gets a [`turn::Turn`] back, and makes it happen.
//!
//! # The way of a document
//!
//! [`yaml`] or JSON → [`document::Document::parse`] (is the form right?) → [`references`] (what does it name?) → the host looks that up
//! and fills a [`catalog::Catalog`] → [`validation::validate`] (does it make sense here?) → [`document::Document::enter`] and
//! [`document::Document::resume`], turn by turn.
//!
//! # How to add a kind of step
//!
//! One file in `steps/` and its lines in `steps/mod.rs`: the `mod` line and the one in the list of kinds. The file holds a type whose serde
//! and schemars attributes are the form and whose doc comments are what a model reads, and its [`steps::Act`]: what the step names, and what it
//! does. The schema, the check of the form, references, validation and the turns follow from that.

mod answers;
pub mod catalog;
pub mod document;
pub mod finding;
mod form;
pub mod happening;
mod keywords;
pub mod mentions;
mod parts;
pub mod policy;
pub mod references;
pub mod schema;
pub mod start;
pub mod steps;
pub mod template;
pub mod terms;
pub mod times;
pub mod turn;
pub mod validation;
pub mod words;
pub mod yaml;
