//! Events for the tests.
