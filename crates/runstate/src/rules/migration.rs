//! The source of a migration. migration/migration.c.

use crate::{
    Answer, Capability, Channel, ColoMode, Impossible, MigrationStatus, Output, Refusal, Release, RunState,
    Vm,
    rules::incoming::Incoming,
    vm::{Aborted, Flags, Ran},
};

/// How far the outgoing migration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Migration {
    /// None yet, or the last one ended.
    None,
    Completed,
    Failed,
    Cancelled,
    /// Begun; the guest runs on.
    Active,
    /// The same, and postcopy was asked for.
    ActivePostcopy,
    /// Stopped, waiting for `migrate-continue`.
    PreSwitchover,
    PreSwitchoverPostcopy,
    /// Continued; the device state is yet to be sent.
    Device,
    DevicePostcopy,
    /// The destination runs.
    Postcopy,
    PostcopyPaused,
    PostcopyRecover,
    Colo,
    /// In COLO, but the link is broken: COLO_EXIT was said, and there are no more checkpoints.
    ColoBroken,
    /// A failover of the COLO pair was asked for; COLO_EXIT is yet to come.
    ColoFailover,
    /// The same after COLO_EXIT.
    ColoFailoverBroken,
    /// Cancelled before the stop.
    Cancelling,
    /// Cancelled after it.
    CancellingStopped,
    /// Cancelled in COLO: its thread says COLO_EXIT when it wakes for the next checkpoint.
    CancellingColo,
    /// Cancelled where no thread is left that would wind it up: in COLO, or a migration that never began. It stays like this.
    CancellingForever,
    /// Refused when it was set up already: it stays like this.
    SetupForever,
    /// All is sent, and QEMU does not know how to end it ("Unknown ending state"): it stays like this, and so does the VM.
    DeviceForever,
    /// The same of a postcopy.
    PostcopyForever,
}

impl Migration {
    /// `migration_is_running()`: a second one is refused.
    pub(crate) const fn in_flight(self) -> bool {
        !matches!(
            self,
            Self::None | Self::Completed | Self::Failed | Self::Cancelled
        )
    }

    /// What `query-migrate` and an error call it.
    const fn status(self) -> MigrationStatus {
        match self {
            Self::None => MigrationStatus::None,
            // primary_vm_do_failover() says so before the COLO thread has noticed.
            Self::Completed | Self::ColoFailover | Self::ColoFailoverBroken => MigrationStatus::Completed,
            Self::Failed => MigrationStatus::Failed,
            Self::Cancelled => MigrationStatus::Cancelled,
            Self::SetupForever => MigrationStatus::Setup,
            Self::Active | Self::ActivePostcopy => MigrationStatus::Active,
            Self::PreSwitchover | Self::PreSwitchoverPostcopy => MigrationStatus::PreSwitchover,
            Self::Device | Self::DevicePostcopy | Self::DeviceForever => MigrationStatus::Device,
            Self::Postcopy | Self::PostcopyForever => MigrationStatus::PostcopyActive,
            Self::PostcopyPaused => MigrationStatus::PostcopyPaused,
            Self::PostcopyRecover => MigrationStatus::PostcopyRecover,
            Self::Colo | Self::ColoBroken => MigrationStatus::Colo,
            Self::Cancelling | Self::CancellingStopped | Self::CancellingColo | Self::CancellingForever => {
                MigrationStatus::Cancelling
            }
        }
    }
}

impl Vm {
    /// Whether something of a migration is left to happen by itself: see [`Host::MigrationSettles`](crate::Host).
    #[must_use]
    pub const fn migration_settles_by_itself(&self) -> bool {
        matches!(
            self.migration,
            Migration::Cancelling
                | Migration::CancellingStopped
                | Migration::CancellingColo
                | Migration::ColoFailover
                | Migration::ColoFailoverBroken
        ) && !self.is_gone()
    }

    /// Whether an outgoing migration is at work. `migration_is_running()`, migration/migration.c.
    #[must_use]
    pub const fn migration_in_flight(&self) -> bool {
        self.migration.in_flight()
    }

    /// Whether an outgoing migration has the one registration with yank that all of migration shares.
    /// `yank_register_instance()`, util/yank.c.
    pub(crate) const fn outgoing_is_yankable(&self) -> bool {
        self.migration.in_flight()
            && !matches!(
                self.migration,
                Migration::SetupForever | Migration::DeviceForever | Migration::PostcopyForever
            )
    }

    /// A number for how far the outgoing migration is, finer than [`Vm::migration_status`]: for searches that tell VMs apart.
    #[must_use]
    pub const fn migration_phase(&self) -> u8 {
        self.migration as u8
    }

    /// The side of a COLO pair that this is, as long as it has not said COLO_EXIT.
    #[must_use]
    pub const fn colo_exit_to_come(&self) -> Option<ColoMode> {
        match (self.migration, self.incoming) {
            (_, Incoming::Colo) => Some(ColoMode::Secondary),
            (Migration::Colo | Migration::ColoFailover | Migration::CancellingColo, _) => {
                Some(ColoMode::Primary)
            }
            (_, _) => None,
        }
    }

    /// What `query-migrate` says of the outgoing migration.
    #[must_use]
    pub const fn migration_status(&self) -> MigrationStatus {
        self.migration.status()
    }

    /// `qmp_migrate()`, `migrate_prepare()`, migration/migration.c.
    pub(crate) fn qmp_migrate(
        &mut self,
        channel: Channel,
        out: &mut impl FnMut(Output),
    ) -> Result<Answer, Aborted> {
        let by_state = if self.migration.in_flight() {
            Some(Refusal::MigrationInProgress)
        } else if self.run == RunState::Inmigrate {
            Some(Refusal::WaitingForIncoming)
        } else if self.run == RunState::Postmigrate {
            Some(Refusal::PausedByMigration)
        } else if self.flags.has(Flags::DUMPING) {
            Some(Refusal::BlockedByDump)
        } else {
            self.cpr_conflict().map(Refusal::CprConflict)
        };
        let refused = |vm: &mut Self, out: &mut _| {
            // The channel is opened when the migration has begun, which then has failed.
            vm.announce_migration(MigrationStatus::Setup, out);
            vm.announce_failed(out, |_, _| Ok(()))
                .map(|()| vm.migration = Migration::Failed)
        };
        match (channel, by_state) {
            (Channel::UnknownProtocol, _) if !self.release.migrate_checks_state_first() => {
                return Ok(Answer::Refused(Refusal::UnknownProtocol));
            }
            (_, Some(refusal)) => return Ok(Answer::Refused(refusal)),
            (_, None) if self.incoming_is_yankable() => {
                self.announce_migration(MigrationStatus::Setup, out);
                self.migration = Migration::SetupForever;
                if self.release.second_yank_aborts() {
                    return Err(self.assertion_fails(out));
                }
                return Ok(Answer::Refused(Refusal::DuplicateYank));
            }
            (Channel::UnknownProtocol | Channel::FailsAtOnce, None) => {
                refused(self, out)?;
                return Ok(self
                    .channel_refusal(channel)
                    .map_or(Answer::Done, Answer::Refused));
            }
            (Channel::Good, None) => {}
        }
        self.migration = Migration::Active;
        self.announce_migration(MigrationStatus::Setup, out);
        if self.capabilities & Self::CPR_REBOOT != 0 && self.release >= Release::V9_0 {
            // migration_connect(): this mode stops the VM before anything is sent (9867d4ddd0, 9.0).
            self.old_state = self.run;
            self.vm_stop_force_state(RunState::FinishMigrate, out)?;
        }
        Ok(Answer::Done)
    }

    /// `migrate` with `resume`.
    pub(crate) fn qmp_migrate_resume(&mut self, out: &mut impl FnMut(Output)) -> Answer {
        if self.migration != Migration::PostcopyPaused {
            return Answer::Refused(Refusal::NoPausedMigration);
        }
        if self.release >= MigrationStatus::PostcopyRecoverSetup.since() {
            self.announce_migration(MigrationStatus::PostcopyRecoverSetup, out);
        }
        self.migration = Migration::PostcopyRecover;
        Answer::Done
    }

    /// `qmp_migrate_cancel()`, `migrate_fd_cancel()`, migration/migration.c.
    pub(crate) fn qmp_migrate_cancel(&mut self, out: &mut impl FnMut(Output)) -> Answer {
        self.migration = match self.migration {
            Migration::None
            | Migration::Completed
            | Migration::Failed
            | Migration::Cancelled
            | Migration::ColoFailover
            | Migration::ColoFailoverBroken => return Answer::Done,
            // One that is being cancelled counts as running, and is set to what it is: MIGRATION says so again.
            Migration::Cancelling
            | Migration::CancellingStopped
            | Migration::CancellingColo
            | Migration::CancellingForever => self.migration,
            Migration::Colo | Migration::ColoBroken if !self.release.cancels_colo() => return Answer::Done,
            Migration::Postcopy | Migration::PostcopyPaused | Migration::PostcopyRecover
                if self.release.refuses_cancel_in_postcopy() =>
            {
                return Answer::Refused(Refusal::CancelInPostcopy);
            }
            Migration::Active | Migration::ActivePostcopy if self.run == RunState::FinishMigrate => {
                Migration::CancellingStopped
            }
            Migration::Active | Migration::ActivePostcopy => Migration::Cancelling,
            Migration::PreSwitchover
            | Migration::PreSwitchoverPostcopy
            | Migration::Device
            | Migration::DevicePostcopy
            | Migration::Postcopy
            | Migration::PostcopyPaused
            | Migration::PostcopyRecover => Migration::CancellingStopped,
            Migration::Colo => Migration::CancellingColo,
            Migration::ColoBroken
            | Migration::SetupForever
            | Migration::DeviceForever
            | Migration::PostcopyForever => Migration::CancellingForever,
        };
        self.announce_migration(MigrationStatus::Cancelling, out);
        Answer::Done
    }

    /// `qmp_migrate_continue()`, migration/migration.c.
    pub(crate) fn qmp_migrate_continue(&mut self, believed: MigrationStatus) -> Answer {
        let actual = self.migration.status();
        if believed != actual {
            return Answer::Refused(Refusal::NotInExpectedState(actual));
        }
        if self.migration == Migration::PreSwitchover {
            self.migration = Migration::Device;
        } else if self.migration == Migration::PreSwitchoverPostcopy {
            self.migration = Migration::DevicePostcopy;
        }
        Answer::Done
    }

    /// `qmp_migrate_start_postcopy()`, migration/migration.c.
    pub(crate) fn qmp_migrate_start_postcopy(&mut self) -> Answer {
        if !self.has_capability(Capability::PostcopyRam) {
            return Answer::Refused(Refusal::PostcopyNotEnabled);
        }
        if self.migration == Migration::None {
            return Answer::Refused(Refusal::PostcopyNotStarted);
        }
        if self.migration == Migration::Active {
            self.migration = Migration::ActivePostcopy;
        } else if self.migration == Migration::PreSwitchover {
            self.migration = Migration::PreSwitchoverPostcopy;
        }
        Answer::Done
    }

    /// `qmp_migrate_pause()`, migration/migration.c.
    pub(crate) fn qmp_migrate_pause(&mut self, out: &mut impl FnMut(Output)) -> Answer {
        if self.migration != Migration::Postcopy {
            return Answer::Refused(if self.release >= Release::V9_1 {
                Refusal::PauseOnlyInPostcopyOrRecover
            } else {
                Refusal::PauseOnlyInPostcopy
            });
        }
        self.migration = Migration::PostcopyPaused;
        self.announce_migration(MigrationStatus::PostcopyPaused, out);
        Answer::Done
    }

    /// The migration goes on as far as it can. `migration_thread()`, migration/migration.c.
    pub(crate) fn migration_converges(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        match self.migration {
            Migration::Active if self.has_capability(Capability::BackgroundSnapshot) => {
                self.announce_migration(MigrationStatus::Active, out);
                self.background_snapshot(out)?;
            }
            Migration::Active => {
                self.precopy(out);
                self.stop_for_switchover(false, out)?;
            }
            Migration::ActivePostcopy => {
                self.precopy(out);
                self.stop_for_switchover(true, out)?;
            }
            Migration::Device => self.complete(true, out)?,
            Migration::DevicePostcopy => self.begin_postcopy(true, out),
            Migration::Postcopy => self.finish_postcopy(out)?,
            Migration::PostcopyRecover => {
                self.announce_migration(MigrationStatus::PostcopyRecover, out);
                self.announce_migration(MigrationStatus::PostcopyActive, out);
                self.finish_postcopy(out)?;
            }
            Migration::Colo => self.colo_checkpoint(out)?,
            // It waits for migrate-continue, for a new channel, or for a failover.
            Migration::PreSwitchover
            | Migration::PreSwitchoverPostcopy
            | Migration::PostcopyPaused
            | Migration::ColoBroken => {}
            Migration::None
            | Migration::Completed
            | Migration::Failed
            | Migration::Cancelled
            | Migration::ColoFailover
            | Migration::ColoFailoverBroken
            | Migration::Cancelling
            | Migration::CancellingStopped
            | Migration::CancellingColo
            | Migration::CancellingForever
            | Migration::SetupForever
            | Migration::DeviceForever
            | Migration::PostcopyForever => return Ok(Answer::Impossible(Impossible::NoMigration)),
        }
        Ok(Answer::Done)
    }

    fn precopy(&self, out: &mut impl FnMut(Output)) {
        self.announce_pass(1, out);
        self.announce_migration(MigrationStatus::Active, out);
        self.announce_iteration(2, out);
    }

    /// `migration_completion_precopy()`, `postcopy_start()`, migration/migration.c.
    fn stop_for_switchover(&mut self, postcopy: bool, out: &mut impl FnMut(Output)) -> Ran {
        if self.run != RunState::FinishMigrate {
            if !self.release.suspended_is_live() {
                // A suspended guest is woken first; WAKEUP follows from the main loop. (b4e9ddccd1, 9.0, ended this.)
                self.wakeup(out)?;
            }
            // Up to 8.0 postcopy_start() does not note that the VM ran, so a failure does not start it again.
            let noted = !postcopy || self.release.failed_migration_restores_state();
            self.old_state = if noted { self.run } else { RunState::Postmigrate };
            if postcopy && self.postcopy_active_before_stop() {
                self.announce_migration(MigrationStatus::PostcopyActive, out);
            }
            self.vm_stop_force_state(RunState::FinishMigrate, out)?;
        }
        if self.has_capability(Capability::PauseBeforeSwitchover) {
            self.migration = if postcopy {
                Migration::PreSwitchoverPostcopy
            } else {
                Migration::PreSwitchover
            };
            self.announce_migration(MigrationStatus::PreSwitchover, out);
            return Ok(());
        }
        if postcopy {
            self.begin_postcopy(false, out);
            return Ok(());
        }
        self.complete(false, out)
    }

    fn complete(&mut self, paused_before: bool, out: &mut impl FnMut(Output)) -> Ran {
        self.announce_device(paused_before, out);
        self.announce_pass(2, out);
        if !self.has_capability(Capability::Colo) {
            // migration_completion(): bdrv_inactivate_all(), when the device state is sent.
            self.flags.set(Flags::DISKS_GIVEN_AWAY, true);
            return self.finish(out);
        }
        // A primary keeps its disks, also where it does not become one.
        let enters = if paused_before {
            self.release.paused_primary_enters_colo()
        } else {
            self.release.primary_enters_colo()
        };
        if enters {
            return self.enter_colo(out);
        }
        if self.release.colo_may_end_nowhere() {
            self.migration = Migration::DeviceForever;
            return Ok(());
        }
        self.finish(out)
    }

    fn finish_postcopy(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        // postcopy_start(): bdrv_inactivate_all()
        self.flags.set(Flags::DISKS_GIVEN_AWAY, true);
        if self.has_capability(Capability::Colo) && self.release.colo_may_end_nowhere() {
            self.migration = Migration::PostcopyForever;
            return Ok(());
        }
        self.finish(out)
    }

    fn begin_postcopy(&mut self, paused_before: bool, out: &mut impl FnMut(Output)) {
        if self.release.migration_announces_device() {
            self.announce_device(paused_before, out);
            self.announce_pass(2, out);
        }
        if self.release.migration_announces_postcopy_device() {
            self.announce_migration(MigrationStatus::PostcopyDevice, out);
        }
        if paused_before || !self.postcopy_active_before_stop() {
            self.announce_migration(MigrationStatus::PostcopyActive, out);
        }
        self.migration = Migration::Postcopy;
    }

    /// `postcopy_start()` sets the status before it stops the VM, unless it is to pause in between (10.0 always sends the device
    /// state's `device` first).
    const fn postcopy_active_before_stop(&self) -> bool {
        !self.release.migration_announces_device() && !self.has_capability(Capability::PauseBeforeSwitchover)
    }

    /// `migration_iteration_finish()` of a migration that completed.
    fn finish(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        self.announce_migration(MigrationStatus::Completed, out);
        self.migration = Migration::Completed;
        self.set(RunState::Postmigrate, out)
    }

    /// `bg_migration_thread()`, `bg_migration_vm_start_bh()`, migration/migration.c.
    fn background_snapshot(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        if !self.release.suspended_is_live() {
            self.wakeup(out)?;
        }
        self.old_state = self.run;
        self.vm_stop_force_state(RunState::Paused, out)?;
        if self.release.suspended_is_live() {
            self.vm_resume(self.old_state, out)?;
        } else {
            self.vm_start(out)?;
        }
        self.announce_migration(MigrationStatus::Completed, out);
        self.migration = Migration::Completed;
        Ok(())
    }
}
