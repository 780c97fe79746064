//! Stories told through the public doors.

mod bad_input;
mod durability;
mod fixture;
mod surface;
mod tidy;
