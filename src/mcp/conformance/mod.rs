//! The fixtures that the conformance suite of the protocol asks for, served beside the product's own tools over the same routes, sessions
//! and checks, so that what the suite finds is true of the product. The suite (npm `@modelcontextprotocol/conformance`) calls tools,
//! prompts and resources by fixed names. None of this is in a program that was built without the feature `conformance`.

#![expect(deprecated, reason = "the suite tests what older revisions have, too")]

mod asking;
mod fixtures;
mod open_house;
mod rounds;
mod served;

pub use open_house::{OpenHouse, let_in};
pub use served::Served;
