//! What is heard in a log: the records the readers hand out.

use core::fmt;

use super::trouble::Trouble;

/// One VM of a log, in the order in which they were first heard of.
///
/// Its name is [`Reader::vm_name`](super::Reader::vm_name). A new QEMU of the same name is a new VM, where the log says that it is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VmId(pub u32);

/// One thing a log says, and where it says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// Whose it is.
    pub vm: VmId,
    /// The line, counted from 1. Of a message on several lines, the first.
    pub line: u64,
    /// The byte of the (uncompressed) log at which the message begins, counted from 0.
    pub offset: u64,
    /// What was heard.
    pub what: Heard<'a>,
}

/// What was heard. Strings are borrowed from the log and live as long as the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard<'a> {
    /// QEMU's greeting: a client has connected.
    Greeting(Greeting<'a>),
    /// An event on the wire.
    Event(Event<'a>),
    /// A command that a client sent.
    Command(Command<'a>),
    /// QEMU's answer to a command.
    Reply(Reply<'a>),
    /// QEMU's trace point `runstate_set`: the run state changes. It is printed before the change is checked, so the
    /// last one of a log may be the one QEMU aborted on, and one from a state to itself changes nothing
    /// (`runstate_set()`, system/runstate.c).
    RunStateSet {
        /// `current_run_state`, by name.
        from: &'a str,
        /// `new_state`, by name.
        to: &'a str,
    },
    /// QEMU's trace point `monitor_protocol_event_emit`: an event goes to the monitors. The trace has its number only.
    Emitted {
        /// The number in QEMU's `QAPIEvent`, which counts the events in schema order.
        number: u32,
        /// The event, where its number is the same in 6.0 to 11.1; those of run-state.json are the first.
        kind: Option<EventKind>,
    },
    /// A client has opened the monitor, or QEMU was started.
    Connected,
    /// The monitor is closed. QEMU need not be gone.
    Disconnected,
    /// QEMU's command line, as the log has it.
    Launched(&'a str),
    /// QEMU has ended with this status: a number, or `abort`.
    Exited(&'a str),
    /// A scenario says what happened outside QMP.
    Acted {
        /// Who did it.
        actor: Actor,
        /// The statement's own words: `panic`, `signal SIGTERM`.
        action: &'a str,
    },
    /// Something that could not be read.
    Trouble(Trouble<'a>),
}

/// Who acts, in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// `guest ..`
    Guest,
    /// `host ..`
    Host,
}

/// The host's real time at which an event was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    /// Since 1970; -1 if the clock failed.
    pub seconds: i64,
    /// 0 to 999,999; -1 if the clock failed.
    pub microseconds: i64,
}

/// `{"QMP": ..}`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting<'a> {
    /// QEMU's version: major, minor, micro. 2.90 and above as a micro are development versions.
    pub version: [u32; 3],
    /// The packager's own version, empty upstream.
    pub package: &'a str,
}

/// An event and the members of its data that tell about the run state.
///
/// A member is absent where the event does not have it, and where the log leaves it out: whether it must be there is for
/// the checker to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'a> {
    /// Which.
    pub kind: EventKind,
    /// Its name as it stands.
    pub name: &'a str,
    /// When it was made.
    pub timestamp: Option<Timestamp>,
    /// `guest` of SHUTDOWN and RESET.
    pub guest: Option<bool>,
    /// `reason` of SHUTDOWN, RESET and COLO_EXIT.
    pub reason: Option<&'a str>,
    /// `action` of WATCHDOG, GUEST_PANICKED, GUEST_CRASHLOADED, MEMORY_FAILURE, BLOCK_IO_ERROR.
    pub action: Option<&'a str>,
    /// `status` of MIGRATION, `mode` of COLO_EXIT, `operation` of BLOCK_IO_ERROR, `recipient` of MEMORY_FAILURE.
    pub detail: Option<&'a str>,
    /// `pass` of MIGRATION_PASS.
    pub pass: Option<u32>,
    /// Does it have `data` at all?
    pub has_data: bool,
}

impl<'a> Event<'a> {
    pub(crate) const fn new(kind: EventKind, name: &'a str) -> Self {
        Self {
            kind,
            name,
            timestamp: None,
            guest: None,
            reason: None,
            action: None,
            detail: None,
            pass: None,
            has_data: false,
        }
    }
}

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The events that tell about the run state; `Other` is any other, of which only the name is read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventKind {
            $($(#[$doc])* $variant,)*
            /// An event of another subsystem.
            Other,
        }

        impl EventKind {
            /// All but `Other`; the first twelve are those of run-state.json, in schema order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The event of this name. Names are compared exactly, as QMP does.
            #[must_use]
            pub fn from_name(name: &str) -> Self {
                Self::of(name.as_bytes()).unwrap_or(Self::Other)
            }

            /// The event of this name, if it is not another one.
            #[inline]
            pub(crate) fn of(name: &[u8]) -> Option<Self> {
                match name {
                    $(name if name == $name.as_bytes() => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name; empty for `Other`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other => "",
                }
            }
        }
    };
}

event_kinds! {
    /// `SHUTDOWN`
    Shutdown = "SHUTDOWN",
    /// `POWERDOWN`
    Powerdown = "POWERDOWN",
    /// `RESET`
    Reset = "RESET",
    /// `STOP`
    Stop = "STOP",
    /// `RESUME`
    Resume = "RESUME",
    /// `SUSPEND`
    Suspend = "SUSPEND",
    /// `SUSPEND_DISK`
    SuspendDisk = "SUSPEND_DISK",
    /// `WAKEUP`
    Wakeup = "WAKEUP",
    /// `WATCHDOG`
    Watchdog = "WATCHDOG",
    /// `GUEST_PANICKED`
    GuestPanicked = "GUEST_PANICKED",
    /// `GUEST_CRASHLOADED`
    GuestCrashloaded = "GUEST_CRASHLOADED",
    /// `GUEST_PVSHUTDOWN`, since 9.1
    GuestPvshutdown = "GUEST_PVSHUTDOWN",
    /// `MEMORY_FAILURE`
    MemoryFailure = "MEMORY_FAILURE",
    /// `BLOCK_IO_ERROR` (block-core.json): the cause of a stop for `io-error`
    BlockIoError = "BLOCK_IO_ERROR",
    /// `MIGRATION` (migration.json)
    Migration = "MIGRATION",
    /// `MIGRATION_PASS` (migration.json)
    MigrationPass = "MIGRATION_PASS",
    /// `COLO_EXIT` (migration.json)
    ColoExit = "COLO_EXIT",
}

impl EventKind {
    /// The event of this number in `QAPIEvent`, if that is the same in 6.0 to 11.1: run-state.json is the first module
    /// that has events, and up to GUEST_CRASHLOADED its events have not changed since 5.0.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        if number > Self::GuestCrashloaded as u32 {
            return None;
        }
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// A command and what identifies it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Command<'a> {
    /// `execute` or `exec-oob`.
    pub name: &'a str,
    /// Was it `exec-oob`?
    pub oob: bool,
    /// The `id` as JSON text, as the client wrote it.
    pub id: Option<&'a str>,
    /// `arguments` as JSON text, braces included.
    pub arguments: Option<&'a str>,
}

impl<'a> Command<'a> {
    /// A string argument, by name: `reboot` of `set-action`. Absent too where it is no plain string.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&'a str> {
        super::message::string_member(self.arguments?, name)
    }
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reply<'a> {
    /// The `id` as JSON text, as QEMU prints it (it re-prints numbers, escapes and member order).
    pub id: Option<&'a str>,
    /// What it says.
    pub outcome: Outcome<'a>,
}

/// `return` or `error`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// `return`, and the run state if it is a StatusInfo.
    Return(Option<Status<'a>>),
    /// `error`.
    Error {
        /// `class`, such as `GenericError`.
        class: &'a str,
        /// `desc`.
        desc: &'a str,
    },
}

/// StatusInfo: what `query-status` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// The RunState's name.
    pub status: &'a str,
    /// Are the vCPUs runnable?
    pub running: bool,
}

impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VM {}", self.0)
    }
}
