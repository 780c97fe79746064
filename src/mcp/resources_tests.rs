//! Resources over every transport.
