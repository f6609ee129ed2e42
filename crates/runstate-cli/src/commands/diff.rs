//! `runstate diff`

use std::io::Write as _;

use runstate::Release;
use runstate_oracle::diff::{Diff, Limits, json, text};

use crate::exit::Outcome;
use crate::names;
use crate::ui::{CommandResult, Trouble, Ui};

/// Say what differs between two releases: transitions, events, data, replies, ends
///
/// Both are run over the same inputs: everything that can happen, in every state, under every combination of actions, and
/// in lockstep from their launches. Status 0: nothing differs; 1: something does.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One release, as `8.2` or `7.2.0`
    #[arg(value_parser = names::release)]
    from: Release,
    /// The other
    #[arg(value_parser = names::release)]
    to: Release,
    /// How many inputs a sequence has at most
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=6))]
    depth: u8,
    /// As what
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
    /// Every row, however many
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    /// For people
    Text,
    /// One object
    Json,
}

/// Runs the command.
///
/// # Errors
///
/// It cannot be printed.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    let limits = Limits {
        depth: usize::from(args.depth),
    };
    let diff = Diff::of(args.from, args.to, limits);
    match args.output {
        Form::Json => {
            let line = json::line(&diff).map_err(Trouble::new)?;
            writeln!(ui.out(), "{line}")?;
        }
        Form::Text => {
            let layout = text::Layout {
                width: names::width(),
                rows: if args.verbose {
                    usize::MAX
                } else {
                    text::Layout::default().rows
                },
            };
            write!(ui.out(), "{}", text::text(&diff, layout))?;
        }
    }
    Ok(if diff.is_empty() {
        Outcome::AsExpected
    } else {
        Outcome::Differs
    })
}
