//! The alphabet of the checker: what a log can say of a VM, as one small number each.

use core::fmt;

use runstate::{
    BlockErrorAction, ColoMode, Event, GuestPanicAction, MemoryFailureAction, MigrationStatus, RunState,
    ShutdownCause, WatchdogAction,
};

/// One thing heard that says something about the run state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Letter(u8);

impl Letter {
    const SHUTDOWN: u8 = 0;
    const RESET: u8 = 11;
    const PLAIN: u8 = 22;
    const WATCHDOG: u8 = 30;
    const PANICKED: u8 = 37;
    const CRASHLOADED: u8 = 40;
    const MEMORY_FAILURE: u8 = 43;
    const BLOCK_IO_ERROR: u8 = 47;
    const STATUS: u8 = 50;
    const REFUSAL: u8 = 66;

    const MIGRATION: u8 = 69;
    const COLO_EXIT: u8 = Self::MIGRATION + MigrationStatus::ALL.len() as u8;

    /// How many letters there are.
    pub(super) const COUNT: usize = Self::COLO_EXIT as usize + ColoMode::ALL.len();

    /// The events without data, in the order of their letters.
    const PLAIN_NAMES: [&'static str; 7] = [
        "POWERDOWN",
        "STOP",
        "RESUME",
        "SUSPEND",
        "SUSPEND_DISK",
        "WAKEUP",
        "GUEST_PVSHUTDOWN",
    ];

    /// Every letter.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u8).map(Self)
    }

    /// SHUTDOWN
    #[must_use]
    pub const fn shutdown(cause: ShutdownCause) -> Self {
        Self(Self::SHUTDOWN + cause as u8)
    }

    /// RESET
    #[must_use]
    pub const fn reset(cause: ShutdownCause) -> Self {
        Self(Self::RESET + cause as u8)
    }

    /// WATCHDOG
    #[must_use]
    pub const fn watchdog(action: WatchdogAction) -> Self {
        Self(Self::WATCHDOG + action as u8)
    }

    /// GUEST_PANICKED
    #[must_use]
    pub const fn panicked(action: GuestPanicAction) -> Self {
        Self(Self::PANICKED + action as u8)
    }

    /// GUEST_CRASHLOADED
    #[must_use]
    pub const fn crashloaded(action: GuestPanicAction) -> Self {
        Self(Self::CRASHLOADED + action as u8)
    }

    /// MEMORY_FAILURE
    #[must_use]
    pub const fn memory_failure(action: MemoryFailureAction) -> Self {
        Self(Self::MEMORY_FAILURE + action as u8)
    }

    /// BLOCK_IO_ERROR
    #[must_use]
    pub const fn block_io_error(action: BlockErrorAction) -> Self {
        Self(Self::BLOCK_IO_ERROR + action as u8)
    }

    /// The answer of `query-status`.
    #[must_use]
    pub const fn status(state: RunState) -> Self {
        Self(Self::STATUS + state as u8)
    }

    /// MIGRATION
    #[must_use]
    pub const fn migration(status: MigrationStatus) -> Self {
        Self(Self::MIGRATION + status as u8)
    }

    /// COLO_EXIT, of whatever reason: the thread that says it races with the failover that is the reason.
    #[must_use]
    pub const fn colo_exit(mode: ColoMode) -> Self {
        Self(Self::COLO_EXIT + mode as u8)
    }

    /// `cont` was refused: a reset is required.
    pub const RESET_REQUIRED: Self = Self(Self::REFUSAL);
    /// `cont` was refused: a migration is not finalized.
    pub const NOT_FINALIZED: Self = Self(Self::REFUSAL + 1);
    /// `system_wakeup` was refused: the guest is not suspended.
    pub const NOT_SUSPENDED: Self = Self(Self::REFUSAL + 2);

    /// An event of that name that has no data.
    #[must_use]
    pub fn plain(name: &str) -> Option<Self> {
        let at = Self::PLAIN_NAMES.iter().position(|plain| *plain == name)?;
        Some(Self(Self::PLAIN + at as u8))
    }

    /// The letter of what the machine said; `None` for what the checker does not follow.
    #[must_use]
    pub fn of(event: Event) -> Option<Self> {
        Some(match event {
            Event::Shutdown(cause) => Self::shutdown(cause),
            Event::Reset(cause) => Self::reset(cause),
            Event::Watchdog(action) => Self::watchdog(action),
            Event::GuestPanicked(action) => Self::panicked(action),
            Event::GuestCrashloaded(action) => Self::crashloaded(action),
            Event::MemoryFailure(failure) => Self::memory_failure(failure.action),
            Event::BlockIoError(action) => Self::block_io_error(action),
            Event::Powerdown
            | Event::Stop
            | Event::Resume
            | Event::Suspend
            | Event::SuspendDisk
            | Event::Wakeup
            | Event::GuestPvshutdown => return Self::plain(event.name()),
            Event::Migration(status) => Self::migration(status),
            Event::ColoExit(mode, _) => Self::colo_exit(mode),
            Event::MigrationPass(_) | Event::DumpCompleted | Event::JobStatusChange(_) => return None,
        })
    }

    /// The letter of that place.
    pub(super) const fn from_index(index: usize) -> Option<Self> {
        if index < Self::COUNT {
            Some(Self(index as u8))
        } else {
            None
        }
    }

    /// Whether the vCPUs are stopped before it is said: STOP, RESET.
    pub(super) const fn stops_vcpus(self) -> bool {
        self.0 == Self::PLAIN + 1 || (self.0 >= Self::RESET && self.0 < Self::PLAIN)
    }

    /// Whether it is MIGRATION.
    #[must_use]
    pub(super) const fn is_migration(self) -> bool {
        self.0 >= Self::MIGRATION && self.0 < Self::COLO_EXIT
    }

    /// Whether it is MIGRATION or COLO_EXIT: of these the last one is said once.
    #[must_use]
    pub(super) const fn ends_a_migration(self) -> bool {
        self.0 >= Self::MIGRATION
    }

    /// Whether it is MIGRATION, and which.
    #[must_use]
    pub fn as_migration(self) -> Option<MigrationStatus> {
        MigrationStatus::ALL
            .get(usize::from(self.0.checked_sub(Self::MIGRATION)?))
            .copied()
    }

    /// The letter's place, from 0.
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether it is SHUTDOWN, and why.
    #[must_use]
    pub fn as_shutdown(self) -> Option<ShutdownCause> {
        ShutdownCause::ALL
            .iter()
            .copied()
            .find(|cause| Self::shutdown(*cause) == self)
    }

    /// Whether it is the answer of `query-status`, and which.
    #[must_use]
    pub fn as_status(self) -> Option<RunState> {
        RunState::ALL
            .get(usize::from(self.0.checked_sub(Self::STATUS)?))
            .copied()
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn name<T: Copy + fmt::Display>(all: &[T], at: u8) -> impl fmt::Display {
            all[usize::from(at)]
        }
        match self.0 {
            n if n < Self::RESET => write!(f, "SHUTDOWN ({})", name(ShutdownCause::ALL, n - Self::SHUTDOWN)),
            n if n < Self::PLAIN => write!(f, "RESET ({})", name(ShutdownCause::ALL, n - Self::RESET)),
            n if n < Self::WATCHDOG => {
                f.write_str(Self::PLAIN_NAMES.get(usize::from(n - Self::PLAIN)).unwrap_or(&""))
            }
            n if n < Self::PANICKED => {
                write!(f, "WATCHDOG ({})", name(WatchdogAction::ALL, n - Self::WATCHDOG))
            }
            n if n < Self::CRASHLOADED => {
                write!(
                    f,
                    "GUEST_PANICKED ({})",
                    name(GuestPanicAction::ALL, n - Self::PANICKED)
                )
            }
            n if n < Self::MEMORY_FAILURE => {
                write!(
                    f,
                    "GUEST_CRASHLOADED ({})",
                    name(GuestPanicAction::ALL, n - Self::CRASHLOADED)
                )
            }
            n if n < Self::BLOCK_IO_ERROR => {
                write!(
                    f,
                    "MEMORY_FAILURE ({})",
                    name(MemoryFailureAction::ALL, n - Self::MEMORY_FAILURE)
                )
            }
            n if n < Self::STATUS => {
                write!(
                    f,
                    "BLOCK_IO_ERROR ({})",
                    name(BlockErrorAction::ALL, n - Self::BLOCK_IO_ERROR)
                )
            }
            n if n < Self::REFUSAL => write!(f, "status {}", name(RunState::ALL, n - Self::STATUS)),
            n if n == Self::REFUSAL => f.write_str("cont refused until a reset"),
            n if n == Self::REFUSAL + 1 => f.write_str("cont refused until the migration is finalized"),
            n if n == Self::REFUSAL + 2 => f.write_str("system_wakeup refused, not suspended"),
            n if n < Self::COLO_EXIT => write!(
                f,
                "MIGRATION ({})",
                name(MigrationStatus::ALL, n - Self::MIGRATION)
            ),
            n => write!(f, "COLO_EXIT ({})", name(ColoMode::ALL, n - Self::COLO_EXIT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_do_not_collide() {
        let mut names: Vec<String> = Letter::all().map(|letter| letter.to_string()).collect();
        names.retain(|name| !name.is_empty());
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(Letter::status(RunState::Colo).as_status(), Some(RunState::Colo));
        assert_eq!(Letter::RESET_REQUIRED.as_status(), None);
    }
}
