//! Stories told through the public doors.

mod surface;
mod tidy;
