//! One pass of the main loop, and what comes after the last.

use crate::{
    Event, ExitStatus, Output, PanicAction, RunState, ShutdownAction, ShutdownCause, Vm,
    requests::Requests,
    vm::{Flags, Life, Ran},
};

impl Vm {
    /// `main_loop_should_exit()`, system/runstate.c. The order is fixed and the same in all releases.
    pub(crate) fn main_loop_should_exit(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        if self.requests.take(Requests::DEBUG) {
            self.vm_stop(RunState::Debug, out)?;
        }
        if self.requests.take(Requests::SUSPEND) {
            self.system_suspend(out)?;
        }
        if let Some(cause) = self.requests.take_shutdown() {
            Self::emit(Event::Shutdown(cause), out);
            match self.actions.shutdown() {
                ShutdownAction::Pause => self.vm_stop(RunState::Shutdown, out)?,
                ShutdownAction::Poweroff => return self.leave(cause, out),
            }
        }
        if let Some(cause) = self.requests.take_reset() {
            self.system_reset(cause, out);
            // "runstate can change in pause_all_vcpus()": whatever it is by then, what does not run waits for a cont.
            if !matches!(
                self.run,
                RunState::Running | RunState::Inmigrate | RunState::FinishMigrate
            ) {
                self.set(RunState::Prelaunch, out)?;
            }
        }
        if self.requests.take(Requests::WAKEUP) {
            Self::emit(Event::Wakeup, out);
        }
        if self.requests.take(Requests::POWERDOWN) {
            Self::emit(Event::Powerdown, out);
        }
        if let Some(state) = self.requests.take_vmstop() {
            self.vm_stop(state, out)?;
        }
        Ok(())
    }

    /// `qemu_system_suspend()`, system/runstate.c: no STOP.
    fn system_suspend(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        self.set(RunState::Suspended, out)?;
        Self::emit(Event::Suspend, out);
        Ok(())
    }

    /// `qemu_system_reset()`, system/runstate.c.
    pub(crate) fn system_reset(&mut self, cause: ShutdownCause, out: &mut impl FnMut(Output)) {
        if cause.announced() {
            Self::emit(Event::Reset(cause), out);
        }
        self.flags.set(Flags::WAS_SUSPENDED, false);
    }

    /// The end of `qemu_main_loop()` and `qemu_cleanup()`, system/runstate.c: nothing pending is serviced any more.
    fn leave(&mut self, cause: ShutdownCause, out: &mut impl FnMut(Output)) -> Ran {
        if self.exit_code == 0
            && cause == ShutdownCause::GuestPanic
            && self.actions.panic() == PanicAction::ExitFailure
        {
            self.exit_code = 1;
        }
        // vm_shutdown(): a stop without STOP.
        if self.is_live() {
            self.set(RunState::Shutdown, out)?;
        }
        self.cancel_migration_at_exit(out);
        self.dismiss_job_at_exit(out);
        self.exit_now(self.exit_code, out);
        Ok(())
    }

    /// `exit()`: no event, no clean-up that could be seen.
    pub(crate) fn exit_now(&mut self, status: u8, out: &mut impl FnMut(Output)) {
        self.life = Life::Exited;
        self.exit_code = status;
        // Nothing of this will be serviced, so that states that differ only in it are one.
        self.requests = Requests::NONE;
        out(Output::Exit(ExitStatus(status)));
    }
}
