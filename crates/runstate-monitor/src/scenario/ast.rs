//! What a scenario says, as data.
//!
//! Two scenarios are equal when they say the same at the same lines; [`File::forget_positions`] leaves what they say.

use core::num::NonZeroU16;

use runstate::RunState;
use runstate_qmp::Value;

use super::{Nanoseconds, ReleaseRange};

/// A file of scenarios.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// How messages name the file, usually its path.
    pub name: String,
    /// The scenarios, in order. At least one in a file that was parsed.
    pub scenarios: Vec<Scenario>,
}

/// One scenario: a launch of QEMU, and what happens then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// Its name, where it has one of its own: see [`File::title`].
    pub name: Option<String>,
    /// Where its first statement is, from 1. 0 where it was not read from text.
    pub line: usize,
    /// What stands above the line that begins it.
    pub above: Vec<Note>,
    /// What stands between that line and the launch: what the scenario is about.
    pub notes: Vec<Note>,
    /// The releases for which its expectations hold.
    pub releases: ReleaseRange,
    /// The line of `release`, if there is one in the text.
    pub releases_line: Option<usize>,
    /// QEMU's arguments.
    pub launch: Vec<String>,
    /// The line of `qemu`, if there is one in the text.
    pub launch_line: Option<usize>,
    /// What the options do not say about the machine.
    pub with: Vec<With>,
    /// What happens, and what is expected.
    pub steps: Vec<Step>,
    /// What stands below the last step.
    pub below: Vec<Note>,
}

/// What is kept of a text that is not a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// A blank line.
    Blank,
    /// A comment, without its `# `. One line.
    Comment(String),
}

/// Something about the machine that QEMU's options do not say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum With {
    /// `disk`: one that can hold snapshots.
    Disk,
    /// `io-errors`: whether a retried request is served.
    IoErrors(IoErrors),
    /// `vcpus`: how many there are. Without it as many as a group needs, each action on its own.
    Vcpus(NonZeroU16),
    /// `snapshot`: the disk holds it at launch.
    Snapshot {
        /// Its name.
        tag: String,
        /// The run state of the VM when it was saved.
        status: RunState,
    },
    /// `cpus not-resettable`: as those of confidential guests.
    CpusNotResettable,
    /// `wakeup off`: a machine that cannot be woken.
    WakeupOff,
    /// `nmi off`: a machine without NMI.
    NmiOff,
}

/// How block requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IoErrors {
    /// A retried request is served.
    Once,
    /// A retried request fails again.
    Always,
}

/// One thing that happens or is expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its line, from 1. 0 where it was not read from text.
    pub line: usize,
    /// What stands above it.
    pub notes: Vec<Note>,
    /// No pass of the main loop follows: ` &`. Only what happens can be held, not what is expected, nor the clock.
    pub hold: bool,
    /// What.
    pub action: Action,
}

/// What a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `->`: the host sends a message.
    Send(Value),
    /// `<-`: QEMU is expected to send a message.
    Expect(Value),
    /// `guest`: the guest does something.
    Guest {
        /// What, with whatever of `data` the machine has to know.
        action: runstate::Guest,
        /// The JSON behind it: a GuestPanicInformation, the data of BLOCK_IO_ERROR or MEMORY_FAILURE. It has been checked.
        data: Option<Value>,
    },
    /// `host`: something happens outside the monitor.
    Host {
        /// What. Never [`runstate::Host::MigrationSettles`], which needs no cause.
        action: runstate::Host,
        /// The signal of [`runstate::Host::Signal`], where it is named.
        signal: Option<Signal>,
    },
    /// `wait`: the clock advances.
    Wait(Nanoseconds),
    /// `exit`: QEMU is expected to have ended.
    Exit(Exit),
}

/// A signal that asks QEMU to end. They do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGTERM, which is meant where none is named.
    Term,
    /// SIGINT
    Int,
    /// SIGHUP
    Hup,
}

/// How QEMU has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// With this status.
    Status(u8),
    /// By `abort()`.
    Abort,
}

impl File {
    /// The scenario's own name, or the file's without folders and ending.
    #[must_use]
    pub fn title<'a>(&'a self, scenario: &'a Scenario) -> &'a str {
        scenario.name.as_deref().unwrap_or_else(|| stem(&self.name))
    }

    /// Leaves what the file says and forgets on which lines.
    pub fn forget_positions(&mut self) {
        for scenario in &mut self.scenarios {
            scenario.line = 0;
            scenario.releases_line = None;
            scenario.launch_line = None;
            for step in &mut scenario.steps {
                step.line = 0;
            }
        }
    }

    /// Leaves what JSON has a place for: comments, but not whether they stand above or below the line `scenario`, and no
    /// blank lines.
    pub fn forget_layout(&mut self) {
        for scenario in &mut self.scenarios {
            scenario.notes.splice(..0, scenario.above.drain(..));
            let notes = scenario.steps.iter_mut().map(|step| &mut step.notes);
            for notes in notes.chain([&mut scenario.notes, &mut scenario.below]) {
                notes.retain(|note| *note != Note::Blank);
            }
        }
    }
}

/// The name of a file without folders and ending.
pub(super) fn stem(name: &str) -> &str {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    match base.split_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        Some(_) | None => base,
    }
}

impl Scenario {
    /// Whether there is a line about the launch or the machine.
    pub(super) const fn has_launch(&self) -> bool {
        self.releases_line.is_some() || self.launch_line.is_some() || !self.with.is_empty()
    }

    /// Whether it expects nothing: it is run to see what QEMU would say.
    #[must_use]
    pub fn is_script(&self) -> bool {
        !self.steps.iter().any(|step| step.action.is_expectation())
    }
}

impl Step {
    /// A step that is not held, with nothing above it, from nowhere.
    #[must_use]
    pub const fn new(action: Action) -> Self {
        Self {
            line: 0,
            notes: Vec::new(),
            hold: false,
            action,
        }
    }
}

impl Note {
    /// A comment of one or more lines.
    #[must_use]
    pub fn lines(text: &str) -> Vec<Self> {
        let line = |line: &str| Self::Comment(line.trim_end_matches([' ', '\t', '\r']).to_owned());
        text.split('\n').map(line).collect()
    }

    /// The comment with what stands behind its `#`.
    pub(super) fn comment(text: &str) -> Self {
        let text = text.trim_end_matches([' ', '\t', '\r']);
        Self::Comment(text.strip_prefix(' ').unwrap_or(text).to_owned())
    }
}

impl With {
    /// The first words.
    pub(super) const THINGS: &'static [&'static str] =
        &["disk", "io-errors", "vcpus", "snapshot", "cpus", "wakeup", "nmi"];

    /// The first word.
    #[must_use]
    pub const fn thing(&self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::IoErrors(_) => "io-errors",
            Self::Vcpus(_) => "vcpus",
            Self::Snapshot { .. } => "snapshot",
            Self::CpusNotResettable => "cpus",
            Self::WakeupOff => "wakeup",
            Self::NmiOff => "nmi",
        }
    }

    /// Whether both cannot be said of one machine.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Snapshot { tag, .. }, Self::Snapshot { tag: other, .. }) => tag == other,
            (one, other) => one.thing() == other.thing(),
        }
    }
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        Self::new(action)
    }
}

impl Action {
    /// What the guest does, with the data that says so: what a scenario with this action parses to.
    #[must_use]
    pub fn guest(action: runstate::Guest) -> Self {
        Self::Guest {
            action,
            data: super::payload::data_of(action),
        }
    }

    /// What happens on the host.
    #[must_use]
    pub const fn host(action: runstate::Host) -> Self {
        Self::Host { action, signal: None }
    }

    /// Whether it says what QEMU does, and not what is done to it.
    #[must_use]
    pub const fn is_expectation(&self) -> bool {
        match self {
            Self::Expect(_) | Self::Exit(_) => true,
            Self::Send(_) | Self::Guest { .. } | Self::Host { .. } | Self::Wait(_) => false,
        }
    }

    /// Whether a pass of the main loop can be held back after it.
    #[must_use]
    pub const fn can_be_held(&self) -> bool {
        match self {
            Self::Send(_) | Self::Guest { .. } | Self::Host { .. } => true,
            Self::Expect(_) | Self::Wait(_) | Self::Exit(_) => false,
        }
    }
}

impl IoErrors {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Always => "always",
        }
    }
}

impl Signal {
    /// Every signal, the default first.
    pub const ALL: &'static [Self] = &[Self::Term, Self::Int, Self::Hup];

    /// POSIX's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Term => "SIGTERM",
            Self::Int => "SIGINT",
            Self::Hup => "SIGHUP",
        }
    }
}
