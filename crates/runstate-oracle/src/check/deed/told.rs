//! Migrations that are told by MIGRATION, from one thing told to the next.

use runstate::{Capability, Channel, Command, Host, Input, MigrationStatus, Release};

use super::{Deed, FROM_A_RUNNING_VM, From, Kind, Told, deed, streams};

/// Everything that can happen to them.
pub(super) fn deeds(release: Release) -> Vec<Deed> {
    let mut deeds = begins(release);
    deeds.extend(goes());
    deeds.extend(steers());
    deeds.extend(arrives());
    deeds
}

const fn host(host: Host) -> Input {
    Input::Host(host)
}

const fn command(command: Command) -> Input {
    Input::Command(command)
}

fn begins(release: Release) -> Vec<Deed> {
    let mut deeds = Vec::new();
    let migrate = |cpr, channel| {
        [
            command(Command::MigrateSetCprReboot(cpr)),
            command(Command::Migrate(channel)),
        ]
    };
    deeds.push(deed("migrate", Kind::Host, &migrate(false, Channel::Good)));
    let name = "migrate, which cannot open its channel";
    deeds.push(deed(name, Kind::Host, &migrate(false, Channel::FailsAtOnce)));
    if release >= Release::V9_0 {
        let name = "migrate with the mode cpr-reboot";
        deeds.push(deed(name, Kind::Host, &migrate(true, Channel::Good)));
    }
    for exit_on_error in [true, false] {
        for channel in [Channel::Good, Channel::FailsAtOnce] {
            let inputs = [command(Command::MigrateIncoming {
                channel,
                exit_on_error,
            })];
            deeds.push(deed("migrate-incoming", Kind::Host, &inputs));
        }
    }
    deeds.push(deed("savevm", Kind::Command, &[command(Command::Savevm)]));
    let save = [
        command(Command::SnapshotSave { succeeds: true }),
        host(Host::JobCompletes),
        command(Command::JobDismiss),
    ];
    deeds.push(deed("snapshot-save", Kind::Command, &save));
    deeds.into_iter().map(|deed| deed.told(Told::Begins)).collect()
}

/// The next step of the migration's thread.
fn goes() -> Vec<Deed> {
    const PAUSE: &[Capability] = &[Capability::PauseBeforeSwitchover];
    const POSTCOPY: &[Capability] = &[Capability::PostcopyRam];
    const BOTH: &[Capability] = &[Capability::PostcopyRam, Capability::PauseBeforeSwitchover];
    let converges = host(Host::MigrationConverges);
    let postcopy = command(Command::MigrateStartPostcopy);
    let go_on = command(Command::MigrateContinue(MigrationStatus::PreSwitchover));
    let goes = |name: &str, from, inputs: &[Input]| deed(name, Kind::Host, inputs).told(Told::Goes(from));
    vec![
        goes("the migration stops the VM", From::Active, &[converges, go_on])
            .with(PAUSE)
            .without(&[MigrationStatus::PreSwitchover]),
        goes(
            "the migration pauses before the switchover",
            From::Active,
            &[converges],
        )
        .with(PAUSE),
        goes(
            "migrate-start-postcopy, and the migration stops the VM",
            From::Active,
            &[postcopy, converges],
        )
        .with(POSTCOPY),
        goes(
            "migrate-start-postcopy, and the migration pauses before the switchover",
            From::Active,
            &[postcopy, converges],
        )
        .with(BOTH),
        goes(
            "the migration is a background snapshot",
            From::Active,
            &[converges],
        )
        .with(&[Capability::BackgroundSnapshot]),
        // Before 10.0 one that was paused before the switchover would not.
        goes(
            "the migration stops the VM and enters COLO",
            From::Active,
            &[converges],
        )
        .with(&[Capability::Colo]),
        goes("the migration goes on", From::Later, &[converges]),
        goes("the migration enters COLO", From::Later, &[converges]).with(&[Capability::Colo]),
        goes("the migration fails", From::Aside, &[host(Host::MigrationFails)]),
        goes(
            "the migration winds up",
            From::Aside,
            &[host(Host::MigrationSettles)],
        ),
        // The thread waits for the lock that the command has, and stops the VM all the same: migration_completion().
        goes(
            "migrate_cancel, too late to keep the migration from stopping the VM",
            From::Cancelled,
            &[
                converges,
                command(Command::MigrateCancel),
                host(Host::MigrationSettles),
            ],
        )
        .with(PAUSE)
        .without(&[MigrationStatus::PreSwitchover]),
    ]
}

/// What a client does to it.
fn steers() -> Vec<Deed> {
    const BOTH: &[Capability] = &[Capability::PostcopyRam, Capability::PauseBeforeSwitchover];
    let go_on = command(Command::MigrateContinue(MigrationStatus::PreSwitchover));
    let steers =
        |name: &str, status, inputs: &[Input]| deed(name, Kind::Host, inputs).told(Told::Steers(status));
    vec![
        steers("migrate-continue", Some(MigrationStatus::PreSwitchover), &[go_on]),
        steers(
            "migrate-start-postcopy, migrate-continue",
            Some(MigrationStatus::PreSwitchover),
            &[command(Command::MigrateStartPostcopy), go_on],
        )
        .with(BOTH),
        steers("migrate_cancel", None, &[command(Command::MigrateCancel)]),
        steers(
            "migrate with resume",
            Some(MigrationStatus::PostcopyPaused),
            &[command(Command::MigrateResume)],
        ),
    ]
}

fn arrives() -> Vec<Deed> {
    let mut deeds: Vec<Deed> = streams()
        .map(|(name, stream)| deed(name, Kind::Host, &[host(Host::IncomingArrives(stream))]))
        .collect();
    deeds.push(deed(
        "host incoming fails",
        Kind::Host,
        &[host(Host::IncomingFails)],
    ));
    deeds.push(
        deed(
            "a secondary of a COLO pair comes to life",
            Kind::Host,
            &[host(Host::IncomingArrives(FROM_A_RUNNING_VM))],
        )
        .with(&[Capability::Colo]),
    );
    deeds.into_iter().map(|deed| deed.told(Told::Arrives)).collect()
}
