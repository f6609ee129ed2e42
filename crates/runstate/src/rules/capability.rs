//! What migrations are set to. migration/options.c (migration/migration.c before 8.1).

use crate::{Answer, Capability, Refusal, Release, Vm};

impl Vm {
    /// A migration parameter, beside the capabilities' bits: `mode` is `cpr-reboot` (9.0).
    pub(crate) const CPR_REBOOT: u8 = 32;

    pub(crate) const fn has_capability(&self, capability: Capability) -> bool {
        self.capabilities & capability as u8 != 0
    }

    /// `qmp_migrate_set_capabilities()`, `migrate_caps_check()`.
    pub(crate) fn qmp_migrate_set_capability(&mut self, capability: Capability, on: bool) -> Answer {
        if self.migration.in_flight() {
            return Answer::Refused(Refusal::MigrationInProgress);
        }
        let before = self.capabilities;
        self.set_capability(capability as u8, on);
        if self.has_capability(Capability::BackgroundSnapshot) {
            // check_caps_background_snapshot, in its order.
            for conflict in [
                Capability::PostcopyRam,
                Capability::PauseBeforeSwitchover,
                Capability::Colo,
            ] {
                if self.has_capability(conflict) {
                    self.capabilities = before;
                    return Answer::Refused(Refusal::BackgroundSnapshotConflict(conflict));
                }
            }
        }
        Answer::Done
    }

    pub(crate) const fn set_capability(&mut self, bit: u8, on: bool) {
        if on {
            self.capabilities |= bit;
        } else {
            self.capabilities &= !bit;
        }
    }

    /// What the mode `cpr-reboot` cannot stand beside it, in the order of `migrate_prepare()`, migration/migration.c (9.0).
    pub(crate) fn cpr_conflict(&self) -> Option<Capability> {
        if self.capabilities & Self::CPR_REBOOT == 0 || self.release < Release::V9_0 {
            return None;
        }
        [
            Capability::PostcopyRam,
            Capability::BackgroundSnapshot,
            Capability::Colo,
        ]
        .into_iter()
        .find(|&capability| self.has_capability(capability))
    }

    /// The same VM as if this capability had been set, or not, before the migration that is under way began.
    #[must_use]
    pub const fn with_capability(mut self, capability: Capability, on: bool) -> Self {
        self.set_capability(capability as u8, on);
        self
    }
}
