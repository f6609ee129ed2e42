//! What QEMU's documentation says of the run states and of the actions.

use runstate::{
    Event, GuestPanicAction, Input, MigrationStatus, Output, PanicAction, RebootAction, RunState,
    ShutdownAction, ShutdownCause, WatchdogAction,
};

use super::{
    Property,
    claims::{broken_if, events, promised},
};
use crate::explore::Seen;

const STATES: &str = "qapi/run-state.json (10.0), RunState";

/// What each state is said to mean.
pub(super) fn of_states() -> [Property; 5] {
    [
        Property {
            under: |actions| actions.shutdown() == ShutdownAction::Poweroff,
            ..promised(
                "shutdown-needs-no-shutdown",
                "without -no-shutdown no VM is in the state shutdown",
                STATES,
                "guest is shut down (and -no-shutdown is in use)",
                |_, seen| {
                    let there = seen.after.run_state() == RunState::Shutdown;
                    broken_if(there && !seen.after.is_gone() && !seen.after.has_requests())
                },
            )
        },
        promised(
            "postmigrate-is-success",
            "only a migration that has completed leads to the state postmigrate",
            STATES,
            "guest is paused following a successful 'migrate'",
            |_, seen| {
                let completed = seen.after.migration_status() == MigrationStatus::Completed;
                broken_if(arrives(seen, RunState::Postmigrate) && !completed && !seen.after.is_gone())
            },
        ),
        promised(
            "prelaunch-is-before-launch",
            "a guest that has run never is in the state prelaunch",
            STATES,
            "QEMU was started with -S and guest has not started",
            |_, seen| broken_if(arrives(seen, RunState::Prelaunch)),
        ),
        promised(
            "io-error-stops",
            "who arrives in io-error has told of an error, with the action stop",
            STATES,
            "the last IOP has failed and the device is configured to pause on I/O errors",
            |_, seen| {
                let failed = matches!(
                    seen.input,
                    Some(Input::Guest(runstate::Guest::IoError(
                        runstate::BlockErrorAction::Stop
                    )))
                );
                broken_if(arrives(seen, RunState::IoError) && !failed)
            },
        ),
        promised(
            "causes-on-the-wire",
            "no event names one of the causes that are for use within QEMU",
            "qapi/run-state.json (10.0), ShutdownCause",
            "This value is used only within QEMU. It doesn't occur in QMP",
            |_, seen| {
                broken_if(events(seen).any(|event| {
                    matches!(
                        event,
                        Event::Shutdown(cause) | Event::Reset(cause)
                            if matches!(cause, ShutdownCause::None | ShutdownCause::SnapshotLoad)
                    )
                }))
            },
        ),
    ]
}

/// What each action is said to do.
pub(super) fn of_actions() -> [Property; 7] {
    const WATCHDOG: &str = "qapi/run-state.json (10.0), WatchdogAction";
    const PANIC: &str = "qapi/run-state.json (10.0), PanicAction";
    [
        Property {
            under: |actions| actions.reboot() == RebootAction::Shutdown,
            ..promised(
                "reboot-shuts-down",
                "with -no-reboot no guest is reset by its own request",
                "qapi/run-state.json (10.0), RebootAction",
                "Shutdown the VM and exit, according to the shutdown action",
                |_, seen| {
                    broken_if(
                        events(seen).any(|event| matches!(event, Event::Reset(cause) if cause.by_guest())),
                    )
                },
            )
        },
        promised(
            "watchdog-poweroff-exits",
            "QEMU exits when the watchdog's action is poweroff",
            WATCHDOG,
            "system poweroff, the emulator program exits",
            |_, seen| broken_if(bites(seen, WatchdogAction::Poweroff) && !exits(seen)),
        ),
        promised(
            "watchdog-debug",
            "the VM is in the state debug when the watchdog's action is debug",
            WATCHDOG,
            "system enters debug state",
            |_, seen| {
                let there = seen.after.run_state() == RunState::Debug;
                broken_if(bites(seen, WatchdogAction::Debug) && !there)
            },
        ),
        promised(
            "watchdog-none",
            "a watchdog whose action is none changes no state",
            WATCHDOG,
            "nothing is done",
            |_, seen| {
                let moved = seen.before.run_state() != seen.after.run_state();
                broken_if(bites(seen, WatchdogAction::None) && moved)
            },
        ),
        Property {
            under: |actions| actions.panic() == PanicAction::Pause,
            ..promised(
                "panic-is-paused",
                "with panic=pause a guest that panics is in the state guest-panicked",
                PANIC,
                "Pause the VM",
                |_, seen| {
                    let there = seen.after.run_state() == RunState::GuestPanicked;
                    broken_if(panics(seen) && !there && !seen.after.is_gone())
                },
            )
        },
        Property {
            under: |actions| actions.panic() == PanicAction::None,
            ..promised(
                "panic-goes-on",
                "with panic=none a guest that panics goes on",
                PANIC,
                "Continue VM execution",
                |_, seen| {
                    let stopped = seen.before.query_status().running && !seen.after.query_status().running;
                    broken_if(panics(seen) && stopped)
                },
            )
        },
        promised(
            "fatal-failure-exits",
            "QEMU exits after a memory failure that is fatal to the hypervisor",
            "qapi/run-state.json (10.0), MemoryFailureAction",
            "QEMU will exit",
            |_, seen| {
                let fatal = events(seen).any(|event| {
                    matches!(event, Event::MemoryFailure(failure)
                        if failure.action == runstate::MemoryFailureAction::Fatal)
                });
                broken_if(fatal && !seen.after.is_gone())
            },
        ),
    ]
}

pub(super) fn arrives(seen: &Seen<'_>, state: RunState) -> bool {
    seen.outputs
        .iter()
        .any(|output| matches!(*output, Output::State { to, .. } if to == state))
}

pub(super) fn bites(seen: &Seen<'_>, action: WatchdogAction) -> bool {
    events(seen).any(|event| event == Event::Watchdog(action))
}

pub(super) fn exits(seen: &Seen<'_>) -> bool {
    seen.outputs
        .iter()
        .any(|output| matches!(output, Output::Exit(_)))
}

pub(super) fn panics(seen: &Seen<'_>) -> bool {
    events(seen).any(|event| matches!(event, Event::GuestPanicked(action) if action != GuestPanicAction::Run))
}
