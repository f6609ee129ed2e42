//! The `runstate` tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    runstate_cli::main(std::env::args_os())
}
