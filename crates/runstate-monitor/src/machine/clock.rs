//! Whether timers of the virtual clock expire: where a snapshot has put it into the far past they do not, for as long as the
//! host has been up.
//!
//! QEMU saves the clock as an offset (`vmstate_timers`, softmmu/cpu-timers.c). While the clock is stopped that is its value; while
//! it goes, what has to be added to the host's own. Loaded under the same conditions it is the clock again; otherwise it is one
//! host's uptime too early, or too late. `timer_mod_ns_locked()`, util/qemu-timer.c, arms no timer before 0.
//!
//! Until 9.0 a suspended VM is not stopped to be saved or loaded, so its clock goes on meanwhile.

use runstate::{Release, RunState};

/// The virtual clock, counted in uptimes of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    /// `cpu_ticks_enabled`
    goes: bool,
    /// How many uptimes it is ahead of where it should be.
    ahead: i32,
}

impl Clock {
    /// The VM went from one state to another. `vm_start()` lets the clock go, `do_vm_stop()` stops it, softmmu/cpus.c.
    pub(super) fn hear(&mut self, from: RunState, to: RunState, release: Release) {
        if to == RunState::Running {
            self.goes = true;
        } else if is_stopped(from, release) && !(from == RunState::Running && to == RunState::Suspended) {
            self.goes = false;
        }
    }

    /// What a snapshot that is made in this state says, in uptimes.
    pub(super) fn saved(self, run: RunState, release: Release) -> i32 {
        if self.goes && !is_stopped(run, release) {
            self.ahead.saturating_sub(1)
        } else {
            self.ahead
        }
    }

    /// What a VM in this state has when it has loaded one.
    pub(super) fn load(&mut self, saved: i32, run: RunState, release: Release) {
        let goes = self.goes && !is_stopped(run, release);
        self.ahead = saved.saturating_add(i32::from(goes));
    }

    pub(super) const fn timers_expire(self) -> bool {
        self.ahead >= 0
    }
}

/// Whether a VM in this state is stopped to be saved, and its clock with it.
fn is_stopped(run: RunState, release: Release) -> bool {
    run == RunState::Running || (run == RunState::Suspended && release.suspended_is_live())
}
