//! The `chatbotx` binary.

use std::process::ExitCode;

/// A call makes some hundred small values, on one thread, and drops some of them on another: the system's allocator makes the threads wait
/// for each other there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chatbotx::cli::run()
}
