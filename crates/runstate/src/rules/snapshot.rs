//! Snapshots and memory dumps: a stop, the work, and back. migration/savevm.c, dump/dump.c.

use crate::{
    Answer, Event, Impossible, Load, MigrationStatus, Output, Refusal, RunState, ShutdownCause, Vm,
    rules::migration::Migration,
    vm::{Aborted, Flags, Ran},
};

impl Vm {
    /// Whether a snapshot or stream made now says that the guest is suspended. `global_state_store()`,
    /// migration/global_state.c (9.0).
    #[must_use]
    pub const fn stores_suspended(&self) -> bool {
        self.release.suspended_is_live() && (matches!(self.run, RunState::Suspended) || self.was_suspended())
    }

    /// Why no snapshot can be made or loaded: checked before anything is stopped for `savevm`, after it for `loadvm`.
    const fn snapshot_refusal(&self) -> Option<Refusal> {
        if !self.flags.has(Flags::SNAPSHOT_DISK) {
            Some(Refusal::NoSnapshotDisk)
        } else if self.disks_given_away() {
            // bdrv_all_can_snapshot(), block/snapshot.c
            Some(Refusal::NotSnapshottable)
        } else {
            None
        }
    }

    /// `save_snapshot()`, migration/savevm.c.
    pub(crate) fn savevm(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        if self.flags.has(Flags::DUMPING) {
            return Ok(Answer::Refused(Refusal::BlockedByDump));
        }
        if let Some(refusal) = self.snapshot_refusal() {
            return Ok(Answer::Refused(refusal));
        }
        let saved = self.run;
        self.vm_stop(RunState::SaveVm, out)?;
        let refusal = self.migration.in_flight().then_some(Refusal::MigrationInProgress);
        if refusal.is_none() {
            self.announce_migration(MigrationStatus::Setup, out);
            self.announce_pass(1, out);
            self.announce_pass(2, out);
            self.announce_migration(MigrationStatus::Completed, out);
            // qemu_savevm_state() borrows the state of the outgoing migration and leaves it like this.
            self.migration = Migration::Completed;
        }
        self.vm_resume(saved, out)?;
        Ok(refusal.map_or(Answer::Done, Answer::Refused))
    }

    /// `hmp_loadvm()`, migration/migration-hmp-cmds.c (monitor/hmp-cmds.c before 8.0).
    pub(crate) fn hmp_loadvm(&mut self, load: Load, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        let saved = self.run;
        let refusal = self.load_into_stopped(load, out)?;
        // 6.0 took the return value for its opposite.
        if refusal.is_none() != self.release.loadvm_is_inverted() {
            self.load_snapshot_resume(saved, out)?;
        }
        Ok(refusal.map_or(Answer::Done, Answer::Refused))
    }

    /// The stop comes first, before the name is looked up; then `load_snapshot()`, migration/savevm.c.
    pub(crate) fn load_into_stopped(
        &mut self,
        load: Load,
        out: &mut impl FnMut(Output),
    ) -> Result<Option<Refusal>, Aborted> {
        self.vm_stop(RunState::RestoreVm, out)?;
        Ok(match load {
            Load::NoDisk => Some(Refusal::NoSnapshotDisk),
            Load::Missing | Load::Found { .. } if self.snapshot_refusal().is_some() => {
                self.snapshot_refusal()
            }
            Load::Missing => Some(Refusal::SnapshotMissing),
            // load_snapshot() registers with yank too.
            Load::Found { .. } if self.outgoing_is_yankable() || self.incoming_is_yankable() => {
                Some(Refusal::DuplicateYank)
            }
            Load::Found { suspended } => {
                self.load_state(suspended, out);
                None
            }
        })
    }

    /// The state of the VM itself: a reset that nobody sees, then the stored suspended flag.
    pub(crate) fn load_state(&mut self, suspended: bool, out: &mut impl FnMut(Output)) {
        self.system_reset(ShutdownCause::SnapshotLoad, out);
        self.flags.set(
            Flags::WAS_SUSPENDED,
            suspended && self.release.suspended_is_live(),
        );
    }

    /// `load_snapshot_resume()`, migration/savevm.c (9.0): a VM that ran goes on running, woken if need be.
    pub(crate) fn load_snapshot_resume(&mut self, saved: RunState, out: &mut impl FnMut(Output)) -> Ran {
        self.vm_resume(saved, out)?;
        if saved == RunState::Running && self.run == RunState::Suspended {
            self.wakeup(out)?;
        }
        Ok(())
    }

    /// `qmp_dump_guest_memory()`, dump/dump.c. A suspended VM is not stopped for it.
    pub(crate) fn dump_guest_memory(
        &mut self,
        detach: bool,
        out: &mut impl FnMut(Output),
    ) -> Result<Answer, Aborted> {
        if self.run == RunState::Inmigrate {
            return Ok(Answer::Refused(Refusal::DumpInIncoming));
        }
        if self.flags.has(Flags::DUMPING) {
            return Ok(Answer::Refused(Refusal::DumpInProgress));
        }
        if self.migration.in_flight() {
            return Ok(Answer::Refused(Refusal::DumpBlockedByMigration));
        }
        let resumes = self.run == RunState::Running;
        if resumes {
            self.vm_stop(RunState::SaveVm, out)?;
        }
        self.flags.set(Flags::DUMPING, true);
        self.flags.set(Flags::DUMP_RESUMES, resumes);
        if !detach {
            self.dump_ends(out)?;
        }
        Ok(Answer::Done)
    }

    /// A detached dump is written.
    pub(crate) fn dump_completes(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        if !self.flags.has(Flags::DUMPING) {
            return Ok(Answer::Impossible(Impossible::NoDump));
        }
        self.dump_ends(out)?;
        Ok(Answer::Done)
    }

    /// `dump_process()`, `dump_cleanup()`, dump/dump.c.
    fn dump_ends(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        Self::emit(Event::DumpCompleted, out);
        self.flags.set(Flags::DUMPING, false);
        if self.flags.take(Flags::DUMP_RESUMES) {
            self.vm_start(out)?;
        }
        Ok(())
    }

    /// `qmp_xen_save_devices_state()`, migration/savevm.c: it remembers only whether the VM ran, so a suspended one stays in
    /// `save-vm` (9.0).
    pub(crate) fn xen_save_devices_state(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        let ran = self.run == RunState::Running;
        self.vm_stop(RunState::SaveVm, out)?;
        if ran {
            self.vm_start(out)?;
        }
        Ok(Answer::Done)
    }
}
