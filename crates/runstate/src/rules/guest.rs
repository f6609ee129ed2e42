//! What the guest does, through the devices and hypervisor interfaces that tell QEMU of it.

use crate::{
    Answer, BlockErrorAction, Event, Guest, GuestPanicAction, Impossible, MemoryFailure, MemoryFailureAction,
    Output, PanicAction, Release, RunState, ShutdownAction, ShutdownCause, Vm, WatchdogAction,
    requests::Requests,
    vm::{Aborted, Flags, Ran},
};

impl Vm {
    pub(crate) fn guest(&mut self, guest: Guest, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        let on_vcpu = !self.flags.has(Flags::MAIN_LOOP_THREAD);
        if on_vcpu && self.run != RunState::Running && !guest.from_outside() {
            return Ok(Answer::Impossible(Impossible::GuestNotRunning));
        }
        match guest {
            // acpi_pm1_cnt_write(), hw/acpi/core.c
            Guest::Shutdown => self.shutdown_request(ShutdownCause::GuestShutdown),
            Guest::Suspend => self.suspend_request(),
            Guest::SuspendDisk => {
                Self::emit(Event::SuspendDisk, out);
                self.shutdown_request(ShutdownCause::GuestShutdown);
            }
            Guest::Reset => self.reset_request(ShutdownCause::GuestReset),
            Guest::SubsystemReset => self.reset_request(ShutdownCause::SubsystemReset),
            Guest::Panic => self.guest_panicked(out)?,
            // qemu_system_guest_crashloaded(), system/runstate.c
            Guest::Crashloaded => Self::emit(Event::GuestCrashloaded(GuestPanicAction::Run), out),
            // qemu_system_guest_pvshutdown(), system/runstate.c
            Guest::Pvshutdown => {
                if self.release.has_pvshutdown() {
                    Self::emit(Event::GuestPvshutdown, out);
                    self.shutdown_request(ShutdownCause::GuestShutdown);
                }
            }
            Guest::Watchdog => self.watchdog_expired(out),
            // Devices ignore the error.
            Guest::Wakeup => self.wakeup(out)?,
            Guest::IoError(action) => self.block_error(action, out),
            // kvm_cpu_exec(), accel/kvm/kvm-all.c
            Guest::InternalError => self.vm_stop_by_guest(RunState::InternalError, out)?,
            // gdb_set_stop_cpu(), qemu_system_debug_request(), system/cpus.c
            Guest::Debug => self.requests.ask(Requests::DEBUG),
            Guest::MemoryFailure(failure) => self.memory_failed(failure, out),
            // kvm_arch_handle_exit(), target/i386/kvm/kvm.c (7.2); the other options only warn.
            Guest::NotifyVmexit => {
                if self.release >= Release::V7_2_0 && self.flags.has(Flags::VMEXIT_INTERNAL_ERROR) {
                    self.vm_stop_by_guest(RunState::InternalError, out)?;
                }
            }
            Guest::DebugExit(value) => self.debug_exit(value, out),
        }
        Ok(Answer::Done)
    }

    /// `qemu_system_guest_panicked()`, system/runstate.c. The action is decided now.
    fn guest_panicked(&mut self, out: &mut impl FnMut(Output)) -> Ran {
        match (self.actions.panic(), self.actions.shutdown()) {
            (PanicAction::Pause, _) | (PanicAction::Shutdown, ShutdownAction::Pause) => {
                Self::emit(Event::GuestPanicked(GuestPanicAction::Pause), out);
                self.vm_stop_by_guest(RunState::GuestPanicked, out)
            }
            // exit-failure does not ask for the shutdown action here; the main loop does.
            (PanicAction::Shutdown, ShutdownAction::Poweroff) | (PanicAction::ExitFailure, _) => {
                Self::emit(Event::GuestPanicked(GuestPanicAction::Poweroff), out);
                self.vm_stop_by_guest(RunState::GuestPanicked, out)?;
                self.shutdown_request(ShutdownCause::GuestPanic);
                Ok(())
            }
            (PanicAction::None, _) => {
                Self::emit(Event::GuestPanicked(GuestPanicAction::Run), out);
                Ok(())
            }
        }
    }

    /// `watchdog_perform_action()`, hw/watchdog/watchdog.c. The timer is of the virtual clock, which only a running VM has.
    fn watchdog_expired(&mut self, out: &mut impl FnMut(Output)) {
        if self.run != RunState::Running {
            return;
        }
        let action = self.actions.watchdog();
        Self::emit(Event::Watchdog(action), out);
        match action {
            WatchdogAction::Reset => self.reset_request(ShutdownCause::GuestReset),
            WatchdogAction::Shutdown => self.powerdown_request(),
            WatchdogAction::Poweroff => self.exit_now(0, out),
            // On the main loop, and yet a request: so that WATCHDOG comes before STOP.
            WatchdogAction::Pause => self.requests.ask_vmstop(RunState::Watchdog),
            WatchdogAction::Debug | WatchdogAction::None | WatchdogAction::InjectNmi => {}
        }
    }

    /// `blk_error_action()`, block/block-backend.c. It may come while the VM is stopped.
    fn block_error(&mut self, action: BlockErrorAction, out: &mut impl FnMut(Output)) {
        Self::emit(Event::BlockIoError(action), out);
        match action {
            BlockErrorAction::Stop => self.requests.ask_vmstop(RunState::IoError),
            BlockErrorAction::Ignore | BlockErrorAction::Report => {}
        }
    }

    /// `kvm_arch_on_sigbus_vcpu()`, target/i386/kvm/kvm.c and `do_inject_x86_mce()`, target/i386/helper.c.
    fn memory_failed(&mut self, failure: MemoryFailure, out: &mut impl FnMut(Output)) {
        Self::emit(Event::MemoryFailure(failure), out);
        match failure.action {
            MemoryFailureAction::Reset => self.reset_request(ShutdownCause::GuestReset),
            MemoryFailureAction::Fatal => self.exit_now(1, out),
            MemoryFailureAction::Ignore | MemoryFailureAction::Inject => {}
        }
    }

    /// `debug_exit_write()`, hw/misc/debugexit.c: status `value << 1 | 1`, of which a parent sees eight bits.
    fn debug_exit(&mut self, value: u8, out: &mut impl FnMut(Output)) {
        let code = value << 1 | 1;
        if self.release.debug_exit_is_shutdown() {
            self.shutdown_request_with_code(ShutdownCause::GuestShutdown, code);
        } else {
            self.exit_now(code, out);
        }
    }
}
