//! COLO: a pair of VMs that stop together for checkpoints. migration/colo.c.

use crate::{
    Answer, ColoExitReason, ColoMode, Event, MigrationStatus, Output, Refusal, RunState, Vm,
    rules::{incoming::Incoming, migration::Migration},
    vm::{Aborted, Ran},
};

impl Vm {
    /// `migrate_start_colo_process()`: the primary goes on running between checkpoints.
    pub(crate) fn enter_colo(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        self.migration = Migration::Colo;
        self.announce_migration(MigrationStatus::Colo, out);
        self.vm_start(out)
    }

    /// `colo_do_checkpoint_transaction()`, `colo_incoming_process_checkpoint()`: a stop to `colo` and a start, whatever the
    /// state was.
    pub(crate) fn colo_checkpoint(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        self.vm_stop_force_state(RunState::Colo, out)?;
        if self.migration == Migration::Colo {
            self.announce_pass(3, out);
        }
        self.vm_start(out)
    }

    /// The thread leaves the loop of its checkpoints, whatever the reason: told once, and nothing more until somebody decides.
    ///
    /// The end of `colo_process_checkpoint()` and `colo_process_incoming_thread()`.
    pub(crate) fn colo_exits(mode: ColoMode, out: &mut impl FnMut(Output)) {
        Self::emit(Event::ColoExit(mode, ColoExitReason::Error), out);
    }

    /// `qmp_x_colo_lost_heartbeat()`, `colo_failover_bh()`, migration/colo-failover.c.
    pub(crate) fn colo_lost_heartbeat(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        let failover = match (self.migration, self.incoming) {
            (Migration::ColoFailover | Migration::ColoFailoverBroken, _) => {
                return Ok(Answer::Refused(Refusal::FailoverActive));
            }
            (Migration::Colo, _) | (_, Incoming::Colo) => Migration::ColoFailover,
            (Migration::ColoBroken, _) | (_, Incoming::ColoBroken) => Migration::ColoFailoverBroken,
            _ => return Ok(Answer::Refused(Refusal::NotInColo)),
        };
        // colo_runstate_is_stopped(): a suspended VM counts as stopped.
        if self.run == RunState::Running {
            self.vm_stop_force_state(RunState::Colo, out)?;
        }
        self.announce_migration(MigrationStatus::Completed, out);
        self.migration = failover;
        Ok(Answer::Done)
    }

    /// The COLO thread notices: the survivor runs on, and there is no postmigrate.
    pub(crate) fn colo_failover_ends(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        let mode = if self.is_colo_secondary() {
            ColoMode::Secondary
        } else {
            ColoMode::Primary
        };
        if self.migration == Migration::ColoFailover {
            Self::colo_exits(mode, out);
        }
        if mode == ColoMode::Secondary {
            self.incoming = Incoming::Ended;
        }
        self.migration = Migration::Completed;
        // The primary ends in migration_iteration_finish(), as a migration that failed.
        let stays = self.run == RunState::Shutdown && self.release.failed_migration_leaves_shutdown();
        if stays && mode == ColoMode::Primary {
            return Ok(());
        }
        self.vm_start(out)
    }
}
