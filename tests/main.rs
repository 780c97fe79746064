//! Stories told through the public doors.
