//! The names of what happens, and what to say about a name that is none.

use runstate::{Guest, Host, Release};
use runstate_qmp::Value;

use super::shape::{Misshapen, Shaped};
use super::{DurationError, Nanoseconds, RangeError, Signal, error, payload, suggest};

/// What is wrong, and a hint.
pub(super) type Wrong = (String, String);

/// What the guest does, as far as its name says it. [`Guest::name`] has the names.
const GUEST: &[Guest] = &[
    Guest::Shutdown,
    Guest::Reset,
    Guest::Panic,
    Guest::Crashloaded,
    Guest::Pvshutdown,
    Guest::Watchdog,
    Guest::Suspend,
    Guest::SuspendDisk,
    Guest::Wakeup,
    Guest::IoError(runstate::BlockErrorAction::Stop),
    Guest::InternalError,
    Guest::Debug,
    Guest::MemoryFailure(payload::MEMORY_FAILURE),
    Guest::NotifyVmexit,
    Guest::DebugExit(0),
    Guest::SubsystemReset,
];

/// What happens on the host, with its name.
pub(super) const HOST: &[(&str, Host)] = &[
    ("signal", Host::Signal),
    ("ui-close", Host::UiClose),
    ("gdb attach", Host::GdbAttach),
    ("gdb interrupt", Host::GdbInterrupt),
    ("gdb continue", Host::GdbContinue),
    ("gdb detach", Host::GdbDetach),
    ("gdb kill", Host::GdbKill),
    ("migration converges", Host::MigrationConverges),
    ("migration fails", Host::MigrationFails),
    ("incoming arrives", Host::IncomingArrives(payload::STREAM)),
    ("incoming fails", Host::IncomingFails),
    ("dump completes", Host::DumpCompletes),
    ("job completes", Host::JobCompletes),
];

/// What is wrong with a range of releases.
pub(super) fn range_error(error: &RangeError) -> String {
    match error {
        RangeError::UnknownRelease { name, .. } if !name.is_empty() => {
            format!("there is no release `{}` here", shortened(name))
        }
        RangeError::UnknownRelease { .. } | RangeError::Backwards(..) | RangeError::Open => error.to_string(),
    }
}

/// What would be right.
pub(super) fn range_hint(error: &RangeError) -> String {
    match error {
        RangeError::UnknownRelease { .. } => {
            let names: Vec<&str> = Release::ALL.iter().map(|release| release.name()).collect();
            format!(
                "a range is `7.2`, `9.0..`, `..8.2` or `6.0..8.2`, of {}",
                names.join(", ")
            )
        }
        RangeError::Backwards(first, last) => format!("did you mean `{last}..{first}`?"),
        RangeError::Open => "without `release` a scenario holds for all releases".to_owned(),
    }
}

/// The action of that name.
pub(super) fn guest_action(name: &str) -> Result<Guest, Wrong> {
    GUEST
        .iter()
        .copied()
        .find(|guest| guest.name() == name)
        .ok_or_else(|| {
            let names: Vec<&str> = GUEST.iter().map(|guest| guest.name()).collect();
            let message = if name.is_empty() {
                "what does the guest do?".to_owned()
            } else {
                format!("the guest cannot `{}`", shortened(name))
            };
            (message, suggest::hint(name, &names))
        })
}

/// Whether JSON may follow the action's name.
pub(super) const fn takes_data(action: Guest) -> bool {
    matches!(
        action,
        Guest::Panic | Guest::Crashloaded | Guest::IoError(_) | Guest::MemoryFailure(_)
    )
}

/// The action with what `data` says about it.
pub(super) fn guest_with(action: Guest, data: &Value) -> Shaped<Guest> {
    match action {
        Guest::Panic | Guest::Crashloaded => payload::panic_information(data).map(|_| action),
        Guest::IoError(_) => payload::block_io_error(data).map(Guest::IoError),
        Guest::MemoryFailure(_) => payload::memory_failure(data).map(Guest::MemoryFailure),
        Guest::Shutdown
        | Guest::Reset
        | Guest::Pvshutdown
        | Guest::Watchdog
        | Guest::Suspend
        | Guest::SuspendDisk
        | Guest::Wakeup
        | Guest::InternalError
        | Guest::Debug
        | Guest::NotifyVmexit
        | Guest::DebugExit(_)
        | Guest::SubsystemReset => Err(Misshapen::new(format!("`{}` takes no data", action.name()))),
    }
}

/// The action of that name.
pub(super) fn host_action(name: &str) -> Result<Host, Wrong> {
    // Blanks between the two words may be many.
    let plain: Vec<&str> = name.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let plain = plain.join(" ");
    HOST.iter()
        .find(|(known, _)| *known == plain)
        .map(|(_, host)| *host)
        .ok_or_else(|| {
            let names: Vec<&str> = HOST.iter().map(|(name, _)| *name).collect();
            let begun: Vec<&str> = names
                .iter()
                .copied()
                .filter(|name| name.starts_with(&format!("{plain} ")))
                .collect();
            let message = if name.is_empty() {
                "what happens on the host?".to_owned()
            } else {
                format!("the host has no `{}`", shortened(name))
            };
            (
                message,
                suggest::hint(&plain, if begun.is_empty() { &names } else { &begun }),
            )
        })
}

/// The signal of that name.
pub(super) fn signal_named(name: &str) -> Result<Signal, Wrong> {
    let found = Signal::ALL.iter().copied().find(|signal| signal.name() == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = Signal::ALL.iter().map(|signal| signal.name()).collect();
        (
            format!("`{}` does not ask QEMU to end", shortened(name)),
            suggest::hint(name, &names),
        )
    })
}

/// The duration that is written.
pub(super) fn duration_in(text: &str) -> Result<Nanoseconds, Wrong> {
    text.parse()
        .map_err(|error: DurationError| (error.to_string(), "write `250ms`, `1s` or `2.5s`".to_owned()))
}

/// What a message quotes is short, and printable.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 40;

    let mut short: String = text.chars().take(MOST).map(error::printable).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}
