//! Stories told through the public doors.

mod tidy;
