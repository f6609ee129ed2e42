//! A stand-in for QEMU's system emulator, started with QEMU's own command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    runstate_cli::serve::stand_in::main(std::env::args().collect())
}
