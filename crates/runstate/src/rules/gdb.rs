//! A debugger. gdbstub/system.c (gdbstub.c before 8.0).

use crate::{Output, RunState, ShutdownCause, Vm, vm::Ran};

impl Vm {
    /// It connects (`gdb_chr_event()`): whatever is live stops.
    pub(crate) fn gdb_attach(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        self.vm_stop(RunState::Paused, out)
    }

    /// It interrupts (`gdb_read_byte()`): only what runs stops.
    pub(crate) fn gdb_interrupt(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        if self.run == RunState::Running {
            self.vm_stop(RunState::Paused, out)
        } else {
            Ok(())
        }
    }

    /// It continues, steps or detaches (`gdb_continue()`): refused in silence where a reset is needed. Unlike `cont` it looks
    /// at nothing else.
    pub(crate) fn gdb_continue(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        if self.needs_reset() {
            Ok(())
        } else {
            self.vm_start(out)
        }
    }

    /// It kills (`handle_kill()`).
    pub(crate) fn gdb_kill(&mut self, out: &mut impl FnMut(Output)) {
        if self.release.gdb_kill_is_shutdown() {
            self.shutdown_request_with_code(ShutdownCause::GuestShutdown, 0);
        } else {
            self.exit_now(0, out);
        }
    }
}
