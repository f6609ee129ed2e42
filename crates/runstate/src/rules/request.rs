//! Requests: what is only asked for, and waits for the next pass of the main loop. Each is a single slot; the last one wins.

use crate::{
    Output, RebootAction, Refusal, RunState, ShutdownCause, Vm,
    requests::Requests,
    vm::{Flags, Ran},
};

impl Vm {
    /// `qemu_system_reset_request()`, system/runstate.c. The reboot action is looked at now, not when the request is serviced.
    pub(crate) fn reset_request(&mut self, cause: ShutdownCause) {
        let shuts_down =
            self.actions.reboot() == RebootAction::Shutdown && cause != ShutdownCause::SubsystemReset;
        if shuts_down || !self.flags.has(Flags::CPUS_RESETTABLE) {
            self.requests.ask_shutdown(cause);
        } else {
            self.requests.ask_reset(cause);
        }
    }

    /// `qemu_system_shutdown_request()`, system/runstate.c.
    pub(crate) fn shutdown_request(&mut self, cause: ShutdownCause) {
        self.requests.ask_shutdown(cause);
    }

    /// `qemu_system_shutdown_request_with_code()`, system/runstate.c (8.2). The code sticks.
    pub(crate) fn shutdown_request_with_code(&mut self, cause: ShutdownCause, code: u8) {
        self.exit_code = code;
        self.requests.ask_shutdown(cause);
    }

    /// `qemu_system_killed()`, system/runstate.c: a signal insists on exiting.
    pub(crate) fn killed(&mut self) {
        self.actions = self.actions.poweroff();
        self.requests.ask_shutdown(ShutdownCause::HostSignal);
    }

    /// A window that is closed insists too: ui/sdl2.c, ui/cocoa.m.
    pub(crate) fn ui_closed(&mut self) {
        self.actions = self.actions.poweroff();
        self.requests.ask_shutdown(ShutdownCause::HostUi);
    }

    /// `qmp_quit()`, monitor/qmp-cmds.c.
    pub(crate) fn quit(&mut self) {
        self.actions = self.actions.poweroff();
        self.requests.ask_shutdown(ShutdownCause::HostQmpQuit);
    }

    /// `qemu_system_suspend_request()`, system/runstate.c.
    pub(crate) fn suspend_request(&mut self) {
        if self.run != RunState::Suspended {
            self.requests.ask(Requests::SUSPEND);
        }
    }

    /// `qemu_system_wakeup_request()`, system/runstate.c: the state changes now, WAKEUP follows in the pass.
    pub(crate) fn wakeup_request(
        &mut self,
        out: &mut impl FnMut(Output),
    ) -> Result<Option<Refusal>, crate::vm::Aborted> {
        if self.run != RunState::Suspended {
            return Ok(Some(Refusal::NotSuspended));
        }
        self.set(RunState::Running, out)?;
        self.requests.ask(Requests::WAKEUP);
        Ok(None)
    }

    /// The same where nobody reads the error: devices, migration, `-loadvm`.
    pub(crate) fn wakeup(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        self.wakeup_request(out).map(|_| ())
    }

    /// `qemu_system_powerdown_request()`, system/runstate.c.
    pub(crate) fn powerdown_request(&mut self) {
        self.requests.ask(Requests::POWERDOWN);
    }
}
