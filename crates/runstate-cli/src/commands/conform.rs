//! `runstate conform`

use core::time::Duration;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use runstate::Release;
use runstate_monitor::scenario::random::{Acting, Wish, generate};
use runstate_monitor::scenario::{File, ReleaseRange, Scenario};

use super::generate::{About, Inject, parse_release};

use crate::conform::bench::Bench;
use crate::conform::failure::Failure;
use crate::conform::fleet::in_order;
use crate::conform::ports;
use crate::conform::script::Injection;
use crate::conform::shrink::shrink;
use crate::conform::tally::Tally;
use crate::conform::trial::{Conditions, Verdict, attempt, record};
use crate::conform::wire::{heed_signals, interrupted, set_patience};
use crate::exit::Outcome;
use crate::ui::{self, CommandResult, Trouble, Ui};

/// Run scenarios through a real QEMU and through the model, and show where they differ
///
/// Each scenario is driven through QEMU: by QMP, by the qtest socket or by a small guest, by signals, a debugger, files.
/// What QEMU says is compared with what the model says, message by message; what the scenario expects does not matter.
/// What no device of QEMU's PC does is left out, and counted with its reason.
///
/// A random scenario that differs is made as short as it can be and written to a file, with what QEMU says.
///
/// Exit status: 0 when they agree, 1 when they differ, 2 when QEMU cannot be run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenarios, or folders of them; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present = "random")]
    files: Vec<PathBuf>,
    /// The QEMU
    #[arg(long, value_name = "PATH", default_value = "qemu-system-x86_64")]
    qemu: PathBuf,
    /// How the guest acts [default: as the scenario says; `-accel qtest` says qtest]
    #[arg(long, value_enum)]
    inject: Option<Inject>,
    /// How the guest resets [default: in each of these ways in turn]
    #[arg(long, value_enum, value_name = "WAY")]
    reset_by: Option<ResetBy>,
    /// The release of the model [default: that of QEMU's greeting]
    #[arg(long, value_name = "RELEASE", value_parser = parse_release)]
    release: Option<Release>,
    /// Write what QEMU says, as scenarios, instead of comparing
    #[arg(long)]
    record: bool,
    /// Run so many random scenarios as well
    #[arg(long, value_name = "N", conflicts_with = "record")]
    random: Option<u64>,
    /// Where the random scenarios begin: the first has this seed, each other one the next
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// How many steps a random scenario has
    #[arg(long, value_name = "N", default_value_t = 12)]
    steps: usize,
    /// What random scenarios are about
    #[arg(long, value_enum, default_value_t = About::Everything)]
    profile: About,
    /// Where the shortest scenario of each random one that differs is written
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    keep: PathBuf,
    /// How many seconds QEMU may take for anything at all before it counts as hung
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
    /// How many QEMUs run at a time [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

impl From<Inject> for Injection {
    fn from(inject: Inject) -> Self {
        match inject {
            Inject::Qtest => Self::Qtest,
            Inject::Vcpu => Self::Vcpu,
        }
    }
}

/// How the guest resets its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ResetBy {
    /// Reset control register, port 0xcf9
    Cf9,
    /// Keyboard controller, 0xfe to port 0x64
    I8042,
    /// System control port A, port 0x92
    Port92,
    /// Triple fault, which needs a vCPU
    TripleFault,
}

impl From<ResetBy> for ports::ResetBy {
    fn from(way: ResetBy) -> Self {
        match way {
            ResetBy::Cf9 => Self::Cf9,
            ResetBy::I8042 => Self::I8042,
            ResetBy::Port92 => Self::Port92,
            ResetBy::TripleFault => Self::TripleFault,
        }
    }
}

/// A scenario and where it comes from.
struct Case {
    title: String,
    scenario: Scenario,
    random: bool,
}

/// Runs the command.
///
/// # Errors
///
/// A file cannot be read, or QEMU cannot be run.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    let mut cases = cases(&args.files, ui)?;
    if args.random.is_some() && !args.keep.is_dir() {
        let folder = args.keep.display();
        return Err(Trouble::new(format_args!("there is no folder {folder}"))
            .hint("`--keep` names the folder for the scenarios that differ"));
    }
    set_patience(Duration::from_secs(args.patience));
    heed_signals().map_err(|error| Trouble::new(format_args!("cannot handle signals: {error}")))?;
    let bench = Bench::new(&args.qemu).map_err(Trouble::new)?;
    let version = bench.version().map_err(Trouble::new)?;
    let conditions = Conditions {
        release: match args.release {
            Some(release) => release,
            None => release_of(version)?,
        },
        injection: args.inject.map(Injection::from),
        reset_by: args.reset_by.map(ports::ResetBy::from),
    };
    cases.extend(random_cases(args, conditions.release));
    let jobs = args.jobs.unwrap_or_else(processors);
    if args.record {
        write_records(&bench, &cases, conditions, jobs, ui)
    } else {
        let check = Check {
            bench: &bench,
            conditions,
            version,
            keep: &args.keep,
        };
        check.run(&cases, jobs, ui)
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn release_of((major, minor, micro): (u64, u64, u64)) -> Result<Release, Trouble> {
    Release::from_version(major, minor, micro).ok_or_else(|| {
        let (first, last) = (Release::FIRST, Release::LAST);
        Trouble::new(format_args!(
            "QEMU says that it is {major}.{minor}.{micro}, of which there is no model"
        ))
        .hint(format_args!(
            "`--release` chooses a model, from {first} to {last}"
        ))
    })
}

/// The scenarios of the files, and of the `.qmp` files in folders, by name.
fn cases(paths: &[PathBuf], ui: &mut Ui) -> Result<Vec<Case>, Trouble> {
    let mut cases = Vec::new();
    for path in paths {
        for path in files_in(path)? {
            let name = ui::name_of(&path);
            let file = File::parse(&name, &ui.read(&path)?).map_err(Trouble::new)?;
            for scenario in &file.scenarios {
                cases.push(Case {
                    title: format!("{name}: {}", file.title(scenario)),
                    scenario: scenario.clone(),
                    random: false,
                });
            }
        }
    }
    Ok(cases)
}

fn files_in(path: &Path) -> Result<Vec<PathBuf>, Trouble> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let cannot = |error: std::io::Error| Trouble::file("read", path, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let inner = entry.map_err(cannot)?.path();
        if inner.is_dir() {
            found.extend(files_in(&inner)?);
        } else if inner.extension().is_some_and(|ending| ending == "qmp") {
            found.push(inner);
        }
    }
    found.sort();
    Ok(found)
}

fn random_cases(args: &Args, release: Release) -> Vec<Case> {
    let seeds = 0..args.random.unwrap_or(0);
    let case = |index| {
        let scenario = generate(Wish {
            seed: args.seed.wrapping_add(index),
            steps: args.steps,
            profile: args.profile.into(),
            release,
            acting: args.inject.map(Acting::from),
        });
        Case {
            title: scenario.name.clone().unwrap_or_default(),
            scenario,
            random: true,
        }
    };
    seeds.map(case).collect()
}

/// A comparison of many scenarios.
struct Check<'a> {
    bench: &'a Bench,
    conditions: Conditions,
    version: (u64, u64, u64),
    keep: &'a Path,
}

impl Check<'_> {
    fn run(&self, cases: &[Case], jobs: usize, ui: &mut Ui) -> CommandResult {
        let mut tally = Tally::default();
        let run = |case: &Case| self.attempt(case);
        let mut told = Ok(());
        in_order(cases, jobs, &run, &mut |case, verdict| {
            if told.is_ok() {
                told = tell(case, verdict.as_ref(), ui).and_then(|()| self.keep(case, verdict.as_ref(), ui));
            }
            tally.count(verdict);
            told.is_ok()
        });
        told?;
        if interrupted() {
            return Err(Trouble::new(Failure::Interrupted));
        }
        write!(
            ui.out(),
            "{}",
            tally.summary(self.version, self.conditions.release)
        )?;
        Ok(tally.outcome())
    }

    /// One scenario; a random one that differs is made shorter at once.
    fn attempt(&self, case: &Case) -> Option<Verdict> {
        let conditions = self.conditions;
        if !case.scenario.releases.contains(conditions.release) {
            return None;
        }
        let verdict = attempt(self.bench, &case.scenario, conditions);
        let Verdict::Differs(difference) = verdict else {
            return Some(verdict);
        };
        if !case.random {
            return Some(Verdict::Differs(difference));
        }
        let mut shortest = difference;
        shrink(
            &shortest.scenario.clone(),
            &mut |candidate| match attempt(self.bench, candidate, conditions) {
                Verdict::Differs(difference) => {
                    shortest = difference;
                    true
                }
                Verdict::Agrees { .. }
                | Verdict::Mistaken(_)
                | Verdict::Undrivable(_)
                | Verdict::Failed(_) => false,
            },
        );
        Some(Verdict::Differs(shortest))
    }

    /// Writes the shortest scenario of a random one that differs, with what QEMU says: run on the model it fails.
    fn keep(&self, case: &Case, verdict: Option<&Verdict>, ui: &mut Ui) -> Result<(), Trouble> {
        let (true, Some(Verdict::Differs(difference))) = (case.random, verdict) else {
            return Ok(());
        };
        let path = self.keep.join(format!("{}.qmp", case.title));
        std::fs::write(&path, difference.as_qemu_says().to_string())
            .map_err(|error| Trouble::file("write", &path, &error))?;
        ui.note(format_args!("written to {}", path.display()));
        Ok(())
    }
}

fn tell(case: &Case, verdict: Option<&Verdict>, ui: &mut Ui) -> Result<(), Trouble> {
    let title = &case.title;
    match verdict {
        None
        | Some(Verdict::Agrees { .. } | Verdict::Undrivable(_) | Verdict::Failed(Failure::Interrupted)) => {}
        Some(Verdict::Differs(difference)) => {
            writeln!(ui.out(), "{title}: QEMU and the model differ\n{difference}")?;
        }
        Some(Verdict::Mistaken(why)) => writeln!(ui.out(), "{title}: {why}")?,
        Some(Verdict::Failed(failure)) => writeln!(ui.out(), "{title}: {failure}")?,
    }
    Ok(())
}

fn write_records(
    bench: &Bench,
    cases: &[Case],
    conditions: Conditions,
    jobs: usize,
    ui: &mut Ui,
) -> CommandResult {
    let run = |case: &Case| record(bench, &case.scenario, conditions);
    let mut written = Ok(());
    let mut outcome = Outcome::AsExpected;
    let mut first = true;
    in_order(cases, jobs, &run, &mut |case, recorded| {
        written = match recorded {
            Ok(mut scenario) => {
                scenario.releases = ReleaseRange::only(conditions.release);
                if cases.len() > 1 {
                    let name = case.title.rsplit(": ").next().unwrap_or(&case.title);
                    scenario.name.get_or_insert_with(|| name.to_owned());
                }
                let between = if core::mem::take(&mut first) { "" } else { "\n" };
                write!(ui.out(), "{between}{scenario}").map_err(Trouble::from)
            }
            Err(failure) => {
                outcome = Outcome::Trouble;
                ui.warning(format_args!("{}: {failure}", case.title));
                Ok(())
            }
        };
        written.is_ok()
    });
    written?;
    Ok(outcome)
}
