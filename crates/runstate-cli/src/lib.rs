//! The `runstate` tool: sockets, files, the clock and the terminal around the crates that have none of them.
//!
//! - [`commands`]: one file per subcommand; the documentation of its `Args` is its help.
//! - [`conform`]: real QEMU, driven through scenarios and held against the model.
//! - [`exit`]: what exit statuses mean.
//! - [`input`]: what logs are read from, compressed or not.
//! - [`serve`]: the stand-in and everything that is served.
//! - [`ui`]: what commands read and print through.

pub mod commands;
pub mod conform;
pub mod exit;
pub mod input;
pub mod serve;
pub mod ui;

mod args;
mod names;
mod story;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::exit::Outcome;
use crate::ui::Ui;

/// Does what the command line says. The first argument is the name of the program.
///
/// A wrong command line is told on stderr and ends with status 2.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match args::Cli::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors, and are on stdout. Where nobody reads them there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() {
                Outcome::Trouble.into()
            } else {
                Outcome::AsExpected.into()
            };
        }
    };
    let mut ui = Ui::new();
    let result = args.command.run(&mut ui);
    ui.finish(result).into()
}
