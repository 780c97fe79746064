//! Following events over HTTP.
