//! What QEMU's documentation says of starting and stopping, sleeping, resetting and shutting down.

use runstate::{
    Answer, BlockErrorAction, Command, Event, Guest, GuestPanicAction, Host, Input, Life, Load, Output,
    PanicAction, RebootAction, Release, RunState, ShutdownAction, ShutdownCause, WatchdogAction,
};

use super::{
    Property,
    claims::{broken_if, broken_if_or, events, follows, promised, shuts_down},
    states::{arrives, bites, exits, panics},
};
use crate::explore::Seen;

/// All of them.
pub(super) fn of_lifecycle() -> Vec<Property> {
    let mut promises = of_stop_and_cont().to_vec();
    promises.extend(of_other_commands());
    promises.extend(of_running());
    promises.extend(of_shutdown_and_reset());
    promises.extend(of_panics());
    promises.extend(of_disks_and_dumps());
    promises.extend(of_states());
    promises
}

fn of_stop_and_cont() -> [Property; 5] {
    const STOP: &str = "qapi/misc.json (10.0), stop";
    const CONT: &str = "qapi/misc.json (10.0), cont";
    /// What `stop` and `cont` said last to a VM that waits for its incoming migration.
    fn asked(memory: u8, seen: &Seen<'_>) -> u8 {
        let waits = seen.before.run_state() == RunState::Inmigrate && seen.answer == Answer::Done;
        match seen.input {
            Some(Input::Command(Command::Stop)) if waits => 1,
            Some(Input::Command(Command::Cont)) if waits => 2,
            _ => memory,
        }
    }
    fn finishes(seen: &Seen<'_>) -> bool {
        seen.before.run_state() == RunState::Inmigrate
            && matches!(seen.input, Some(Input::Host(Host::IncomingArrives(_))))
            && !seen.after.is_gone()
    }
    [
        promised(
            "stop-stops",
            "after stop no guest runs",
            STOP,
            "Stop guest VM execution",
            |_, seen| broken_if(done(seen, Command::Stop) && runs(seen)),
        ),
        promised(
            "stop-outlasts-inmigrate",
            "who was told to stop in inmigrate does not run when the incoming migration is over",
            STOP,
            "In \"inmigrate\" state, it will ensure that the guest remains paused once migration finishes",
            |memory, seen| broken_if_or(memory == 1 && finishes(seen) && runs(seen), asked(memory, seen)),
        ),
        promised(
            "cont-outlasts-inmigrate",
            "who was told to cont in inmigrate runs when the incoming migration is over",
            CONT,
            "the effect of the command is to make sure the guest starts once migration finishes",
            |memory, seen| broken_if_or(memory == 2 && finishes(seen) && !runs(seen), asked(memory, seen)),
        ),
        promised(
            "cont-resumes",
            "after a cont that succeeds the guest runs (since 9.0: or is suspended again)",
            CONT,
            "Resume guest VM execution",
            |_, seen| {
                let waits = seen.before.run_state() == RunState::Inmigrate;
                let suspended = seen.after.run_state() == RunState::Suspended
                    && seen.after.release().suspended_is_live();
                let ends = runs(seen) || suspended || seen.after.is_gone();
                broken_if(done(seen, Command::Cont) && !waits && !ends)
            },
        ),
        promised(
            "cont-leads-back-to-suspended",
            "a guest that slept, and was neither reset nor woken nor loaded, is suspended after cont",
            CONT,
            "If the VM was previously suspended, and not been reset or woken, this command will transition back to the \"suspended\" state. (Since 9.0)",
            |memory, seen| {
                let slept = memory == 1;
                let there = seen.after.run_state() == RunState::Suspended;
                let broken = slept && done(seen, Command::Cont) && !there && !seen.after.is_gone();
                broken_if_or(broken, u8::from(sleeps(slept, seen)))
            },
        )
        .since(Release::V9_0),
    ]
}

/// Whether the guest sleeps, be it stopped or not, as far as its story tells.
fn sleeps(mut sleeps: bool, seen: &Seen<'_>) -> bool {
    for output in seen.outputs {
        match output {
            Output::State {
                to: RunState::Suspended,
                ..
            } => sleeps = true,
            Output::State {
                to: RunState::Running,
                ..
            }
            | Output::Event(Event::Reset(_) | Event::Wakeup) => {
                sleeps = false;
            }
            Output::State { .. } | Output::Event(_) | Output::Exit(_) | Output::Abort { .. } => {}
        }
    }
    let another = matches!(
        seen.input,
        Some(
            Input::Guest(Guest::SubsystemReset)
                | Input::Command(Command::Loadvm(Load::Found { .. }))
                | Input::Host(Host::IncomingArrives(_))
        )
    );
    sleeps && !another
}

fn of_other_commands() -> [Property; 6] {
    [
        promised(
            "quit-exits",
            "QEMU exits after quit",
            "qapi/control.json (10.0), quit",
            "This command will cause the QEMU process to exit gracefully",
            |_, seen| broken_if(done(seen, Command::Quit) && !exits(seen)),
        ),
        promised(
            "system-reset-resets",
            "RESET follows system_reset, unless resets shut down",
            "qapi/machine.json (10.0), system_reset",
            "Performs a hard reset of a guest",
            |_, seen| {
                let reset = events(seen).any(|event| matches!(event, Event::Reset(_)));
                broken_if(done(seen, Command::SystemReset) && !reset)
            },
        )
        .under(|actions| actions.reboot() == RebootAction::Reset),
        promised(
            "powerdown-is-down",
            "after POWERDOWN the guest does not run",
            "qapi/run-state.json (10.0), POWERDOWN",
            "Emitted when the virtual machine is powered down through the power control system",
            |_, seen| broken_if(events(seen).any(|event| event == Event::Powerdown) && runs(seen)),
        ),
        promised(
            "only-cont-ends-prelaunch",
            "only cont leads from prelaunch to running",
            "qemu-options.hx (10.0), -S",
            "Do not start CPU at startup (you must type 'c' in the monitor)",
            |_, seen| {
                let waits =
                    seen.before.life() == Life::Alive && seen.before.run_state() == RunState::Prelaunch;
                let cont = seen.input == Some(Input::Command(Command::Cont));
                broken_if(waits && runs(seen) && !cont)
            },
        ),
        promised(
            "exit-preconfig-once",
            "x-exit-preconfig is refused when the machine is there",
            "qapi/misc.json (10.0), x-exit-preconfig",
            "The command is only available during the preconfig state",
            |_, seen| {
                let preconfig = seen.before.life() == Life::Preconfig;
                broken_if(done(seen, Command::ExitPreconfig) && !preconfig)
            },
        ),
        promised(
            "exit-preconfig-goes-on",
            "after x-exit-preconfig the machine is there, and running, in prelaunch or in inmigrate",
            "qemu-options.hx (10.0), --preconfig",
            "Use QMP command 'x-exit-preconfig' to exit the preconfig state and move to the next state (i.e. run guest if -S isn't used or pause the second time if -S is used)",
            |_, seen| {
                let next = matches!(
                    seen.after.run_state(),
                    RunState::Running | RunState::Prelaunch | RunState::Inmigrate
                );
                broken_if(done(seen, Command::ExitPreconfig) && !(next && seen.after.life() == Life::Alive))
            },
        ),
    ]
}

fn of_running() -> [Property; 4] {
    [
        promised(
            "stop-is-told",
            "a guest that does not run any more has told STOP or SUSPEND, or QEMU is gone",
            "qapi/run-state.json (10.0), STOP",
            "Emitted when the virtual machine is stopped",
            |_, seen| {
                let told = events(seen).any(|event| matches!(event, Event::Stop | Event::Suspend));
                let stopped = seen.before.query_status().running && !runs(seen) && !seen.after.is_gone();
                broken_if(stopped && !told)
            },
        ),
        promised(
            "resume-is-told",
            "a guest that runs again has told RESUME or WAKEUP",
            "qapi/run-state.json (10.0), RESUME",
            "Emitted when the virtual machine resumes execution",
            |_, seen| {
                let told = events(seen).any(|event| matches!(event, Event::Resume | Event::Wakeup));
                // A machine that is made with x-exit-preconfig begins.
                let was_there = seen.before.life() == Life::Alive;
                broken_if(was_there && !seen.before.query_status().running && runs(seen) && !told)
            },
        ),
        promised(
            "resume-runs",
            "after RESUME the guest runs, unless STOP or SUSPEND follow",
            "qapi/run-state.json (10.0), RESUME",
            "Emitted when the virtual machine resumes execution",
            |_, seen| {
                let last = events(seen)
                    .filter(|event| matches!(event, Event::Stop | Event::Resume | Event::Suspend))
                    .last();
                broken_if(last == Some(Event::Resume) && !runs(seen) && !seen.after.is_gone())
            },
        ),
        promised(
            "suspend-is-suspended",
            "after SUSPEND the VM is suspended",
            "qapi/run-state.json (10.0), SUSPEND",
            "Emitted when guest enters a hardware suspension state",
            |_, seen| {
                let told = events(seen).any(|event| event == Event::Suspend);
                let there = seen.after.run_state() == RunState::Suspended;
                broken_if(told && !there && !seen.after.is_gone())
            },
        ),
    ]
}

fn of_shutdown_and_reset() -> [Property; 6] {
    /// Remembers a debugger that has connected, which stops a VM that is live.
    fn attached(memory: u8, seen: &Seen<'_>) -> u8 {
        u8::from(memory == 1 || seen.input == Some(Input::Host(Host::GdbAttach)))
    }
    /// A debugger that is not there kills nothing.
    fn out_of_nowhere(memory: u8, seen: &Seen<'_>) -> bool {
        memory == 0 && seen.input == Some(Input::Host(Host::GdbKill))
    }
    fn by_guest(seen: &Seen<'_>) -> bool {
        matches!(seen.input, Some(Input::Guest(_)))
    }
    [
        promised(
            "shutdown-guest-member",
            "SHUTDOWN's member `guest` is true just if the guest asked for it",
            "qapi/run-state.json (10.0), SHUTDOWN",
            "If true, the shutdown was triggered by a guest request [...] rather than a host request",
            |memory, seen| {
                let wrong = events(seen).any(
                    |event| matches!(event, Event::Shutdown(cause) if cause.by_guest() != by_guest(seen)),
                );
                broken_if_or(wrong && !out_of_nowhere(memory, seen), attached(memory, seen))
            },
        ),
        promised(
            "reset-guest-member",
            "RESET's member `guest` is true just if the guest asked for it",
            "qapi/run-state.json (10.0), RESET",
            "If true, the reset was triggered by a guest request [...] rather than a host request",
            |_, seen| {
                broken_if(
                    events(seen).any(
                        |event| matches!(event, Event::Reset(cause) if cause.by_guest() != by_guest(seen)),
                    ),
                )
            },
        ),
        promised(
            "shutdown-names-its-cause",
            "SHUTDOWN's reason is what the host or the guest has just done",
            "qapi/run-state.json (10.0), ShutdownCause",
            "host-qmp-quit: Reaction to the QMP command 'quit'",
            |memory, seen| {
                let cause = events(seen).find_map(|event| {
                    if let Event::Shutdown(cause) = event {
                        Some(cause)
                    } else {
                        None
                    }
                });
                let right = cause.is_none_or(|cause| match seen.input {
                    Some(Input::Command(Command::Quit)) => cause == ShutdownCause::HostQmpQuit,
                    Some(Input::Command(Command::SystemReset)) => cause == ShutdownCause::HostQmpSystemReset,
                    Some(Input::Host(Host::Signal)) => cause == ShutdownCause::HostSignal,
                    Some(Input::Host(Host::UiClose)) => cause == ShutdownCause::HostUi,
                    Some(Input::Guest(Guest::Panic)) => cause == ShutdownCause::GuestPanic,
                    Some(Input::Guest(_)) => {
                        matches!(cause, ShutdownCause::GuestShutdown | ShutdownCause::GuestReset)
                    }
                    Some(Input::Command(_) | Input::Host(_)) | None => false,
                });
                broken_if_or(!right && !out_of_nowhere(memory, seen), attached(memory, seen))
            },
        ),
        promised(
            "subsystem-reset-is-silent",
            "a reset of a subsystem tells nothing and does not shut down",
            "qapi/run-state.json (10.0), ShutdownCause",
            "Partial guest reset that does not trigger QMP events and ignores --no-reboot",
            |_, seen| {
                let reset = seen.input == Some(Input::Guest(Guest::SubsystemReset));
                broken_if(reset && (events(seen).next().is_some() || seen.after.is_gone()))
            },
        ),
        promised(
            "no-reboot-exits",
            "with -no-reboot QEMU exits when the guest resets itself",
            "qemu-options.hx (10.0), -no-reboot",
            "Exit instead of rebooting",
            |_, seen| broken_if(seen.input == Some(Input::Guest(Guest::Reset)) && !exits(seen)),
        )
        .under(|actions| {
            actions.reboot() == RebootAction::Shutdown && actions.shutdown() == ShutdownAction::Poweroff
        }),
        promised(
            "no-shutdown-stops",
            "with -no-shutdown a guest that shuts down does not run any more, and QEMU does not exit",
            "qemu-options.hx (10.0), -no-shutdown",
            "Don't exit QEMU on guest shutdown, but instead only stop the emulation",
            |_, seen| {
                let guest = shuts_down(seen) && by_guest(seen);
                broken_if(guest && (runs(seen) || seen.after.is_gone()))
            },
        )
        .under(|actions| actions.shutdown() == ShutdownAction::Pause),
    ]
}

fn of_panics() -> [Property; 5] {
    const PANIC: &str = "qapi/run-state.json (10.0), PanicAction";
    [
        promised(
            "panic-shuts-down",
            "with panic=shutdown SHUTDOWN follows a panic",
            PANIC,
            "Shutdown the VM and exit, according to the shutdown action",
            |_, seen| broken_if(panics(seen) && !shuts_down(seen)),
        )
        .under(|actions| actions.panic() == PanicAction::Shutdown),
        promised(
            "panic-exits-with-failure",
            "with panic=exit-failure QEMU exits after a panic, and its status is not 0",
            PANIC,
            "Shutdown the VM and exit with nonzero status (since 7.1)",
            |_, seen| {
                let failed = seen
                    .outputs
                    .iter()
                    .any(|output| matches!(output, Output::Exit(status) if status.0 != 0));
                broken_if(seen.input == Some(Input::Guest(Guest::Panic)) && !failed)
            },
        )
        .since(Release::V7_1)
        .under(|actions| actions.panic() == PanicAction::ExitFailure),
        promised(
            "crashloaded-runs",
            "GUEST_CRASHLOADED says run",
            "qapi/run-state.json (10.0), GUEST_CRASHLOADED",
            "action that has been taken, currently always \"run\"",
            |_, seen| {
                broken_if(events(seen).any(|event| {
                    matches!(event, Event::GuestCrashloaded(action) if action != GuestPanicAction::Run)
                }))
            },
        ),
        promised(
            "crashloaded-changes-nothing",
            "a guest that handles its panic itself goes on",
            "docs/specs/pvpanic.rst (10.0)",
            "a guest panic has happened and will be handled by the guest; the host should record it or report it, but should not affect the execution of the guest",
            |_, seen| broken_if(seen.input == Some(Input::Guest(Guest::Crashloaded)) && moves(seen)),
        ),
        promised(
            "pvshutdown-is-told",
            "GUEST_PVSHUTDOWN, and SHUTDOWN after it, come when the guest asks pvpanic for a shutdown",
            "qapi/run-state.json (10.0), GUEST_PVSHUTDOWN",
            "Emitted when guest submits a shutdown request via pvpanic interface",
            |_, seen| {
                let asked = seen.input == Some(Input::Guest(Guest::Pvshutdown));
                let told = events(seen).next() == Some(Event::GuestPvshutdown)
                    && follows(seen, |event| matches!(event, Event::Shutdown(_)));
                broken_if(asked && !told)
            },
        )
        .since(Release::V9_1),
    ]
}

fn of_disks_and_dumps() -> [Property; 4] {
    [
        promised(
            "io-error-then-stop",
            "STOP follows a BLOCK_IO_ERROR that says stop",
            "qapi/block-core.json (10.0), BLOCK_IO_ERROR",
            "If action is \"stop\", a STOP event will eventually follow the BLOCK_IO_ERROR event",
            |_, seen| {
                let told = events(seen).any(|event| event == Event::BlockIoError(BlockErrorAction::Stop));
                broken_if(told && !follows(seen, |event| event == Event::Stop))
            },
        ),
        promised(
            "io-error-reported-goes-on",
            "an error that is reported to the device, or ignored, stops nothing",
            "qapi/block-core.json (10.0), BlockErrorAction",
            "error has been reported to the device",
            |_, seen| {
                let told = events(seen).any(
                    |event| matches!(event, Event::BlockIoError(action) if action != BlockErrorAction::Stop),
                );
                broken_if(told && moves(seen))
            },
        ),
        promised(
            "dump-completed-in-background",
            "only a dump in the background ends with DUMP_COMPLETED",
            "qapi/dump.json (10.0), DUMP_COMPLETED",
            "Emitted when background dump has completed",
            |_, seen| {
                let detached = seen.input == Some(Input::Host(Host::DumpCompletes));
                broken_if(events(seen).any(|event| event == Event::DumpCompleted) && !detached)
            },
        ),
        promised(
            "watchdog-debug-continues",
            "a watchdog whose action is debug changes no state",
            "qemu-options.hx (10.0), -watchdog-action",
            "print a debug message and continue",
            |_, seen| broken_if(bites(seen, WatchdogAction::Debug) && moves(seen)),
        ),
    ]
}

fn of_states() -> [Property; 7] {
    const STATES: &str = "qapi/run-state.json (10.0), RunState";
    /// The destination of a migration takes over what befell the source.
    fn migrates(seen: &Seen<'_>) -> bool {
        matches!(seen.input, Some(Input::Host(Host::IncomingArrives(_))))
    }
    [
        promised(
            "watchdog-is-the-watchdogs",
            "only a watchdog, here or at the source of a migration, leads to the state watchdog",
            STATES,
            "the watchdog action is configured to pause and has been triggered",
            |memory, seen| {
                let bitten = memory == 1 || bites(seen, WatchdogAction::Pause) || migrates(seen);
                broken_if_or(arrives(seen, RunState::Watchdog) && !bitten, u8::from(bitten))
            },
        ),
        promised(
            "guest-panicked-is-the-guests",
            "only a panic, here or at the source of a migration, leads to the state guest-panicked",
            STATES,
            "guest has been panicked as a result of guest OS panic",
            |memory, seen| {
                let panicked = memory == 1 || panics(seen) || migrates(seen);
                broken_if_or(
                    arrives(seen, RunState::GuestPanicked) && !panicked,
                    u8::from(panicked),
                )
            },
        ),
        promised(
            "internal-error-ends-execution",
            "after an internal error the guest does not run before a reset",
            STATES,
            "An internal error that prevents further guest execution has occurred",
            |memory, seen| {
                let failed = seen
                    .outputs
                    .iter()
                    .fold(memory == 1, |failed, output| match output {
                        Output::State {
                            to: RunState::InternalError,
                            ..
                        } => true,
                        Output::Event(Event::Reset(_)) => false,
                        Output::Event(_) | Output::State { .. } | Output::Exit(_) | Output::Abort { .. } => {
                            failed
                        }
                    });
                let loaded = matches!(
                    seen.input,
                    Some(Input::Command(Command::Loadvm(Load::Found { .. })))
                );
                let failed = failed && !loaded;
                broken_if_or(failed && runs(seen), u8::from(failed))
            },
        ),
        promised(
            "debug-needs-a-debugger",
            "only where a debugger is, or a breakpoint is met, a VM gets into the state debug",
            STATES,
            "QEMU is running on a debugger",
            |memory, seen| {
                let debugged = memory == 1
                    || matches!(
                        seen.input,
                        Some(
                            Input::Guest(Guest::Debug)
                                | Input::Host(
                                    Host::GdbAttach
                                        | Host::GdbInterrupt
                                        | Host::GdbContinue
                                        | Host::GdbDetach
                                )
                        )
                    );
                broken_if_or(arrives(seen, RunState::Debug) && !debugged, u8::from(debugged))
            },
        ),
        promised(
            "restore-vm-is-left",
            "no VM is in the state restore-vm when nothing is being loaded",
            STATES,
            "guest is paused to restore VM state",
            |_, seen| broken_if(stays(seen, RunState::RestoreVm)),
        ),
        promised(
            "save-vm-is-left",
            "no VM is in the state save-vm when nothing is being saved",
            STATES,
            "guest is paused to save the VM state",
            |memory, seen| {
                let dumping = match seen.input {
                    Some(Input::Command(Command::DumpGuestMemory { detach: true })) => {
                        memory == 1 || seen.answer == Answer::Done
                    }
                    Some(Input::Host(Host::DumpCompletes)) => false,
                    _ => memory == 1,
                };
                broken_if_or(stays(seen, RunState::SaveVm) && !dumping, u8::from(dumping))
            },
        ),
        promised(
            "inmigrate-waits",
            "no VM is in the state inmigrate when its incoming migration has failed",
            STATES,
            "guest is paused waiting for an incoming migration",
            |_, seen| {
                let failed = seen.input == Some(Input::Host(Host::IncomingFails));
                broken_if(failed && stays(seen, RunState::Inmigrate))
            },
        ),
    ]
}

/// A command was executed, and not refused.
pub(super) fn done(seen: &Seen<'_>, command: Command) -> bool {
    seen.input == Some(Input::Command(command)) && seen.answer == Answer::Done
}

pub(super) const fn runs(seen: &Seen<'_>) -> bool {
    seen.after.query_status().running && !seen.after.is_gone()
}

pub(super) fn stays(seen: &Seen<'_>, state: RunState) -> bool {
    seen.after.run_state() == state && !seen.after.is_gone()
}

/// The run state has changed, or QEMU is gone.
fn moves(seen: &Seen<'_>) -> bool {
    seen.before.run_state() != seen.after.run_state() || seen.after.is_gone()
}
