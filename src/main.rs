//! The `chatbotx` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    chatbotx::cli::run()
}
