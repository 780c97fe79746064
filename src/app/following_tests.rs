//! Following the log.
