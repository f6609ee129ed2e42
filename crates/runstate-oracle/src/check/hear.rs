//! From a record of a log to letters: and where a record is none that QEMU has, what is wrong with it.

use runstate::{
    BlockErrorAction, ColoExitReason, ColoMode, GuestPanicAction, MemoryFailureAction, MigrationStatus,
    RunState, ShutdownCause, WatchdogAction,
};

use super::letter::Letter;
use crate::log::{Event, EventKind, Outcome, Status};

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// Nothing about the run state.
    Nothing,
    /// This.
    One(Letter),
    /// One of these: the record lacks the data that would tell which.
    OneOf(Vec<Letter>),
    /// That a pass of a migration is over.
    Pass(u32),
    /// QEMU never says this: what is wrong, and what would be right.
    Wrong(String),
}

/// `expected one of ..`
fn words<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> String {
    all.iter()
        .map(|value| name(*value))
        .collect::<Vec<_>>()
        .join(", ")
}

macro_rules! member {
    ($event:ident, $value:expr, $name:literal, $Type:ident) => {
        match $value {
            None => return Said::Wrong(format!("{} lacks its member \"{}\"", $event.name, $name)),
            Some(text) => match $Type::from_name(text) {
                Some(value) => value,
                None => {
                    return Said::Wrong(format!(
                        "{} has the {} \"{text}\", which QEMU does not have: it is one of {}",
                        $event.name,
                        $name,
                        words($Type::ALL, $Type::name)
                    ));
                }
            },
        }
    };
}

/// An event of the wire.
pub(super) fn event(event: &Event<'_>) -> Said {
    match event.kind {
        EventKind::Shutdown | EventKind::Reset => caused(event),
        EventKind::Watchdog => {
            let action = member!(event, event.action, "action", WatchdogAction);
            Said::One(Letter::watchdog(action))
        }
        EventKind::GuestPanicked => {
            let action = member!(event, event.action, "action", GuestPanicAction);
            Said::One(Letter::panicked(action))
        }
        EventKind::GuestCrashloaded => {
            let action = member!(event, event.action, "action", GuestPanicAction);
            Said::One(Letter::crashloaded(action))
        }
        EventKind::MemoryFailure => {
            let action = member!(event, event.action, "action", MemoryFailureAction);
            Said::One(Letter::memory_failure(action))
        }
        EventKind::BlockIoError => {
            let action = member!(event, event.action, "action", BlockErrorAction);
            Said::One(Letter::block_io_error(action))
        }
        EventKind::Powerdown
        | EventKind::Stop
        | EventKind::Resume
        | EventKind::Suspend
        | EventKind::SuspendDisk
        | EventKind::Wakeup
        | EventKind::GuestPvshutdown => {
            if event.has_data {
                return Said::Wrong(format!("{} has data; QEMU's has none", event.name));
            }
            Letter::plain(event.name).map_or(Said::Nothing, Said::One)
        }
        EventKind::Migration => {
            let status = member!(event, event.detail, "status", MigrationStatus);
            if status == MigrationStatus::None {
                return Said::Wrong("MIGRATION never has the status \"none\"".to_owned());
            }
            Said::One(Letter::migration(status))
        }
        EventKind::MigrationPass => match event.pass {
            None => Said::Wrong(format!("{} lacks its member \"pass\"", event.name)),
            Some(pass) => Said::Pass(pass),
        },
        EventKind::ColoExit => {
            let mode = member!(event, event.detail, "mode", ColoMode);
            let _ = member!(event, event.reason, "reason", ColoExitReason);
            Said::One(Letter::colo_exit(mode))
        }
        EventKind::Other => Said::Nothing,
    }
}

/// SHUTDOWN and RESET.
fn caused(event: &Event<'_>) -> Said {
    if !event.has_data {
        return Said::Wrong(format!(
            "{} has no data; QEMU's has \"guest\" and \"reason\"",
            event.name
        ));
    }
    let cause = member!(event, event.reason, "reason", ShutdownCause);
    match event.guest {
        None => return Said::Wrong(format!("{} lacks its member \"guest\"", event.name)),
        Some(guest) if guest != cause.by_guest() => {
            return Said::Wrong(format!(
                "{} with the reason {cause} has \"guest\": {guest}; QEMU's has {}",
                event.name,
                cause.by_guest()
            ));
        }
        Some(_) => {}
    }
    let reset = event.kind == EventKind::Reset;
    let same_as = match cause {
        ShutdownCause::None | ShutdownCause::SnapshotLoad => {
            return Said::Wrong(format!("{} never has the reason {cause}", event.name));
        }
        ShutdownCause::SubsystemReset if reset => {
            return Said::Wrong("a subsystem reset sends no RESET".to_owned());
        }
        // The guest of another machine; it goes on like the one that is followed.
        ShutdownCause::HostError => ShutdownCause::GuestShutdown,
        ShutdownCause::SubsystemReset => ShutdownCause::GuestReset,
        // The generic event device of 6.0 (mended by ee80f5ba22, 6.1).
        ShutdownCause::GuestShutdown if reset => ShutdownCause::GuestReset,
        ShutdownCause::HostQmpQuit
        | ShutdownCause::HostQmpSystemReset
        | ShutdownCause::HostSignal
        | ShutdownCause::HostUi
        | ShutdownCause::GuestShutdown
        | ShutdownCause::GuestReset
        | ShutdownCause::GuestPanic => cause,
    };
    Said::One(if reset {
        Letter::reset(same_as)
    } else {
        Letter::shutdown(same_as)
    })
}

/// An event of which only the kind is known.
pub(super) fn emitted(kind: EventKind) -> Said {
    let prefix = kind.name();
    let letters: Vec<Letter> = Letter::all()
        .filter(|letter| letter.to_string().split(' ').next() == Some(prefix))
        .collect();
    if letters.is_empty() {
        Said::Nothing
    } else {
        Said::OneOf(letters)
    }
}

/// A reply.
pub(super) fn reply(outcome: &Outcome<'_>) -> Said {
    match outcome {
        Outcome::Return(Some(status)) => self::status(status),
        Outcome::Return(None) => Said::Nothing,
        Outcome::Error { desc, .. } => {
            let letter = if *desc == runstate::Refusal::ResetRequired.words() {
                Letter::RESET_REQUIRED
            } else if *desc == runstate::Refusal::MigrationNotFinalized.words() {
                Letter::NOT_FINALIZED
            } else if *desc == runstate::Refusal::NotSuspended.words() {
                Letter::NOT_SUSPENDED
            } else {
                return Said::Nothing;
            };
            Said::One(letter)
        }
    }
}

fn status(status: &Status<'_>) -> Said {
    let Some(state) = RunState::from_name(status.status) else {
        return Said::Wrong(format!(
            "the status \"{}\" is none that QEMU has: it is one of {}",
            status.status,
            words(RunState::ALL, RunState::name)
        ));
    };
    if status.running != (state == RunState::Running) {
        return Said::Wrong(format!(
            "the status {state} comes with \"running\": {}; QEMU's says {}",
            status.running,
            state == RunState::Running
        ));
    }
    Said::One(Letter::status(state))
}
