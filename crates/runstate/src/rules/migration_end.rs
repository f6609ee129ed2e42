//! How the source of a migration ends without having completed. migration/migration.c.

use super::migration::Migration;
use crate::{
    Answer, ColoMode, Impossible, MigrationStatus, Output, RunState, Vm,
    vm::{Aborted, Ran},
};

impl Vm {
    /// The other end breaks.
    pub(crate) fn migration_fails(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        match self.migration {
            Migration::Active | Migration::ActivePostcopy if self.run != RunState::FinishMigrate => {
                self.migration = Migration::Failed;
                self.announce_failed(out, |_, _| Ok(()))?;
            }
            // Its thread sleeps until it is told to go on: migration_switchover_prepare() (migration_maybe_pause() before 10.0).
            Migration::PreSwitchover | Migration::PreSwitchoverPostcopy => {
                return Ok(Answer::Impossible(Impossible::MigrationWaits));
            }
            Migration::Active | Migration::ActivePostcopy => self.fail_after_stop(out)?,
            Migration::Device => {
                // Both are said before anything is written.
                self.announce_device(true, out);
                self.announce_pass(2, out);
                self.fail_after_stop(out)?;
            }
            Migration::DevicePostcopy => {
                if self.release.migration_announces_device() {
                    self.announce_device(true, out);
                } else {
                    self.announce_migration(MigrationStatus::PostcopyActive, out);
                }
                self.fail_after_stop(out)?;
            }
            Migration::Postcopy | Migration::PostcopyRecover => {
                self.migration = Migration::PostcopyPaused;
                self.announce_migration(MigrationStatus::PostcopyPaused, out);
            }
            Migration::Colo => {
                self.migration = Migration::ColoBroken;
                Self::colo_exits(ColoMode::Primary, out);
            }
            Migration::None
            | Migration::Completed
            | Migration::Failed
            | Migration::Cancelled
            | Migration::PostcopyPaused
            | Migration::ColoBroken
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

    fn fail_after_stop(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        self.migration = Migration::Failed;
        self.announce_failed(out, Self::back_from_switchover)
    }

    /// What a cancel or failover leaves to the migration's threads.
    pub(crate) fn migration_settles(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        match self.migration {
            Migration::Cancelling => {}
            Migration::CancellingStopped => self.back_from_switchover(out)?,
            Migration::CancellingColo => {
                self.migration = Migration::CancellingForever;
                Self::colo_exits(ColoMode::Primary, out);
                return Ok(Answer::Done);
            }
            Migration::ColoFailover | Migration::ColoFailoverBroken => {
                self.colo_failover_ends(out)?;
                return Ok(Answer::Done);
            }
            Migration::None
            | Migration::Completed
            | Migration::Failed
            | Migration::Cancelled
            | Migration::Active
            | Migration::ActivePostcopy
            | Migration::PreSwitchover
            | Migration::PreSwitchoverPostcopy
            | Migration::Device
            | Migration::DevicePostcopy
            | Migration::Postcopy
            | Migration::PostcopyPaused
            | Migration::PostcopyRecover
            | Migration::Colo
            | Migration::ColoBroken
            | Migration::CancellingForever
            | Migration::SetupForever
            | Migration::DeviceForever
            | Migration::PostcopyForever => return Ok(Answer::Impossible(Impossible::NoMigration)),
        }
        self.migration = Migration::Cancelled;
        self.announce_migration(MigrationStatus::Cancelled, out);
        Ok(Answer::Done)
    }

    /// `migration_iteration_finish()`, migration/migration.c, of a migration that did not complete.
    fn back_from_switchover(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        let was_live = if self.release.failed_migration_restores_state() {
            self.state_is_live(self.old_state)
        } else {
            self.old_state == RunState::Running
        };
        if was_live {
            if self.run == RunState::Shutdown && self.release.failed_migration_leaves_shutdown() {
                return Ok(());
            }
            self.vm_start(out)
        } else if self.run == RunState::FinishMigrate {
            let to = if self.release.failed_migration_restores_state() {
                self.old_state
            } else {
                RunState::Postmigrate
            };
            self.set(to, out)
        } else {
            Ok(())
        }
    }

    /// `migration_shutdown()`, migration/migration.c: QEMU exits in the middle of it.
    pub(crate) fn cancel_migration_at_exit(&mut self, out: &mut impl FnMut(Output)) {
        if self.migration.in_flight() {
            let _ = self.qmp_migrate_cancel(out);
        }
    }
}
