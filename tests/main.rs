//! Stories told through the public doors.
#![expect(clippy::expect_used, reason = "a story stops where the ground it stands on is missing")]

mod bad_input;
mod consent;
mod contacts;
mod conversations;
mod durability;
mod filters;
mod fixture;
mod following;
mod messages;
mod surface;
mod tidy;
