//! QEMU's releases, and every rule that differs between them.
//!
//! A release means its latest stable point release. Where a point release behaves differently it has its own entry.
//! Each difference is named once, here, with the release and the commit that made it; the rules ask.

/// A QEMU release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Release {
    /// 6.0
    V6_0,
    /// 6.1
    V6_1,
    /// 6.2
    V6_2,
    /// 7.0
    V7_0,
    /// 7.1
    V7_1,
    /// 7.2.0 to 7.2.8: replies come before the events of the pass that follows the command.
    V7_2_0,
    /// 7.2.9 and later
    V7_2,
    /// 8.0
    V8_0,
    /// 8.1
    V8_1,
    /// 8.2
    V8_2,
    /// 9.0
    V9_0,
    /// 9.1
    V9_1,
    /// 9.2.0: BLOCK_IO_ERROR has the values of `device` and `qom-path` swapped.
    V9_2_0,
    /// 9.2.1 and later
    V9_2,
    /// 10.0.0 to 10.0.6: a primary never enters COLO.
    V10_0_0,
    /// 10.0.7 and 10.0.8: a BLOCK_IO_ERROR that stops the VM may be held back.
    V10_0_7,
    /// 10.0.9 and later
    V10_0,
    /// 10.1
    V10_1,
    /// 10.2
    V10_2,
    /// 11.0
    V11_0,
    /// 11.1
    V11_1,
}

impl Release {
    /// The oldest release that is modelled.
    pub const FIRST: Self = Self::V6_0;
    /// The newest release that is modelled.
    pub const LAST: Self = Self::V11_1;
    /// What is meant where no release is named.
    pub const DEFAULT: Self = Self::V10_0;

    /// The seventeen releases, oldest first, each as its latest stable point release.
    pub const ALL: &'static [Self] = &[
        Self::V6_0,
        Self::V6_1,
        Self::V6_2,
        Self::V7_0,
        Self::V7_1,
        Self::V7_2,
        Self::V8_0,
        Self::V8_1,
        Self::V8_2,
        Self::V9_0,
        Self::V9_1,
        Self::V9_2,
        Self::V10_0,
        Self::V10_1,
        Self::V10_2,
        Self::V11_0,
        Self::V11_1,
    ];

    /// Every entry, oldest first: [`ALL`](Self::ALL) and the point releases that behave differently.
    pub const WITH_POINTS: &'static [Self] = &[
        Self::V6_0,
        Self::V6_1,
        Self::V6_2,
        Self::V7_0,
        Self::V7_1,
        Self::V7_2_0,
        Self::V7_2,
        Self::V8_0,
        Self::V8_1,
        Self::V8_2,
        Self::V9_0,
        Self::V9_1,
        Self::V9_2_0,
        Self::V9_2,
        Self::V10_0_0,
        Self::V10_0_7,
        Self::V10_0,
        Self::V10_1,
        Self::V10_2,
        Self::V11_0,
        Self::V11_1,
    ];

    /// How a person writes it: `9.1`, or `7.2.0` where the point matters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V6_0 => "6.0",
            Self::V6_1 => "6.1",
            Self::V6_2 => "6.2",
            Self::V7_0 => "7.0",
            Self::V7_1 => "7.1",
            Self::V7_2_0 => "7.2.0",
            Self::V7_2 => "7.2",
            Self::V8_0 => "8.0",
            Self::V8_1 => "8.1",
            Self::V8_2 => "8.2",
            Self::V9_0 => "9.0",
            Self::V9_1 => "9.1",
            Self::V9_2_0 => "9.2.0",
            Self::V9_2 => "9.2",
            Self::V10_0_0 => "10.0.0",
            Self::V10_0_7 => "10.0.7",
            Self::V10_0 => "10.0",
            Self::V10_1 => "10.1",
            Self::V10_2 => "10.2",
            Self::V11_0 => "11.0",
            Self::V11_1 => "11.1",
        }
    }

    /// Major, minor and micro version, as the greeting and `query-version` tell them.
    ///
    /// The micro version of a release meant as its latest is one at which the behaviour is known to hold.
    #[must_use]
    pub const fn version(self) -> (u8, u8, u8) {
        match self {
            Self::V6_0 => (6, 0, 0),
            Self::V6_1 => (6, 1, 0),
            Self::V6_2 => (6, 2, 0),
            Self::V7_0 => (7, 0, 0),
            Self::V7_1 => (7, 1, 0),
            Self::V7_2_0 => (7, 2, 0),
            Self::V7_2 => (7, 2, 22),
            Self::V8_0 => (8, 0, 0),
            Self::V8_1 => (8, 1, 0),
            Self::V8_2 => (8, 2, 0),
            Self::V9_0 => (9, 0, 0),
            Self::V9_1 => (9, 1, 0),
            Self::V9_2_0 => (9, 2, 0),
            Self::V9_2 => (9, 2, 1),
            Self::V10_0_0 => (10, 0, 0),
            Self::V10_0_7 => (10, 0, 7),
            Self::V10_0 => (10, 0, 13),
            Self::V10_1 => (10, 1, 0),
            Self::V10_2 => (10, 2, 0),
            Self::V11_0 => (11, 0, 0),
            Self::V11_1 => (11, 1, 3),
        }
    }

    /// The entry that a version falls under: `(7, 2, 4)` is 7.2.0's, `(7, 2, 22)` is 7.2's.
    ///
    /// `None` for a version that is not modelled.
    #[must_use]
    pub const fn from_version(major: u64, minor: u64, micro: u64) -> Option<Self> {
        Some(match (major, minor) {
            (6, 0) => Self::V6_0,
            (6, 1) => Self::V6_1,
            (6, 2) => Self::V6_2,
            (7, 0) => Self::V7_0,
            (7, 1) => Self::V7_1,
            (7, 2) if micro < 9 => Self::V7_2_0,
            (7, 2) => Self::V7_2,
            (8, 0) => Self::V8_0,
            (8, 1) => Self::V8_1,
            (8, 2) => Self::V8_2,
            (9, 0) => Self::V9_0,
            (9, 1) => Self::V9_1,
            (9, 2) if micro == 0 => Self::V9_2_0,
            (9, 2) => Self::V9_2,
            (10, 0) if micro < 7 => Self::V10_0_0,
            (10, 0) if micro < 9 => Self::V10_0_7,
            (10, 0) => Self::V10_0,
            (10, 1) => Self::V10_1,
            (10, 2) => Self::V10_2,
            (11, 0) => Self::V11_0,
            (11, 1) => Self::V11_1,
            _ => return None,
        })
    }

    /// Parses `10.0`, `7.2.22`, `7.2`. Without a micro version the latest is meant.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut parts = name.split('.').map(|part| {
            let plain = !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
            if plain { part.parse::<u64>().ok() } else { None }
        });
        let (major, minor) = (parts.next()??, parts.next()??);
        let micro = match parts.next() {
            None => u64::MAX,
            Some(micro) => micro?,
        };
        if parts.next().is_some() {
            return None;
        }
        Self::from_version(major, minor, micro)
    }
}

impl core::fmt::Display for Release {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}

impl Default for Release {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What differs between releases.
impl Release {
    /// A command's reply is sent one main-loop pass after its handler, so the events of that pass come first.
    ///
    /// effd60c878 "monitor: only run coroutine commands in qemu_aio_context" (9.0, and 7.2.9 of the stable branch).
    #[must_use]
    pub const fn reply_after_pass(self) -> bool {
        matches!(self, Self::V7_2) || self as u8 >= Self::V9_0 as u8
    }

    /// `suspended` counts as live: stop, savevm, loadvm, migrate and shutdown act on a suspended guest as on a running one.
    ///
    /// b9ae473d80 "cpus: stop vm in suspended runstate" (9.0).
    #[must_use]
    pub const fn suspended_is_live(self) -> bool {
        self as u8 >= Self::V9_0 as u8
    }

    /// A failed or cancelled migration restores the state of a VM that was not live; before, it ended in `postmigrate`.
    ///
    /// a4c6275aa1 "migration: restore vmstate on migration failure" (8.1).
    #[must_use]
    pub const fn failed_migration_restores_state(self) -> bool {
        self as u8 >= Self::V8_1 as u8
    }

    /// A migration that fails does not restart a VM that was `shutdown` when it stopped.
    ///
    /// aa505f8e0e "Fixed qemu crash when guest power off in COLO mode" (6.2).
    #[must_use]
    pub const fn failed_migration_leaves_shutdown(self) -> bool {
        self as u8 >= Self::V6_2 as u8
    }

    /// HMP `loadvm` resumes the VM when loading fails and leaves it in `restore-vm` when it succeeds.
    ///
    /// f61fe11aa6 "migration: stop returning errno from load_snapshot()" (6.0); mended by
    /// c53cd04e70 "hmp: Fix loadvm to resume the VM on success instead of failure" (6.1).
    #[must_use]
    pub const fn loadvm_is_inverted(self) -> bool {
        matches!(self, Self::V6_0)
    }

    /// pvpanic bit 2 is a normal shutdown (GUEST_PVSHUTDOWN); before, the write is ignored.
    ///
    /// 6269086b01 "hw/misc/pvpanic: add support for normal shutdowns" (9.1).
    #[must_use]
    pub const fn has_pvshutdown(self) -> bool {
        self as u8 >= Self::V9_1 as u8
    }

    /// isa-debug-exit requests a shutdown with an exit code; before, QEMU exits at once without an event.
    ///
    /// af1cf62401 "hw/misc/debugexit: use runstate API instead of plain exit()" (9.1).
    #[must_use]
    pub const fn debug_exit_is_shutdown(self) -> bool {
        self as u8 >= Self::V9_1 as u8
    }

    /// gdb's kill packet requests a shutdown; before, QEMU exits at once without an event.
    ///
    /// e216256ae9 "gdbstub: replace exit calls with proper shutdown for softmmu" (8.2).
    #[must_use]
    pub const fn gdb_kill_is_shutdown(self) -> bool {
        self as u8 >= Self::V8_2 as u8
    }

    /// `cont` in the state `colo` is refused.
    ///
    /// afbba26fd3 "colo: Forbid VM resume during checkpointing" (11.0).
    #[must_use]
    pub const fn cont_refused_in_colo(self) -> bool {
        self as u8 >= Self::V11_0 as u8
    }

    /// A primary really enters COLO. In 10.0.0 and 10.1 the migration just completes.
    ///
    /// Mended by 0b5bf4ea76 "migration: Fix transition to COLO state from precopy" (10.2, and 10.0.7 of the stable branch).
    #[must_use]
    pub const fn primary_enters_colo(self) -> bool {
        !matches!(self, Self::V10_0_0 | Self::V10_1)
    }

    /// A primary enters COLO also where its migration was paused before switchover: `migration_completion()` looks for the status
    /// that a migration has then. Since the same commit.
    #[must_use]
    pub const fn paused_primary_enters_colo(self) -> bool {
        self as u8 >= Self::V10_0_0 as u8 && self.primary_enters_colo()
    }

    /// A migration with `x-colo` that was paused before switchover, or is a postcopy, never ends, and its VM stays in
    /// `finish-migrate`; later it completes as any other.
    ///
    /// eeeb48ee33 "migration/migration.c: Avoid COLO boot in postcopy migration" (7.0).
    #[must_use]
    pub const fn colo_may_end_nowhere(self) -> bool {
        (self as u8) < Self::V7_0 as u8
    }

    /// BLOCK_IO_ERROR is limited to one a second.
    ///
    /// 2155d2dd7f "block-backend: per-device throttling of BLOCK_IO_ERROR reports" (9.2); not for `stop` since
    /// 544ddbb637 "block: Never drop BLOCK_IO_ERROR with action=stop for rate limiting" (11.0, and 10.0.9 of the stable
    /// branch).
    #[must_use]
    pub const fn throttles_block_io_error(self, action: crate::BlockErrorAction) -> bool {
        match action {
            crate::BlockErrorAction::Stop => {
                let limited = self as u8 >= Self::V9_2_0 as u8 && (self as u8) < Self::V11_0 as u8;
                limited && !matches!(self, Self::V10_0)
            }
            crate::BlockErrorAction::Ignore | crate::BlockErrorAction::Report => {
                self as u8 >= Self::V9_2_0 as u8
            }
        }
    }

    /// BLOCK_IO_ERROR has the member `qom-path`.
    ///
    /// 7452162ade "qapi: add qom-path to BLOCK_IO_ERROR event" (9.2).
    #[must_use]
    pub const fn block_io_error_has_qom_path(self) -> bool {
        self as u8 >= Self::V9_2_0 as u8
    }

    /// BLOCK_IO_ERROR carries the QOM path in `device` and the device in `qom-path`.
    ///
    /// A bug of 9.2.0 only, mended by 107c551de0 "block-backend: Fix argument order when calling
    /// 'qapi_event_send_block_io_error()'".
    #[must_use]
    pub const fn block_io_error_is_swapped(self) -> bool {
        matches!(self, Self::V9_2_0)
    }

    /// `query-status` has the member `singlestep`.
    ///
    /// fe17522d85 "qapi: Remove deprecated 'singlestep' member of StatusInfo" (9.0).
    #[must_use]
    pub const fn status_has_singlestep(self) -> bool {
        (self as u8) < Self::V9_0 as u8
    }

    /// The destination of a migration takes its disks only when it starts: before, when the stream is complete, or at a `cont`
    /// while it waits for one.
    ///
    /// fca9aef1c8 "migration/block: Make late-block-active the default", e4e5e89bbd "qmp/cont: Only activate disks if migration
    /// completed" (10.0).
    #[must_use]
    pub const fn disks_wait_for_start(self) -> bool {
        self as u8 >= Self::V10_0_0 as u8
    }

    /// MIGRATION says `device` in every migration; before, only after pause-before-switchover.
    #[must_use]
    pub const fn migration_announces_device(self) -> bool {
        self as u8 >= Self::V10_0_0 as u8
    }

    /// MIGRATION says `failing` before the VM restarts and `failed` after it.
    #[must_use]
    pub const fn migration_announces_failing(self) -> bool {
        self as u8 >= Self::V11_0 as u8
    }

    /// MIGRATION says `postcopy-device` between `device` and `postcopy-active`.
    #[must_use]
    pub const fn migration_announces_postcopy_device(self) -> bool {
        self as u8 >= Self::V10_2 as u8
    }

    /// MIGRATION_PASS counts the iterations over the memory, from 2 on, each when it is over; before, it counted the looks for
    /// written pages, of which the first is at the beginning and the last after the VM has stopped.
    ///
    /// 9519d3667a "migration: Move iteration counter out of RAM" (11.1).
    #[must_use]
    pub const fn pass_counts_iterations(self) -> bool {
        self as u8 >= Self::V11_1 as u8
    }

    /// `migrate-incoming` announces `setup` even without the capability `events`.
    #[must_use]
    pub const fn incoming_setup_is_always_announced(self) -> bool {
        (self as u8) < Self::V9_1 as u8
    }

    /// `migrate` beside an incoming migration that has left `inmigrate` aborts QEMU; before, it is refused.
    ///
    /// 7e71439243 "migration: yank: Move register instance earlier" (11.0).
    #[must_use]
    pub const fn second_yank_aborts(self) -> bool {
        self as u8 >= Self::V11_0 as u8
    }

    /// `migrate-incoming` takes `exit-on-error`.
    ///
    /// dbea1c89da "qapi: introduce exit-on-error parameter for migrate-incoming" (9.1).
    #[must_use]
    pub const fn has_exit_on_error(self) -> bool {
        self as u8 >= Self::V9_1 as u8
    }

    /// `migrate_cancel` is refused while postcopy is active.
    #[must_use]
    pub const fn refuses_cancel_in_postcopy(self) -> bool {
        self as u8 >= Self::V10_0_0 as u8
    }

    /// `migrate_cancel` takes COLO for a migration that runs, and `cancelling` stays for good; before, it does nothing there.
    ///
    /// 34a8892dec "migration: Drop migration_is_idle()" (9.2).
    #[must_use]
    pub const fn cancels_colo(self) -> bool {
        self as u8 >= Self::V9_2_0 as u8
    }

    /// `migrate` looks at the run state before it looks at the uri, and a bad uri is a migration that fails.
    #[must_use]
    pub const fn migrate_checks_state_first(self) -> bool {
        (self as u8) < Self::V8_2 as u8
    }

    /// A failed migration whose disks cannot be activated again does not restart the VM.
    ///
    /// 26f65c01ed "migration: Do not try to start VM if disk activation fails" (10.2).
    #[must_use]
    pub const fn unactivated_disks_keep_finish_migrate(self) -> bool {
        self as u8 >= Self::V10_2 as u8
    }

    /// A TDX panic is followed by a run error of the vCPU: internal-error takes the place of guest-panicked.
    ///
    /// 98dbfd6849 "i386/tdx: Handle KVM_SYSTEM_EVENT_TDX_FATAL" (10.1).
    #[must_use]
    pub const fn tdx_panic_is_overwritten(self) -> bool {
        self as u8 >= Self::V10_1 as u8
    }

    /// A confidential guest that can rebuild its state is really reset.
    ///
    /// 2391125f13 "accel/kvm: add confidential class member to indicate guest rebuild capability" (11.0).
    #[must_use]
    pub const fn confidential_reset(self) -> bool {
        self as u8 >= Self::V11_0 as u8
    }

    /// A reset of a machine whose vCPUs cannot be reset asserts outside `prelaunch`.
    ///
    /// 08b2d15cdd "runstate: skip initial CPU reset if reset is not actually possible" (9.1); gone in 11.0.
    #[must_use]
    pub const fn asserts_on_unresettable_reset(self) -> bool {
        self as u8 >= Self::V9_1 as u8 && (self as u8) < Self::V11_0 as u8
    }

    /// Replay in play mode may go from `shutdown` to `running`.
    ///
    /// 9dbab31d9e "replay: allow runstate shutdown->running when replaying trace" (9.1).
    #[must_use]
    pub const fn replay_runs_after_shutdown(self) -> bool {
        self as u8 >= Self::V9_1 as u8
    }

    /// Under TCG an instruction that does I/O ends its block, so a vCPU that it stops does nothing more; before, the rest of the
    /// block was still executed.
    ///
    /// 18a536f1f8 "accel/tcg: Always require can_do_io" (8.2).
    #[must_use]
    pub const fn io_ends_block(self) -> bool {
        self as u8 >= Self::V8_2 as u8
    }

    /// Writing SLP_EN by a byte access to the high byte of PM1_CNT works.
    ///
    /// 42b1b9d7db "hw/acpi: Fix PM control register access" (8.1).
    #[must_use]
    pub const fn pm1_byte_access(self) -> bool {
        self as u8 >= Self::V8_1 as u8
    }

    /// `inject-nmi` on a machine without NMI says that the machine does not provide them.
    ///
    /// a0d0267779 "hw/core: Improve error message when machine doesn't provide NMIs" (8.0).
    #[must_use]
    pub const fn nmi_error_names_machine(self) -> bool {
        self as u8 >= Self::V8_0 as u8
    }

    /// A value that an enum does not have is named together with its parameter.
    ///
    /// ea29331ba6 "qapi: Improve input_type_enum()'s error message" (6.2); before, `Invalid parameter 'X'`.
    #[must_use]
    pub const fn enum_error_names_parameter(self) -> bool {
        self as u8 >= Self::V6_2 as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for &release in Release::WITH_POINTS {
            assert_eq!(Release::from_name(release.name()), Some(release), "{release}");
        }
        assert_eq!(Release::from_name("7.2.8"), Some(Release::V7_2_0));
        assert_eq!(Release::from_name("7.2.9"), Some(Release::V7_2));
        for (name, release) in [
            ("10.0.6", Release::V10_0_0),
            ("10.0.8", Release::V10_0_7),
            ("10.0.9", Release::V10_0),
        ] {
            assert_eq!(Release::from_name(name), Some(release), "{name}");
        }
        for bad in ["", "7", "7.", "7.2.", "7.2.1.1", "12.0", "x", "+7.2", "99999.0"] {
            assert_eq!(Release::from_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn lists_are_in_order() {
        assert!(Release::ALL.is_sorted() && Release::WITH_POINTS.is_sorted());
        assert_eq!(Release::ALL.len(), 17);
    }
}
