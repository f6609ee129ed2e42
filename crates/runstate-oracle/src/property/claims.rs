//! The claims.

use runstate::{
    Actions, Answer, Command, Event, GuestPanicAction, Host, Input, Output, RebootAction, Release, RunState,
    ShutdownAction, ShutdownCause, WatchdogAction,
};

use super::{Find, Promise, Property, lifecycle, migration, states};
use crate::explore::{Seen, Verdict};

const ANY: fn(Actions) -> bool = |_| true;

const fn claim(name: &'static str, claim: &'static str, find: Find) -> Property {
    Property {
        name,
        claim,
        promise: None,
        under: ANY,
        events: false,
        find,
    }
}

pub(super) const fn promised(
    name: &'static str,
    says: &'static str,
    source: &'static str,
    quote: &'static str,
    find: Find,
) -> Property {
    Property {
        promise: Some(Promise {
            source,
            quote,
            since: Release::FIRST,
            until: Release::LAST,
        }),
        ..claim(name, says, find)
    }
}

impl Property {
    /// Promised by that release and later ones.
    pub(super) const fn since(mut self, release: Release) -> Self {
        if let Some(promise) = &mut self.promise {
            promise.since = release;
        }
        self
    }

    /// Promised up to that release.
    pub(super) const fn until(mut self, release: Release) -> Self {
        if let Some(promise) = &mut self.promise {
            promise.until = release;
        }
        self
    }

    /// Promised only under such actions.
    pub(super) const fn under(mut self, actions: fn(Actions) -> bool) -> Self {
        self.under = actions;
        self
    }

    /// About what the capability `events` makes QEMU tell.
    pub(super) const fn told_by_events(mut self) -> Self {
        self.events = true;
        self
    }
}

/// What should hold on every step.
pub fn always() -> Vec<Property> {
    let mut claims = of_clients().to_vec();
    claims.extend(of_documentation());
    claims
}

/// What a client would like to rely on.
fn of_clients() -> [Property; 6] {
    [
        claim("no-abort", "QEMU never aborts", |_, seen| {
            broken_if(
                seen.outputs
                    .iter()
                    .any(|output| matches!(output, Output::Abort { .. })),
            )
        }),
        claim(
            "stop-and-resume-alternate",
            "between two STOP there is a RESUME, and the other way round",
            |memory, seen| {
                let mut last = memory;
                for event in events(seen) {
                    let this = if event == Event::Stop {
                        1
                    } else if event == Event::Resume {
                        2
                    } else {
                        continue;
                    };
                    if this == last {
                        return Verdict::Goal(0);
                    }
                    last = this;
                }
                Verdict::Go(last)
            },
        ),
        claim(
            "status-agrees-with-events",
            "whoever follows STOP, SUSPEND, RESUME and WAKEUP knows what query-status says of `running`",
            |memory, seen| {
                let mut running = memory;
                for event in events(seen) {
                    if matches!(event, Event::Stop | Event::Suspend) {
                        running = 1;
                    } else if matches!(event, Event::Resume | Event::Wakeup) {
                        running = 2;
                    }
                }
                let is = if seen.after.query_status().running { 2 } else { 1 };
                broken_if_or(running != 0 && running != is && !seen.after.is_gone(), running)
            },
        ),
        claim(
            "shutdown-then-stop-or-exit",
            "a SHUTDOWN is followed by STOP, or QEMU exits",
            |_, seen| {
                let ends = seen.after.is_gone() || follows(seen, |event| event == Event::Stop);
                broken_if(shuts_down(seen) && !ends)
            },
        ),
        claim(
            "every-reset-has-a-cause",
            "a RESET comes with the request it names: by the guest for the guest's, by the host for system_reset",
            |_, seen| {
                let asked = matches!(seen.input, Some(Input::Command(Command::SystemReset)));
                let by_guest = matches!(seen.input, Some(Input::Guest(_)));
                broken_if(events(seen).any(|event| {
                    let Event::Reset(cause) = event else { return false };
                    if cause == ShutdownCause::HostQmpSystemReset {
                        !asked
                    } else {
                        !by_guest || !cause.by_guest()
                    }
                }))
            },
        ),
        claim(
            "exits-are-announced",
            "before QEMU's process ends by itself there is a SHUTDOWN",
            |_, seen| {
                let exits = seen
                    .outputs
                    .iter()
                    .any(|output| matches!(output, Output::Exit(_)));
                broken_if(exits && !events(seen).any(|event| matches!(event, Event::Shutdown(_))))
            },
        ),
    ]
}

/// What QEMU's documentation promises.
fn of_documentation() -> Vec<Property> {
    let mut promises = of_shutdown().to_vec();
    promises.extend(of_events());
    promises.extend(of_commands());
    promises.extend(states::of_states());
    promises.extend(states::of_actions());
    promises.extend(lifecycle::of_lifecycle());
    promises.extend(migration::of_migration());
    promises.extend(migration::of_colo());
    promises
}

fn of_shutdown() -> [Property; 4] {
    [
        Property {
            under: |actions| actions.shutdown() == ShutdownAction::Poweroff,
            ..promised(
                "shutdown-then-exit",
                "without -no-shutdown QEMU exits after SHUTDOWN",
                "qapi/run-state.json (10.0), SHUTDOWN",
                "indicating that qemu is about to exit",
                |_, seen| {
                    let exits = seen
                        .outputs
                        .iter()
                        .any(|output| matches!(output, Output::Exit(_)));
                    broken_if(shuts_down(seen) && !exits)
                },
            )
        },
        Property {
            under: |actions| actions.shutdown() == ShutdownAction::Pause,
            ..promised(
                "no-shutdown-then-stop",
                "with -no-shutdown STOP comes after SHUTDOWN where a guest shuts down",
                "qapi/run-state.json (10.0), SHUTDOWN",
                "a STOP event will eventually follow the SHUTDOWN event",
                |_, seen| {
                    let gone = seen.after.is_gone();
                    broken_if(shuts_down(seen) && !gone && !follows(seen, |event| event == Event::Stop))
                },
            )
        },
        Property {
            under: |actions| actions.shutdown() == ShutdownAction::Pause,
            ..promised(
                "no-shutdown-does-not-exit",
                "with -no-shutdown QEMU does not exit unless somebody on the host wants it to",
                "qapi/run-state.json (10.0), SHUTDOWN",
                "qemu will not exit",
                |_, seen| {
                    let exits = seen
                        .outputs
                        .iter()
                        .any(|output| matches!(output, Output::Exit(_)));
                    broken_if(exits && matches!(seen.input, Some(Input::Guest(_))))
                },
            )
        },
        promised(
            "suspend-disk-shuts-down",
            "QEMU exits when the guest goes to disk (S4)",
            "qapi/run-state.json (10.0), SUSPEND_DISK",
            "QEMU shuts down (similar to event SHUTDOWN) when entering this state",
            |_, seen| {
                let asleep = events(seen).any(|event| event == Event::SuspendDisk);
                broken_if(asleep && !seen.after.is_gone())
            },
        ),
    ]
}

fn of_events() -> [Property; 5] {
    const WATCHDOG: &str = "qapi/run-state.json (10.0), WATCHDOG";
    const FOLLOWED: &str =
        "the WATCHDOG event is followed respectively by the RESET, SHUTDOWN, or STOP events";
    fn unless(seen: &Seen<'_>, action: WatchdogAction, then: fn(Event) -> bool) -> Verdict {
        let bitten = events(seen).any(|event| event == Event::Watchdog(action));
        broken_if(bitten && !follows(seen, then))
    }
    [
        Property {
            under: |actions| actions.reboot() == RebootAction::Reset,
            ..promised(
                "watchdog-reset",
                "RESET follows a watchdog's reset",
                WATCHDOG,
                FOLLOWED,
                |_, seen| {
                    unless(seen, WatchdogAction::Reset, |event| {
                        matches!(event, Event::Reset(_))
                    })
                },
            )
        },
        promised(
            "watchdog-shutdown",
            "SHUTDOWN follows a watchdog's shutdown",
            WATCHDOG,
            FOLLOWED,
            |_, seen| {
                unless(seen, WatchdogAction::Shutdown, |event| {
                    matches!(event, Event::Shutdown(_))
                })
            },
        ),
        promised(
            "watchdog-pause",
            "STOP follows a watchdog's pause",
            WATCHDOG,
            FOLLOWED,
            |_, seen| unless(seen, WatchdogAction::Pause, |event| event == Event::Stop),
        ),
        promised(
            "panic-pauses",
            "GUEST_PANICKED says pause",
            "qapi/run-state.json (10.0), GUEST_PANICKED",
            "action that has been taken, currently always \"pause\"",
            |_, seen| {
                broken_if(events(seen).any(|event| {
                    matches!(event, Event::GuestPanicked(action) if action != GuestPanicAction::Pause)
                }))
            },
        ),
        promised(
            "wakeup-runs",
            "after WAKEUP the guest runs",
            "qapi/run-state.json (10.0), WAKEUP",
            "the guest has woken up from suspend state and is running",
            |_, seen| {
                let woken = events(seen).any(|event| event == Event::Wakeup);
                broken_if(woken && !seen.after.query_status().running)
            },
        ),
    ]
}

fn of_commands() -> [Property; 6] {
    [
        promised(
            "stop-succeeds",
            "stop is never refused to a guest that is stopped",
            "qapi/misc.json (10.0), stop",
            "This function will succeed even if the guest is already in the stopped state",
            |_, seen| {
                let stop = seen.input == Some(Input::Command(Command::Stop));
                broken_if(stop && refused(seen) && ready(seen))
            },
        ),
        promised(
            "stop-pauses-the-suspended",
            "stop leads from suspended to paused",
            "qapi/misc.json (10.0), stop",
            "In the \"suspended\" state, it will completely stop the VM and cause a transition to the \"paused\" state. (Since 9.0)",
            |_, seen| {
                let stop = seen.input == Some(Input::Command(Command::Stop));
                let asleep = seen.before.run_state() == RunState::Suspended;
                let paused = seen.after.run_state() == RunState::Paused;
                broken_if(stop && asleep && !refused(seen) && !paused && !seen.after.is_gone())
            },
        ),
        promised(
            "cont-succeeds-when-running",
            "cont is never refused to a guest that runs",
            "qapi/misc.json (10.0), cont",
            "This command will succeed if the guest is currently running",
            |_, seen| {
                let cont = seen.input == Some(Input::Command(Command::Cont));
                broken_if(cont && refused(seen) && seen.before.run_state() == RunState::Running)
            },
        ),
        promised(
            "cont-succeeds-in-inmigrate",
            "cont is never refused to a VM that waits for its incoming migration",
            "qapi/misc.json (10.0), cont",
            "It will also succeed if the guest is in the \"inmigrate\" state",
            |_, seen| {
                let cont = seen.input == Some(Input::Command(Command::Cont));
                let waits = seen.before.run_state() == RunState::Inmigrate;
                broken_if(cont && waits && refused(seen) && ready(seen))
            },
        ),
        promised(
            "wakeup-needs-suspended",
            "system_wakeup succeeds in the state suspended and in no other",
            "qapi/machine.json (10.0), system_wakeup",
            "wake-up guest from suspend if the guest is in SUSPENDED state. Return an error otherwise",
            |_, seen| {
                let wakeup = seen.input == Some(Input::Command(Command::SystemWakeup));
                let suspended = seen.before.run_state() == RunState::Suspended;
                broken_if(wakeup && ready(seen) && (seen.answer == Answer::Done) != suspended)
            },
        ),
        promised(
            "paused-by-stop",
            "only stop leads to the state paused",
            "qapi/run-state.json (10.0), RunState",
            "guest has been paused via the 'stop' command",
            |_, seen| {
                let arrives = seen.outputs.iter().any(|output| {
                    matches!(
                        output,
                        Output::State {
                            to: RunState::Paused,
                            ..
                        }
                    )
                });
                let stop = seen.input == Some(Input::Command(Command::Stop));
                // A stream tells of a stop on the other side.
                let stream = matches!(seen.input, Some(Input::Host(Host::IncomingArrives(_))));
                broken_if(arrives && !stop && !stream)
            },
        ),
    ]
}

/// What should happen on some step: a model that never gets there is safe because it does nothing.
pub fn sometimes() -> Vec<Property> {
    macro_rules! reaches {
        ($($name:literal => $State:ident),+ $(,)?) => {
            vec![$(claim($name, concat!("a VM is ", $name, " between two inputs"), |_, seen| {
                broken_if(seen.after.run_state() == RunState::$State && !seen.after.is_gone())
            })),+]
        };
    }
    reaches! {
        "debug" => Debug,
        "inmigrate" => Inmigrate,
        "internal-error" => InternalError,
        "io-error" => IoError,
        "paused" => Paused,
        "postmigrate" => Postmigrate,
        "prelaunch" => Prelaunch,
        "finish-migrate" => FinishMigrate,
        "restore-vm" => RestoreVm,
        "running" => Running,
        "save-vm" => SaveVm,
        "shutdown" => Shutdown,
        "suspended" => Suspended,
        "watchdog" => Watchdog,
        "guest-panicked" => GuestPanicked,
        "colo" => Colo,
    }
}

pub(super) const fn broken_if(broken: bool) -> Verdict {
    broken_if_or(broken, 0)
}

pub(super) const fn broken_if_or(broken: bool, remember: u8) -> Verdict {
    if broken {
        Verdict::Goal(0)
    } else {
        Verdict::Go(remember)
    }
}

/// The events of a step, in order.
pub(super) fn events<'a>(seen: &Seen<'a>) -> impl Iterator<Item = Event> + 'a {
    seen.outputs.iter().filter_map(|&output| match output {
        Output::Event(event) => Some(event),
        Output::State { .. } | Output::Exit(_) | Output::Abort { .. } => None,
    })
}

pub(super) fn shuts_down(seen: &Seen<'_>) -> bool {
    events(seen).any(|event| matches!(event, Event::Shutdown(_)))
}

/// Whether such an event is among those that come after the first.
pub(super) fn follows(seen: &Seen<'_>, then: fn(Event) -> bool) -> bool {
    events(seen).skip(1).any(then)
}

pub(super) const fn refused(seen: &Seen<'_>) -> bool {
    matches!(seen.answer, Answer::Refused(_))
}

/// The machine is there: -preconfig refuses nearly everything.
pub(super) fn ready(seen: &Seen<'_>) -> bool {
    seen.before.life() == runstate::Life::Alive
}
