//! `runstate generate`

use std::io::Write as _;

use runstate::Release;
use runstate_monitor::scenario::random::{Acting, Profile, Wish, generate};

use crate::exit::Outcome;
use crate::ui::{CommandResult, Ui};

/// Print random scenarios, the same from the same seed
///
/// What happens in them can happen, and a real QEMU can be driven through it (`runstate conform`). They expect nothing: `runstate
/// run` prints what QEMU would say.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the random numbers begin
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// How many steps; fewer where QEMU ends before
    #[arg(long, value_name = "N", default_value_t = 12)]
    steps: usize,
    /// How many scenarios, each from the next seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// What they are about
    #[arg(long, value_enum, default_value_t = About::Everything)]
    profile: About,
    /// The release
    #[arg(long, value_name = "RELEASE", default_value_t, value_parser = parse_release)]
    release: Release,
    /// How the guest acts [default: as it comes]
    #[arg(long, value_enum)]
    inject: Option<Inject>,
}

/// What random scenarios are about.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum About {
    /// A bit of everything
    Everything,
    /// The guest's actions, commands and policies
    Actions,
    /// Several actions that meet one pass of the main loop
    Groups,
    /// Migration, out and in
    Migration,
    /// Snapshots
    Snapshots,
}

impl From<About> for Profile {
    fn from(about: About) -> Self {
        match about {
            About::Everything => Self::Everything,
            About::Actions => Self::Actions,
            About::Groups => Self::Groups,
            About::Migration => Self::Migration,
            About::Snapshots => Self::Snapshots,
        }
    }
}

/// How the guest acts.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Inject {
    /// Through the qtest socket, on QEMU's main-loop thread
    Qtest,
    /// By a vCPU
    Vcpu,
}

impl From<Inject> for Acting {
    fn from(inject: Inject) -> Self {
        match inject {
            Inject::Qtest => Self::MainLoop,
            Inject::Vcpu => Self::Vcpu,
        }
    }
}

/// A release by its name, for the command line.
pub(crate) fn parse_release(name: &str) -> Result<Release, String> {
    Release::from_name(name).ok_or_else(|| {
        let (first, last) = (Release::FIRST, Release::LAST);
        format!("there is no release {name}; there are {first} to {last}")
    })
}

/// Runs the command.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    for index in 0..args.count {
        let scenario = generate(Wish {
            seed: args.seed.wrapping_add(index),
            steps: args.steps,
            profile: args.profile.into(),
            release: args.release,
            acting: args.inject.map(Acting::from),
        });
        let between = if index > 0 { "\n" } else { "" };
        write!(ui.out(), "{between}{scenario}")?;
    }
    Ok(Outcome::AsExpected)
}
