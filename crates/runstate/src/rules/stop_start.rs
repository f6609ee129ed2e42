//! Stopping and starting the vCPUs.

use crate::{
    Event, Output, RunState, Vm,
    vm::{Flags, Ran},
};

impl Vm {
    /// `vm_stop()` on the main-loop thread, `do_vm_stop()`, system/cpus.c.
    ///
    /// A VM that is not live keeps its state and says nothing: the first reason to stop wins.
    pub(crate) fn vm_stop(&mut self, to: RunState, out: &mut impl FnMut(Output)) -> Ran {
        if self.is_live() {
            self.flags
                .set(Flags::WAS_SUSPENDED, self.run == RunState::Suspended);
            self.set(to, out)?;
            Self::emit(Event::Stop, out);
        }
        Ok(())
    }

    /// `vm_stop()` on the thread on which the guest acts: on a vCPU thread it is only requested.
    pub(crate) fn vm_stop_by_guest(&mut self, to: RunState, out: &mut impl FnMut(Output)) -> Ran {
        if self.flags.has(Flags::MAIN_LOOP_THREAD) {
            self.vm_stop(to, out)
        } else {
            self.requests.ask_vmstop(to);
            Ok(())
        }
    }

    /// `vm_stop_force_state()`, system/cpus.c: a VM that is not live changes its state too, in silence.
    pub(crate) fn vm_stop_force_state(&mut self, to: RunState, out: &mut impl FnMut(Output)) -> Ran {
        if self.is_live() {
            self.vm_stop(to, out)
        } else {
            self.set(to, out)
        }
    }

    /// `vm_start()`, `vm_prepare_start()`, system/cpus.c.
    ///
    /// RESUME is sent before the transition is looked at, so it can be the last thing before an abort.
    pub(crate) fn vm_start(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        let stop_pending = self.requests.take_vmstop().is_some();
        if self.run == RunState::Running {
            // A stop that was asked for and not yet done is told as if it had been.
            if stop_pending {
                Self::emit(Event::Stop, out);
                Self::emit(Event::Resume, out);
            }
            return Ok(());
        }
        let to = if self.was_suspended() {
            RunState::Suspended
        } else {
            RunState::Running
        };
        Self::emit(Event::Resume, out);
        self.set(to, out)?;
        self.flags.set(Flags::WAS_SUSPENDED, false);
        Ok(())
    }

    /// `vm_resume()`, system/cpus.c (9.0): back to a state remembered.
    pub(crate) fn vm_resume(&mut self, state: RunState, out: &mut impl FnMut(Output)) -> Ran {
        if self.state_is_live(state) {
            self.vm_start(out)
        } else {
            self.set(state, out)
        }
    }
}
