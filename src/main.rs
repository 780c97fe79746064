//! The `chatbotx` binary.

fn main() {}
