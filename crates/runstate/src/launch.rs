//! What the command line decides before the first instruction.

use crate::{
    Load, NotifyVmexitOption, PanicAction, RebootAction, Release, SetAction, ShutdownAction, WatchdogAction,
};

/// How QEMU is started, as far as the run state depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Launch {
    /// Which QEMU.
    pub release: Release,
    /// The actions: `-action`, `-no-reboot`, `-no-shutdown`, `-watchdog-action`, already merged.
    pub actions: Actions,
    /// Whether the VM starts by itself: not with `-S`.
    pub autostart: bool,
    /// `-preconfig`
    pub preconfig: bool,
    /// `-incoming`
    pub incoming: IncomingOption,
    /// `-loadvm`. A load that does not find its snapshot ends QEMU with status 1.
    pub loadvm: Option<Load>,
    /// The thread on which guest actions run.
    pub thread: Thread,
    /// The machine.
    pub machine: Machine,
}

impl Launch {
    /// QEMU without options.
    #[must_use]
    pub const fn new(release: Release) -> Self {
        Self {
            release,
            actions: Actions::DEFAULT,
            autostart: true,
            preconfig: false,
            incoming: IncomingOption::None,
            loadvm: None,
            thread: Thread::Vcpu,
            machine: Machine::DEFAULT,
        }
    }
}

/// `-incoming`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IncomingOption {
    /// Not given.
    #[default]
    None,
    /// `-incoming defer`: waits for `migrate-incoming`.
    Defer,
    /// `-incoming URI`.
    Uri,
}

/// Where guest actions run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Thread {
    /// On a vCPU thread, as in life: a stop is only requested.
    #[default]
    Vcpu,
    /// On the main loop, as with `-accel qtest`: a stop happens at once.
    MainLoop,
}

/// What kind of machine it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    /// vCPUs can be reset; those of confidential guests cannot. `cpus_are_resettable()`, system/cpus.c.
    pub cpus_resettable: bool,
    /// `system_wakeup` can work: pc, q35 and others have it. `qemu_wakeup_suspend_enabled()`, system/runstate.c.
    pub wakeup_support: bool,
    /// There is somebody to take a non-maskable interrupt. `nmi_monitor_handle()`, hw/core/nmi.c.
    pub nmi: bool,
    /// A disk that can hold snapshots.
    pub snapshot_disk: bool,
    /// `-accel kvm,notify-vmexit=` (7.2).
    pub notify_vmexit: NotifyVmexitOption,
    /// Record/replay in play mode.
    pub replay_play: bool,
}

impl Machine {
    /// A pc without a disk.
    pub const DEFAULT: Self = Self {
        cpus_resettable: true,
        wakeup_support: true,
        nmi: true,
        snapshot_disk: false,
        notify_vmexit: NotifyVmexitOption::Run,
        replay_play: false,
    };
}

impl Default for Machine {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The four actions, packed into a byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Actions(u8);

impl Actions {
    /// reboot=reset, shutdown=poweroff, panic=shutdown, watchdog=reset. system/runstate-action.c.
    pub const DEFAULT: Self = Self::new(
        RebootAction::Reset,
        ShutdownAction::Poweroff,
        PanicAction::Shutdown,
        WatchdogAction::Reset,
    );

    /// The four given.
    #[must_use]
    pub const fn new(
        reboot: RebootAction,
        shutdown: ShutdownAction,
        panic: PanicAction,
        watchdog: WatchdogAction,
    ) -> Self {
        Self(reboot as u8 | (shutdown as u8) << 1 | (panic as u8) << 2 | (watchdog as u8) << 4)
    }

    /// Every combination: 112, in schema order.
    pub fn all() -> impl Iterator<Item = Self> {
        RebootAction::ALL.iter().flat_map(|&reboot| {
            ShutdownAction::ALL.iter().flat_map(move |&shutdown| {
                PanicAction::ALL.iter().flat_map(move |&panic| {
                    WatchdogAction::ALL
                        .iter()
                        .map(move |&watchdog| Self::new(reboot, shutdown, panic, watchdog))
                })
            })
        })
    }

    /// What a guest reset does.
    #[must_use]
    pub const fn reboot(self) -> RebootAction {
        if self.0 & 1 == 0 {
            RebootAction::Reset
        } else {
            RebootAction::Shutdown
        }
    }

    /// What a shutdown does.
    #[must_use]
    pub const fn shutdown(self) -> ShutdownAction {
        if self.0 & 2 == 0 {
            ShutdownAction::Poweroff
        } else {
            ShutdownAction::Pause
        }
    }

    /// What a panic does.
    #[must_use]
    pub const fn panic(self) -> PanicAction {
        match (self.0 >> 2) & 3 {
            0 => PanicAction::Pause,
            1 => PanicAction::Shutdown,
            2 => PanicAction::ExitFailure,
            _ => PanicAction::None,
        }
    }

    /// What an expired watchdog does.
    #[must_use]
    pub const fn watchdog(self) -> WatchdogAction {
        match (self.0 >> 4) & 7 {
            0 => WatchdogAction::Reset,
            1 => WatchdogAction::Shutdown,
            2 => WatchdogAction::Poweroff,
            3 => WatchdogAction::Pause,
            4 => WatchdogAction::Debug,
            5 => WatchdogAction::None,
            _ => WatchdogAction::InjectNmi,
        }
    }

    /// These, with what `change` names changed. `qmp_set_action()`, system/runstate-action.c.
    #[must_use]
    pub const fn with(self, change: SetAction) -> Self {
        const fn or<T: Copy>(new: Option<T>, old: T) -> T {
            match new {
                Some(new) => new,
                None => old,
            }
        }
        Self::new(
            or(change.reboot, self.reboot()),
            or(change.shutdown, self.shutdown()),
            or(change.panic, self.panic()),
            or(change.watchdog, self.watchdog()),
        )
    }

    /// These, with the shutdown action poweroff: `quit`, a signal and a closed window insist on it.
    #[must_use]
    pub(crate) const fn poweroff(self) -> Self {
        Self(self.0 & !2)
    }
}

impl Default for Actions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl core::fmt::Debug for Actions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

/// As `-action` takes them: `reboot=reset,shutdown=poweroff,panic=shutdown,watchdog=reset`.
impl core::fmt::Display for Actions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "reboot={},shutdown={},panic={},watchdog={}",
            self.reboot(),
            self.shutdown(),
            self.panic(),
            self.watchdog()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_unpack_as_packed() {
        let mut count = 0;
        for actions in Actions::all() {
            count += 1;
            let again = Actions::new(
                actions.reboot(),
                actions.shutdown(),
                actions.panic(),
                actions.watchdog(),
            );
            assert_eq!(again, actions);
        }
        assert_eq!(count, 112);
        let all = SetAction {
            reboot: Some(RebootAction::Shutdown),
            shutdown: Some(ShutdownAction::Pause),
            panic: Some(PanicAction::None),
            watchdog: Some(WatchdogAction::InjectNmi),
        };
        let changed = Actions::DEFAULT.with(all);
        assert_eq!(changed, Actions::DEFAULT.with(all).with(SetAction::default()));
        assert_eq!(changed.poweroff().shutdown(), ShutdownAction::Poweroff);
    }
}
