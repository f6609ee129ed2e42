//! `runstate run`

mod difference;
mod document;
mod files;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use runstate::Release;
use runstate_monitor::scenario::run::{Outcome as Verdict, Report, run as play};
use runstate_monitor::scenario::{Error, File, ReleaseRange, Scenario};

use self::document::Document;
use super::progress::Progress;
use crate::exit::Outcome;
use crate::ui::{self, CommandResult, Trouble, Ui};

/// Run scenarios: print what QEMU says, and tell where it is not what a scenario expects
///
/// The messages are printed as QEMU prints them, with the timestamps of a virtual clock that begins at 0. A scenario that
/// expects nothing is run to see what QEMU says.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenarios; a folder means all `*.qmp` in it, `-` standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Which QEMU, or `all` that a scenario is for; what is expected of others is not compared [default: 10.0, or what is
    /// nearest to it of a scenario's]
    #[arg(long, value_parser = which)]
    release: Option<Which>,
    /// Print the scenarios with what QEMU says in them
    #[arg(long, conflicts_with = "bless")]
    transcript: bool,
    /// Write what QEMU says into the files: it is what they expect from now on
    #[arg(long)]
    bless: bool,
    /// Print only these messages
    #[arg(long, value_enum, value_name = "KIND", conflicts_with_all = ["transcript", "bless"])]
    only: Option<Kind>,
    /// Print no messages
    #[arg(short, long, conflicts_with_all = ["only", "transcript"])]
    quiet: bool,
    /// How to print what came of it
    #[arg(long, value_enum, default_value_t = Form::Text, value_name = "FORM",
          conflicts_with_all = ["only", "transcript", "bless", "quiet"])]
    output: Form,
}

/// `--release`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    One(Release),
    /// Each that a scenario is for.
    All,
}

fn which(name: &str) -> Result<Which, String> {
    if name == "all" {
        return Ok(Which::All);
    }
    crate::args::release(name).map(Which::One)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// What QEMU says by itself
    Events,
    /// Its answers to commands
    Replies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// The messages on stdout, differences on stderr
    Text,
    /// One JSON document with both
    Json,
}

/// A scenario that was run.
struct Ran<'a> {
    file: &'a File,
    text: &'a str,
    scenario: &'a Scenario,
    result: Class,
    report: Report,
}

/// What came of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// It expects nothing.
    Script,
    AsExpected,
    Differs,
    /// Its expectations are for other releases.
    NotCompared,
    /// It has a step that cannot happen.
    Impossible,
    /// What QEMU says is what it is to expect.
    Blessed,
}

/// Runs the command.
///
/// # Errors
///
/// There is nothing to run, or stdout cannot be written.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    if args.bless && args.release == Some(Which::All) {
        return Err(
            Trouble::new("--bless writes what one QEMU says, not what all say")
                .hint("name one with --release"),
        );
    }
    let paths = files::collect(&args.files)?;
    let mut session = Session {
        args,
        ui,
        classes: Vec::new(),
        unreadable: 0,
        printed: false,
        document: Document::default(),
        progress: Progress::beside_output(0, "scenarios"),
    };
    for path in &paths {
        session.file(path)?;
    }
    session.finish(paths.len())
}

struct Session<'a> {
    args: &'a Args,
    ui: &'a mut Ui,
    /// What came of each scenario.
    classes: Vec<Class>,
    /// Files that could not be read.
    unreadable: usize,
    /// Whether a transcript stands on stdout.
    printed: bool,
    document: Document,
    progress: Progress,
}

impl Session<'_> {
    /// Runs a file's scenarios. One that is wrong does not keep the others from being run.
    fn file(&mut self, path: &Path) -> Result<(), Trouble> {
        let bytes = match self.ui.read(path) {
            Ok(bytes) => bytes,
            Err(Trouble::ClosedPipe) => return Err(Trouble::ClosedPipe),
            Err(Trouble::Wrong { message, hint }) => {
                self.unreadable += 1;
                self.document.missing(path, &message);
                if self.args.output == Form::Text {
                    self.progress.pause(|| self.ui.error(message, hint.as_deref()));
                }
                return Ok(());
            }
        };
        let file = match File::parse(&ui::name_of(path), &bytes) {
            Ok(file) => file,
            Err(error) => {
                self.unreadable += 1;
                self.document.unreadable(&error);
                if self.args.output == Form::Text {
                    self.progress.pause(|| self.ui.scenario_error(&error));
                }
                return Ok(());
            }
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut blessed = file.clone();
        for (scenario, blessed) in file.scenarios.iter().zip(&mut blessed.scenarios) {
            let releases = self.releases(scenario);
            self.progress.expect(releases.len());
            for release in releases {
                let ran = self.scenario(&file, &text, scenario, release);
                self.tell(&ran)?;
                if ran.result == Class::Blessed {
                    blessed.steps = ran.report.transcript.steps;
                    blessed.below = ran.report.transcript.below;
                }
                self.progress.done_one();
            }
        }
        if self.args.bless {
            self.bless(path, &text, &file, &blessed)
        } else {
            Ok(())
        }
    }

    /// On which releases to run a scenario.
    fn releases(&self, scenario: &Scenario) -> Vec<Release> {
        match self.args.release {
            None => vec![scenario.releases.nearest()],
            Some(Which::One(release)) => vec![release],
            Some(Which::All) => Release::WITH_POINTS
                .iter()
                .copied()
                .filter(|release| scenario.releases.contains(*release))
                .collect(),
        }
    }

    fn scenario<'a>(
        &mut self,
        file: &'a File,
        text: &'a str,
        scenario: &'a Scenario,
        release: Release,
    ) -> Ran<'a> {
        let compared = scenario.releases.contains(release);
        let report = if self.args.bless {
            scenario.transcribe(release)
        } else if compared {
            play(scenario, release)
        } else {
            play(&scenario.script(), release)
        };
        let result = match &report.outcome {
            Verdict::Impossible { .. } => Class::Impossible,
            Verdict::Differs(_) => Class::Differs,
            Verdict::AsExpected if !compared => Class::NotCompared,
            Verdict::AsExpected if self.args.bless => Class::Blessed,
            Verdict::AsExpected if scenario.is_script() => Class::Script,
            Verdict::AsExpected => Class::AsExpected,
        };
        self.classes.push(result);
        Ran {
            file,
            text,
            scenario,
            result,
            report,
        }
    }

    /// Prints what came of a scenario.
    fn tell(&mut self, ran: &Ran<'_>) -> Result<(), Trouble> {
        if self.args.output == Form::Json {
            self.document.ran(ran);
            return Ok(());
        }
        if self.args.transcript {
            self.transcript(ran)?;
        } else if !self.args.quiet && !self.args.bless {
            for message in &ran.report.messages {
                if self.args.only.is_none_or(|kind| kind.is_of(message)) {
                    self.ui.out().write_all(message.as_bytes())?;
                }
            }
        }
        let (ui, progress) = (&mut self.ui, &self.progress);
        if !self.args.quiet || ran.result != Class::AsExpected {
            for line in &ran.report.stderr {
                progress.pause(|| ui.note(line));
            }
        }
        match &ran.report.outcome {
            Verdict::AsExpected => {}
            Verdict::Differs(difference) => {
                let text = difference::describe(ran, difference);
                progress.pause(|| ui.difference(text));
            }
            Verdict::Impossible { line, why } => {
                let error = Error::on_line(&ran.file.name, ran.text, *line, why.words(), None);
                progress.pause(|| ui.scenario_error(&error));
            }
        }
        Ok(())
    }

    /// Prints a scenario with what QEMU says, all of it even where that is not what was expected.
    fn transcript(&mut self, ran: &Ran<'_>) -> Result<(), Trouble> {
        let release = ran.report.release;
        let mut transcript = ran.scenario.transcribe(release).transcript;
        let title = ran.file.title(ran.scenario);
        if self.args.release == Some(Which::All) {
            transcript.name = Some(format!("{title}-{release}"));
            transcript.releases = ReleaseRange::only(release);
        } else if self.args.files.len() > 1 || self.printed {
            // Side by side each needs its name.
            transcript.name.get_or_insert_with(|| title.to_owned());
        }
        if ran.result == Class::NotCompared {
            transcript.releases = ReleaseRange::only(release);
        }
        if self.printed {
            writeln!(self.ui.out())?;
        }
        self.printed = true;
        Ok(write!(self.ui.out(), "{transcript}")?)
    }

    /// Writes a file anew, in the form that it has, if that changes what it says.
    fn bless(&mut self, path: &Path, text: &str, before: &File, after: &File) -> Result<(), Trouble> {
        let json = text.trim_start().starts_with('{');
        let printed = |file: &File| {
            if json {
                file.to_json_lines()
            } else {
                file.to_string()
            }
        };
        if path == Path::new("-") {
            return Ok(self.ui.out().write_all(printed(after).as_bytes())?);
        }
        if printed(after) == printed(before) {
            return Ok(());
        }
        fs::write(path, printed(after)).map_err(|error| Trouble::file("write", path, &error))?;
        self.progress
            .pause(|| self.ui.note(format_args!("{} has been written", path.display())));
        Ok(())
    }

    fn finish(self, files: usize) -> CommandResult {
        self.progress.end();
        let count = |class| self.classes.iter().filter(|other| **other == class).count();
        let differ = count(Class::Differs);
        if self.args.output == Form::Json {
            writeln!(self.ui.out(), "{}", self.document.finish(&self.classes))?;
        } else if self.classes.len() > 1 || files > 1 {
            let summary = summary(&self.classes, self.unreadable);
            self.ui.note(summary);
        } else if count(Class::NotCompared) > 0 {
            self.ui
                .warning("what this scenario expects is for other releases, and was not compared");
        }
        Ok(if self.unreadable > 0 || count(Class::Impossible) > 0 {
            Outcome::Trouble
        } else if differ > 0 {
            Outcome::Differs
        } else {
            Outcome::AsExpected
        })
    }
}

/// How many scenarios came to what, in words.
fn summary(classes: &[Class], unreadable: usize) -> String {
    let parts: Vec<String> = Class::ALL
        .iter()
        .map(|class| {
            (
                classes.iter().filter(|other| *other == class).count(),
                class.words(),
            )
        })
        .chain([(unreadable, "files that cannot be read")])
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let scenarios = if classes.len() == 1 {
        "scenario"
    } else {
        "scenarios"
    };
    format!("{} {scenarios}: {}", classes.len(), parts.join(", "))
}

impl Class {
    const ALL: &'static [Self] = &[
        Self::AsExpected,
        Self::Script,
        Self::Blessed,
        Self::NotCompared,
        Self::Differs,
        Self::Impossible,
    ];

    /// The name in the report.
    const fn name(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::AsExpected => "as-expected",
            Self::Differs => "differs",
            Self::NotCompared => "not-compared",
            Self::Impossible => "impossible",
            Self::Blessed => "blessed",
        }
    }

    /// After a number.
    const fn words(self) -> &'static str {
        match self {
            Self::Script => "without expectations",
            Self::AsExpected => "as expected",
            Self::Differs => "different",
            Self::NotCompared => "for other releases",
            Self::Impossible => "impossible",
            Self::Blessed => "blessed",
        }
    }
}

impl Kind {
    fn is_of(self, message: &str) -> bool {
        // QEMU prints the timestamp first, and replies have none.
        let is_event = message.starts_with("{\"timestamp\": ");
        match self {
            Self::Events => is_event,
            Self::Replies => !is_event,
        }
    }
}
