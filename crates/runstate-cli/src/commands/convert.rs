//! `runstate convert`

use std::io::Write as _;
use std::path::PathBuf;

use runstate_monitor::scenario;

use crate::exit::Outcome;
use crate::ui::{self, CommandResult, Trouble, Ui};

/// Print scenarios in their one plain spelling, as text or as JSON
///
/// Reads either form. Text keeps comments and blank lines; JSON is one document a line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenarios; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What to print them as
    #[arg(long, value_enum, default_value_t = Form::Text)]
    to: Form,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    /// Lines, as people write them
    Text,
    /// JSON, one document a line
    Json,
}

/// Runs the command.
///
/// # Errors
///
/// A file cannot be read, or has no scenarios.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    for (index, path) in args.files.iter().enumerate() {
        let mut file = scenario::File::parse(&ui::name_of(path), &ui.read(path)?).map_err(Trouble::new)?;
        if args.files.len() > 1 {
            // Side by side each needs its name.
            let stem = file.title(&scenario::Scenario::default()).to_owned();
            for scenario in &mut file.scenarios {
                scenario.name.get_or_insert_with(|| stem.clone());
            }
        }
        match args.to {
            Form::Text => {
                if index > 0 {
                    writeln!(ui.out())?;
                }
                write!(ui.out(), "{file}")?;
            }
            Form::Json => write!(ui.out(), "{}", file.to_json_lines())?,
        }
    }
    Ok(Outcome::AsExpected)
}
