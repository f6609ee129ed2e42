//! The command line.

use clap::Parser;
use runstate::Release;

use crate::commands::Command;

/// QEMU's VM run-state machine: what QEMU does, without QEMU
///
/// Output is on stdout, in QEMU's own spelling where it is QEMU's; what went wrong is on stderr. A file named `-` is
/// standard input.
///
/// Exit status: 0 when all is as expected, 1 when something differs, 2 when the command line is wrong or a file cannot
/// be read.
#[derive(Debug, Parser)]
#[command(
    name = "runstate",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Parses the name of a release.
pub(crate) fn release(name: &str) -> Result<Release, String> {
    Release::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Release::ALL.iter().map(|release| release.name()).collect();
        format!("the releases are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_has_help() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                let (command, argument, help) = (command.get_name(), argument.get_id(), argument.get_help());
                assert!(help.is_some(), "{command} {argument}");
            }
        }
    }
}
