//! Stories told through the public doors.
#![expect(clippy::expect_used, reason = "a story stops where the ground it stands on is missing")]

mod asked_server;
mod bad_input;
mod consent;
mod contacts;
mod conversations;
mod database;
mod demo;
mod doctor;
mod durability;
mod filters;
mod fixture;
mod flow_kills;
mod flow_request_kills;
mod flow_requests;
mod flow_runs;
mod flow_starts;
mod flow_trials;
mod flows;
mod following;
mod messages;
mod migrating;
mod named_nouns;
mod replay;
mod surface;
mod tidy;
mod tokens;
mod tools;
