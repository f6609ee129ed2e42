//! What QEMU's documentation says of migration and of COLO.

use runstate::{
    Answer, Capability, Channel, Command, Event, Host, Input, Life, MigrationStatus, Output, Refusal,
    Release, RunState,
};

use super::{
    Property,
    claims::{broken_if, broken_if_or, events, promised, ready, refused},
    lifecycle::{done, runs, stays},
    states::arrives,
};
use crate::explore::Seen;

/// Migration without COLO.
pub(super) fn of_migration() -> Vec<Property> {
    let mut promises = of_commands().to_vec();
    promises.extend(of_switchover());
    promises.extend(of_events());
    promises.extend(of_failures());
    promises
}

fn of_commands() -> [Property; 5] {
    const CANCEL: &str = "qapi/migration.json (10.0), migrate_cancel";
    fn cancels(seen: &Seen<'_>) -> bool {
        done(seen, Command::MigrateCancel)
    }
    [
        promised(
            "cancel-succeeds",
            "migrate_cancel is not refused where no migration is at work",
            CANCEL,
            "This command succeeds even if there is no migration process running",
            |_, seen| {
                let cancel = seen.input == Some(Input::Command(Command::MigrateCancel));
                broken_if(cancel && refused(seen) && ready(seen) && !at_work(seen.before.migration_status()))
            },
        ),
        promised(
            "cancel-cancels",
            "a migration that is at work is cancelling or cancelled after migrate_cancel",
            CANCEL,
            "Cancel the currently executing migration process",
            |_, seen| {
                let cancelled = matches!(
                    seen.after.migration_status(),
                    MigrationStatus::Cancelling | MigrationStatus::Cancelled
                );
                broken_if(cancels(seen) && at_work(seen.before.migration_status()) && !cancelled)
            },
        ),
        promised(
            "cancel-makes-room",
            "migrate is not refused for the sake of a migration that was cancelled",
            CANCEL,
            "Allows a new migration to be started right after",
            |memory, seen| {
                let refused = seen.answer == Answer::Refused(Refusal::MigrationInProgress);
                let cancelled = (memory == 1 || cancels(seen) && seen.before.migration_in_flight())
                    && begins(seen).is_none();
                let migrate = matches!(seen.input, Some(Input::Command(Command::Migrate(_))));
                broken_if_or(memory == 1 && migrate && refused, u8::from(cancelled))
            },
        )
        .since(Release::V10_0_0),
        promised(
            "no-cancel-in-postcopy",
            "migrate_cancel is refused when postcopy has begun",
            CANCEL,
            "cancelling is not allowed after the postcopy phase has started",
            |_, seen| {
                let postcopy = matches!(
                    seen.before.migration_status(),
                    MigrationStatus::PostcopyActive
                        | MigrationStatus::PostcopyPaused
                        | MigrationStatus::PostcopyRecover
                );
                broken_if(cancels(seen) && postcopy)
            },
        )
        .since(Release::V10_0_0),
        promised(
            "resume-needs-paused-postcopy",
            "migrate with resume is refused where no postcopy is paused",
            "qapi/migration.json (10.0), migrate",
            "resume one paused migration",
            |_, seen| {
                let paused = seen.before.migration_status() == MigrationStatus::PostcopyPaused;
                broken_if(done(seen, Command::MigrateResume) && !paused)
            },
        ),
    ]
}

fn of_switchover() -> [Property; 4] {
    [
        promised(
            "pause-waits-for-continue",
            "with pause-before-switchover no migration goes on to its end before migrate-continue",
            "qapi/migration.json (10.0), MigrationCapability",
            "Pause outgoing migration before serialising device state and before disabling block IO",
            |memory, seen| {
                let paused =
                    matches!(begins(seen), Some(setup) if setup.has(Capability::PauseBeforeSwitchover));
                let goes_on = matches!(
                    seen.input,
                    Some(Input::Command(
                        Command::MigrateContinue(_) | Command::MigrateCancel
                    ))
                ) && seen.answer == Answer::Done
                    || begins(seen).is_some();
                let after = seen.after.migration_status();
                let switched = seen.before.migration_status() != after
                    && matches!(
                        after,
                        MigrationStatus::Device
                            | MigrationStatus::PostcopyActive
                            | MigrationStatus::Completed
                            | MigrationStatus::Colo
                    );
                let converges = seen.input == Some(Input::Host(Host::MigrationConverges));
                broken_if_or(
                    memory == 1 && converges && switched,
                    u8::from(paused || memory == 1 && !goes_on),
                )
            },
        ),
        promised(
            "pre-switchover-is-paused",
            "no guest runs while its migration is in pre-switchover",
            "qapi/migration.json (10.0), MigrationStatus",
            "Paused before device serialisation",
            |_, seen| {
                let there = seen.after.migration_status() == MigrationStatus::PreSwitchover;
                broken_if(there && runs(seen))
            },
        ),
        promised(
            "finish-migrate-is-left",
            "no VM is in the state finish-migrate when no migration is at work",
            "qapi/run-state.json (10.0), RunState",
            "guest is paused to finish the migration process",
            |_, seen| broken_if(stays(seen, RunState::FinishMigrate) && !seen.after.migration_in_flight()),
        ),
        promised(
            "cpr-stops",
            "in the mode cpr-reboot the guest does not run when migrate has been executed",
            "docs/devel/migration/CPR.rst (10.0)",
            "CPR unconditionally stops VM execution before memory is saved",
            |_, seen| broken_if(matches!(begins(seen), Some(setup) if setup.is_cpr_reboot()) && runs(seen)),
        )
        .since(Release::V9_0),
    ]
}

fn of_events() -> [Property; 4] {
    fn says(seen: &Seen<'_>, status: MigrationStatus) -> bool {
        events(seen).any(|event| event == Event::Migration(status))
    }
    [
        promised(
            "device-comes-always",
            "every migration that completes has said device",
            "qapi/migration.json (10.0), MigrationStatus",
            "After 10.0, this state will always be present for every migration procedure as the switchover phase",
            |memory, seen| {
                let waits = (memory == 1 || begins(seen).is_some()) && !says(seen, MigrationStatus::Device);
                broken_if_or(waits && says(seen, MigrationStatus::Completed), u8::from(waits))
            },
        )
        .since(Release::V10_0_0)
        .told_by_events(),
        promised(
            "device-needs-pause",
            "only a migration with pause-before-switchover says device",
            "qapi/migration.json (9.2), MigrationStatus",
            "During device serialisation when pause-before-switchover is enabled",
            |memory, seen| {
                let pauses = match begins(seen) {
                    Some(setup) => setup.has(Capability::PauseBeforeSwitchover),
                    None => memory == 1,
                };
                broken_if_or(says(seen, MigrationStatus::Device) && !pauses, u8::from(pauses))
            },
        )
        .until(Release::V9_2)
        .told_by_events(),
        promised(
            "passes-start-at-1",
            "the first MIGRATION_PASS of a migration says 1",
            "qapi/migration.json (11.1), MIGRATION_PASS",
            "An incrementing count (starting at 1 on the first pass)",
            |memory, seen| {
                let first = memory == 1 || begins(seen).is_some();
                let pass = events(seen).find_map(|event| {
                    if let Event::MigrationPass(pass) = event {
                        Some(pass)
                    } else {
                        None
                    }
                });
                broken_if_or(
                    first && pass.is_some_and(|pass| pass != 1),
                    u8::from(first && pass.is_none()),
                )
            },
        )
        .told_by_events(),
        promised(
            "failed-is-cleaned-up",
            "nothing else happens after MIGRATION failed",
            "qapi/migration.json (11.0), MigrationStatus",
            "error occurred during migration, clean-up done",
            |_, seen| {
                let failed = Output::Event(Event::Migration(MigrationStatus::Failed));
                let mut after = seen.outputs.iter().skip_while(|output| **output != failed).skip(1);
                broken_if(after.any(|output| {
                    matches!(output, Output::State { .. } | Output::Event(Event::Resume | Event::Stop))
                }))
            },
        )
        .since(Release::V11_0)
        .told_by_events(),
    ]
}

fn of_failures() -> [Property; 3] {
    const INCOMING: &str = "qapi/migration.json (10.0), migrate-incoming";
    /// The stream to a VM that waits for it breaks; a secondary of COLO has had its own.
    fn breaks(seen: &Seen<'_>) -> bool {
        seen.input == Some(Input::Host(Host::IncomingFails)) && !seen.before.is_colo_secondary()
    }
    [
        promised(
            "postcopy-fails-into-paused",
            "a postcopy whose channel breaks is postcopy-paused",
            "docs/devel/migration/postcopy.rst (10.0)",
            "When network issue occurs, both QEMU will go into POSTCOPY_PAUSED migration state",
            |_, seen| {
                let active = seen.before.migration_status() == MigrationStatus::PostcopyActive;
                let failed = seen.input == Some(Input::Host(Host::MigrationFails));
                let paused = seen.after.migration_status() == MigrationStatus::PostcopyPaused;
                broken_if(active && failed && !paused)
            },
        )
        .since(Release::V9_1),
        promised(
            "incoming-failure-exits",
            "QEMU exits when its incoming migration fails, unless exit-on-error is false",
            INCOMING,
            "Exit on incoming migration failure. Default true",
            |memory, seen| {
                let exits = match seen.input {
                    Some(Input::Command(Command::MigrateIncoming {
                        channel: Channel::Good,
                        exit_on_error,
                    })) if seen.answer == Answer::Done => exit_on_error,
                    _ => memory == 1,
                };
                broken_if_or(breaks(seen) && exits && !seen.after.is_gone(), u8::from(exits))
            },
        )
        .since(Release::V9_1),
        promised(
            "incoming-failure-is-told",
            "MIGRATION tells of an incoming migration that fails where QEMU stays",
            INCOMING,
            "When set to false, the failure triggers a MIGRATION event",
            |_, seen| {
                let told = events(seen).any(|event| event == Event::Migration(MigrationStatus::Failed));
                broken_if(breaks(seen) && !seen.after.is_gone() && !told)
            },
        )
        .since(Release::V9_1),
    ]
}

/// COLO.
pub(super) fn of_colo() -> [Property; 6] {
    const CAPABILITY: u8 = 1;
    const MIGRATION: u8 = 2;
    const FAILOVER: u8 = 4;
    const SECONDARY: u8 = 8;
    const TOLD: u8 = 16;
    /// Whether `x-colo` is on, whether it was when the migration began, whether a failover was asked for, and of whom; whether
    /// COLO_EXIT was told of this COLO.
    fn colo(memory: u8, seen: &Seen<'_>) -> u8 {
        let with = |memory: u8, bit: u8, on| if on { memory | bit } else { memory & !bit };
        // It is set whether or not the migration is refused then.
        let memory = match seen.setup {
            Some(setup) => with(memory, CAPABILITY, setup.has(Capability::Colo)),
            None => memory,
        };
        let told = events(seen).any(|event| matches!(event, Event::ColoExit(..)));
        let enters = !seen.before.is_colo_secondary() && seen.after.is_colo_secondary();
        let memory = if told || enters {
            with(memory, TOLD, told)
        } else {
            memory
        };
        if let Some(setup) = begins(seen) {
            return with(memory & !FAILOVER & !TOLD, MIGRATION, setup.has(Capability::Colo));
        }
        if seen.answer != Answer::Done {
            return memory;
        }
        match seen.input {
            Some(Input::Command(Command::MigrateSetCapability(Capability::Colo, on))) => {
                with(memory, CAPABILITY, on)
            }
            Some(Input::Command(Command::ColoLostHeartbeat)) => {
                with(memory | FAILOVER, SECONDARY, seen.before.is_colo_secondary())
            }
            _ => memory,
        }
    }
    [
        promised(
            "colo-never-ends",
            "a migration with x-colo does not complete by itself",
            "qapi/migration.json (10.0), MigrationCapability",
            "If enabled, migration will never end",
            |memory, seen| {
                let converges = seen.input == Some(Input::Host(Host::MigrationConverges));
                let ends = seen.after.migration_status() == MigrationStatus::Completed;
                broken_if_or(memory & MIGRATION != 0 && converges && ends, colo(memory, seen))
            },
        ),
        promised(
            "colo-state-needs-capability",
            "no VM gets into the state colo while x-colo is off",
            "qapi/run-state.json (10.0), RunState",
            "VM can not get into this state unless colo capability is enabled for migration",
            |memory, seen| {
                let enabled = if seen.before.is_colo_secondary() {
                    CAPABILITY
                } else {
                    MIGRATION
                };
                broken_if_or(
                    arrives(seen, RunState::Colo) && memory & enabled == 0,
                    colo(memory, seen),
                )
            },
        ),
        promised(
            "colo-status-needs-capability",
            "no migration is in colo that began while x-colo was off",
            "qapi/migration.json (10.0), MigrationStatus",
            "VM can not get into this state unless colo capability is enabled for migration",
            |memory, seen| {
                let there = seen.after.migration_status() == MigrationStatus::Colo;
                broken_if_or(there && memory & MIGRATION == 0, colo(memory, seen))
            },
        ),
        promised(
            "colo-exit-leaves",
            "after COLO_EXIT the VM is not in COLO any more",
            "qapi/migration.json (10.0), COLO_EXIT",
            "Emitted when VM finishes COLO mode due to some errors happening or at the request of users",
            |_, seen| {
                let told = events(seen).any(|event| matches!(event, Event::ColoExit(..)));
                let there =
                    seen.after.migration_status() == MigrationStatus::Colo || seen.after.is_colo_secondary();
                broken_if(told && there)
            },
        ),
        promised(
            "failover-takes-over",
            "the secondary runs when its failover is over",
            "qapi/migration.json (10.0), x-colo-lost-heartbeat",
            "the Secondary side will run failover work, then takes over server operation to become the service VM",
            |memory, seen| {
                let settles = seen.input == Some(Input::Host(Host::MigrationSettles));
                let secondary = memory & FAILOVER != 0 && memory & SECONDARY != 0;
                let memory = colo(memory, seen);
                let memory = if settles { memory & !FAILOVER } else { memory };
                broken_if_or(secondary && settles && !runs(seen), memory)
            },
        ),
        promised(
            "failover-is-told",
            "COLO_EXIT has come when a failover is over",
            "docs/system/qemu-colo.rst (11.0), docs/COLO-FT.txt (6.0)",
            "COLO failover [...] send qmp event: COLO_EXIT",
            |memory, seen| {
                let settles = seen.input == Some(Input::Host(Host::MigrationSettles));
                let over = settles && memory & FAILOVER != 0;
                let memory = colo(memory, seen);
                let memory = if settles { memory & !FAILOVER } else { memory };
                broken_if_or(over && memory & TOLD == 0, memory)
            },
        ),
    ]
}

/// The setup of a migration that begins with this step.
fn begins(seen: &Seen<'_>) -> Option<crate::explore::Setup> {
    seen.setup
        .filter(|_| seen.answer == Answer::Done && seen.before.life() == Life::Alive)
}

const fn at_work(status: MigrationStatus) -> bool {
    !matches!(
        status,
        MigrationStatus::None
            | MigrationStatus::Completed
            | MigrationStatus::Failed
            | MigrationStatus::Cancelled
    )
}
