//! The subcommands, one file each.

pub mod check;
pub mod conform;
pub mod convert;
pub mod diff;
pub mod explain;
pub mod explore;
pub mod generate;
pub mod graph;
pub mod oracle;
pub mod path;
pub mod profile;
mod progress;
pub mod run;
pub mod serve;

use crate::ui::{CommandResult, Ui};

/// Declares the subcommands: the name, and the module with its `Args` and its `run`.
macro_rules! commands {
    ($($Name:ident => $module:ident,)+) => {
        /// What to do.
        #[derive(Debug, clap::Subcommand)]
        #[expect(missing_docs, reason = "the documentation is that of the Args")]
        pub enum Command {
            $($Name($module::Args),)+
        }

        impl Command {
            /// Does it.
            ///
            /// # Errors
            ///
            /// Whatever keeps it from going on.
            pub fn run(self, ui: &mut Ui) -> CommandResult {
                match self {
                    $(Self::$Name(args) => $module::run(&args, ui),)+
                }
            }
        }
    };
}

// In the order of the help.
commands! {
    Run => run,
    Conform => conform,
    Convert => convert,
    Generate => generate,
    Serve => serve,
    Profile => profile,
    Check => check,
    Explain => explain,
    Explore => explore,
    Path => path,
    Diff => diff,
    Graph => graph,
    Oracle => oracle,
}
