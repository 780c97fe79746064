//! The command line.

/// Placeholder.
#[derive(Debug, Clone)]
pub struct HttpOptions;
