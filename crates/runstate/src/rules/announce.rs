//! What migrations tell where the capability `events` is on.

use crate::{Capability, Event, MigrationStatus, Output, Vm, vm::Ran};

impl Vm {
    /// Whether the migrations of this VM are told by MIGRATION and MIGRATION_PASS.
    #[must_use]
    pub const fn announces_migration(&self) -> bool {
        self.has_capability(Capability::Events)
    }

    /// MIGRATION, where the capability `events` is on.
    pub(crate) fn announce_migration(&self, status: MigrationStatus, out: &mut impl FnMut(Output)) {
        if self.announces_migration() {
            Self::emit(Event::Migration(status), out);
        }
    }

    /// MIGRATION_PASS for a look for written pages, likewise.
    ///
    /// `migration_bitmap_sync()`, migration/ram.c (up to 11.0).
    pub(crate) fn announce_pass(&self, pass: u8, out: &mut impl FnMut(Output)) {
        if self.announces_migration() && !self.release.pass_counts_iterations() {
            Self::emit(Event::MigrationPass(pass), out);
        }
    }

    /// MIGRATION_PASS when an iteration over the memory is over.
    ///
    /// `migration_iteration_go_next()`, migration/migration.c (11.1).
    pub(crate) fn announce_iteration(&self, next: u8, out: &mut impl FnMut(Output)) {
        if self.announces_migration() && self.release.pass_counts_iterations() {
            Self::emit(Event::MigrationPass(next), out);
        }
    }

    pub(crate) fn announce_device(&self, paused_before: bool, out: &mut impl FnMut(Output)) {
        if paused_before || self.release.migration_announces_device() {
            self.announce_migration(MigrationStatus::Device, out);
        }
    }

    /// MIGRATION `failed`, and since 11.0 `failing` before the VM restarts.
    pub(crate) fn announce_failed<O: FnMut(Output)>(
        &mut self,
        out: &mut O,
        restart: impl FnOnce(&mut Self, &mut O) -> Ran,
    ) -> Ran {
        if self.release.migration_announces_failing() {
            self.announce_migration(MigrationStatus::Failing, out);
            restart(self, out)?;
            self.announce_migration(MigrationStatus::Failed, out);
            return Ok(());
        }
        self.announce_migration(MigrationStatus::Failed, out);
        restart(self, out)
    }
}
