//! What the guest and the host do, one thing at a time.

use runstate::{Guest, Host, MemoryFailure, MemoryFailureAction};
use runstate_qmp::Value;

use super::drive::Driver;
use super::failure::Failure;
use super::firmware::Operation;
use super::gdb::Debugger;
use super::i6300esb;
use super::ports::{self, Access, PortWrite, ResetBy};
use super::qemu::release_fifo;
use super::rest::rests;
use super::script::{Injection, Signal, undrivable};
use super::serial::Sent;
use super::stream;
use super::wire::Limit;

impl Driver<'_> {
    /// The guest does one thing.
    pub(super) fn guest(&mut self, action: Guest, data: Option<&Value>) -> Result<(), Failure> {
        match action {
            // QEMU drops a key while the VM neither runs nor is suspended; it would wake nothing then.
            Guest::Wakeup => self.qemu.control.ask(
                r#"{"execute": "input-send-event", "arguments": {"events": [{"type": "key", "data": {"down": true, "key": {"type": "qcode", "data": "a"}}}]}}"#,
            ).map(|_| ()),
            Guest::MemoryFailure(failure) => self.control(&machine_check(failure)),
            Guest::IoError(_) => self.io_error(data),
            Guest::Debug => self.breakpoint(),
            Guest::Shutdown
            | Guest::Reset
            | Guest::Panic
            | Guest::Crashloaded
            | Guest::Pvshutdown
            | Guest::Watchdog
            | Guest::Suspend
            | Guest::SuspendDisk
            | Guest::InternalError
            | Guest::NotifyVmexit
            | Guest::DebugExit(_)
            | Guest::SubsystemReset => {
                let access = self.access(action)?;
                match self.injection() {
                    Injection::Qtest => {
                        self.qtest_can(action)?;
                        self.qemu.qtest.send(&[access])?;
                        self.qemu.qtest.answers()
                    }
                    Injection::Vcpu => {
                        self.wait_for_guest()?;
                        let sent = self.qemu.guest.perform(0, access, false)?;
                        self.performed(sent)
                    }
                }
            }
        }
    }

    /// Waits until the guest has booted and does what it is told: one that boots from now on does so because of what it is about
    /// to do.
    fn wait_for_guest(&mut self) -> Result<(), Failure> {
        // Asked for while QEMU is sure to answer.
        let _ = self.qemu.vcpu_threads()?;
        let sent = self.qemu.guest.send(0, Operation::Nothing, 0, 0, false)?;
        self.qemu.guest.wait(sent).map(|_| ())
    }

    /// The access by which the guest brings it about, the last one of those that it takes: the others are made here.
    pub(super) fn access(&mut self, action: Guest) -> Result<Access, Failure> {
        let access = match action {
            Guest::Shutdown => self.sleep(ports::S5)?,
            Guest::Suspend => self.sleep(ports::S3)?,
            Guest::SuspendDisk => self.sleep(ports::S4)?,
            Guest::Reset => {
                let way = self.next_reset();
                if let Some(write) = way.preparation() {
                    self.prepare(&[write.into()])?;
                }
                return Ok(way.access());
            }
            Guest::Panic => ports::PANIC,
            Guest::Crashloaded => ports::CRASHLOADED,
            Guest::Pvshutdown => ports::PVSHUTDOWN,
            Guest::Watchdog if self.script.has_i6300esb() => {
                let devfn = self.find_i6300esb()?;
                self.prepare(&i6300esb::preparation(devfn))?;
                i6300esb::ENABLE
            }
            Guest::Watchdog => ports::WATCHDOG,
            Guest::DebugExit(code) => ports::debug_exit(code),
            Guest::Wakeup
            | Guest::IoError(_)
            | Guest::InternalError
            | Guest::Debug
            | Guest::MemoryFailure(_)
            | Guest::NotifyVmexit
            | Guest::SubsystemReset => return undrivable("it is not done by one access"),
        };
        Ok(access.into())
    }

    /// A reset moves the power management registers away.
    fn sleep(&mut self, write: PortWrite) -> Result<PortWrite, Failure> {
        self.prepare(&ports::POWER_MANAGEMENT.map(Access::Port))?;
        Ok(write)
    }

    /// How the guest resets: as was asked for, or each time in another way.
    fn next_reset(&mut self) -> ResetBy {
        if let Some(way) = self.script.reset_by {
            return way;
        }
        let ways = match self.injection() {
            Injection::Vcpu => &ResetBy::ALL[..],
            Injection::Qtest => &ResetBy::ALL[..3],
        };
        self.resets += 1;
        ways[self.resets % ways.len()]
    }

    /// Accesses after which nothing happens yet.
    fn prepare(&mut self, writes: &[Access]) -> Result<(), Failure> {
        match self.injection() {
            Injection::Qtest => self.qemu.qtest.send_all(writes),
            Injection::Vcpu => {
                for write in writes {
                    let sent = self.qemu.guest.perform(0, *write, false)?;
                    self.qemu.guest.wait(sent)?;
                }
                Ok(())
            }
        }
    }

    /// The slot and function of the watchdog. Where it is changes nothing, so it is always looked up over the qtest socket.
    fn find_i6300esb(&mut self) -> Result<u8, Failure> {
        if let Some(devfn) = self.i6300esb {
            return Ok(devfn);
        }
        for devfn in i6300esb::functions() {
            self.qemu
                .qtest
                .send(&[i6300esb::config_address(devfn, 0).into()])?;
            if self.qemu.qtest.read(i6300esb::CONFIG_DATA)? == Some(i6300esb::IDENTITY) {
                self.i6300esb = Some(devfn);
                return Ok(devfn);
            }
        }
        undrivable("there is no i6300esb on the first PCI bus")
    }

    /// The watchdog counts virtual time, which only the qtest accelerator lets pass in a VM that does not run.
    pub(super) fn qtest_can(&mut self, action: Guest) -> Result<(), Failure> {
        let watchdog = action == Guest::Watchdog;
        if watchdog && self.qemu.status()?.as_deref() != Some("running") {
            return undrivable(
                "a watchdog that expires in a VM that does not run needs the qtest accelerator's clock",
            );
        }
        Ok(())
    }

    /// Waits until a vCPU has performed what it was sent. One that stops itself by it may never say so: then that its
    /// thread rests is the sign, that the guest boots anew, or at the latest what QEMU says in consequence.
    pub(super) fn performed(&mut self, sent: Sent) -> Result<(), Failure> {
        let limit = Limit::new("acknowledgement from the guest");
        let patience = Limit::of(core::time::Duration::from_millis(300), "sign");
        let process = self.qemu.pid();
        let thread = self.qemu.vcpu_threads()?.get(usize::from(sent.vcpu())).copied();
        while !self.qemu.guest.acknowledged(sent) {
            let gone = self.qemu.qmp.wire.closed || self.qemu.guest.wire.closed;
            if gone || (self.complete() && patience.is_over()) {
                break;
            }
            let stopped =
                self.qemu.guest.has_begun(sent)? && thread.is_some_and(|thread| rests(process, thread));
            // What it said before it came to rest is there by now.
            self.qemu.guest.wire.take_in();
            if stopped || self.qemu.guest.has_rebooted() {
                let _ = self.qemu.guest.acknowledged(sent);
                break;
            }
            limit.check()?;
            std::thread::sleep(core::time::Duration::from_micros(100));
            self.listen()?;
        }
        Ok(())
    }

    /// A command of the driver's own; only that it was answered matters.
    fn control(&mut self, command: &str) -> Result<(), Failure> {
        match self.qemu.control.ask(command)? {
            Some(answer) if answer.get("error").is_some() => {
                Err(Failure::qemu(format!("QEMU answers {command} with {answer}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn io_error(&mut self, data: Option<&Value>) -> Result<(), Failure> {
        let read = data.and_then(|data| data.get("operation")?.as_str()) == Some("read");
        self.errors += 1;
        let sector = u8::try_from(self.errors).expect("fewer than 256 errors");
        let commands = ports::ide_sector(!read, sector);
        if core::mem::take(&mut self.unread) {
            for write in ports::IDE_RESETS {
                self.prepare(&[write.into()])?;
                self.qemu.qtest.barrier(1)?;
            }
        }
        let ignored = data.and_then(|data| data.get("action")?.as_str()) == Some("ignore");
        self.unread = read && ignored;
        match self.injection() {
            Injection::Qtest => {
                self.qemu.qtest.send_all(&commands.map(Access::Port))?;
                if !read {
                    let word = PortWrite::word(ports::IDE_DATA, 0x5a5a);
                    self.qemu.qtest.send_all(&[Access::Port(word); 256])?;
                }
                Ok(())
            }
            Injection::Vcpu => {
                self.wait_for_guest()?;
                for write in commands {
                    let sent = self.qemu.guest.perform(0, write.into(), false)?;
                    self.performed(sent)?;
                }
                if read {
                    return Ok(());
                }
                let sent = self.qemu.guest.write_sector(ports::IDE_DATA)?;
                self.performed(sent)
            }
        }
    }

    /// The guest runs into a breakpoint, which is gone afterwards.
    fn breakpoint(&mut self) -> Result<(), Failure> {
        if self.injection() == Injection::Qtest {
            return undrivable("a breakpoint needs a guest that runs");
        }
        let operations = [
            Operation::Breakpoint0,
            Operation::Breakpoint1,
            Operation::Breakpoint2,
            Operation::Breakpoint3,
        ];
        let addresses = self.bench.breakpoints();
        let (Some(operation), Some(debugger)) = (operations.get(self.breakpoints), &mut self.debugger) else {
            return undrivable("more breakpoints than the guest has instructions for");
        };
        let address = addresses[self.breakpoints];
        self.breakpoints += 1;
        debugger.keep_up()?;
        self.qemu.guest.send(0, *operation, 0, 0, false)?;
        // Since 8.1 a stop is told once for each time that the debugger continued the VM: not after one that a QMP client has
        // stopped and continued (`gdb_vm_state_change()`, gdbstub/system.c).
        let limit = Limit::new("hit of the breakpoint");
        while !debugger.has_hit()? && self.qemu.status()?.is_some_and(|status| status != "debug") {
            limit.check()?;
            std::thread::sleep(core::time::Duration::from_micros(200));
        }
        debugger.remove_breakpoint(address)
    }

    /// Something happens on the host.
    pub(super) fn host(&mut self, action: Host, signal: Option<Signal>) -> Result<(), Failure> {
        match action {
            Host::Signal => self.qemu.signal(signal.unwrap_or(Signal::SIGTERM)),
            Host::GdbAttach => {
                self.debugger = Some(self.attach()?);
                Ok(())
            }
            Host::GdbInterrupt => self.debugger()?.interrupt(),
            Host::GdbContinue if self.qemu.status()?.as_deref() == Some("running") => {
                // What it sends to a running VM stops it (`gdb_read_byte()`, gdbstub/gdbstub.c).
                undrivable("a debugger that continues a VM that runs")
            }
            Host::GdbContinue => self.debugger()?.send("c"),
            Host::GdbKill => self.debugger()?.send("k"),
            Host::GdbDetach => {
                self.debugger()?.ask("D").map(|_| ())?;
                self.debugger = None;
                Ok(())
            }
            Host::MigrationConverges => self.converge(),
            Host::MigrationFails => self.break_migration(),
            Host::IncomingArrives(stream) => {
                let disk = self.disk.clone();
                let template = self
                    .bench
                    .stream(self.machine, disk.as_ref().map(|path| path.as_path()))?;
                let bytes = stream::patched(&template, stream)?;
                self.feed(&bytes)?;
                self.until_incoming_ends()
            }
            Host::IncomingFails => {
                let disk = self.disk.clone();
                let template = self
                    .bench
                    .stream(self.machine, disk.as_ref().map(|path| path.as_path()))?;
                self.feed(&template[..3000])
            }
            Host::MigrationSettles => Ok(()),
            Host::DumpCompletes => self.complete_dump(),
            Host::UiClose | Host::JobCompletes => undrivable("nothing does it here"),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.qemu.directory().join("state");
        if self.outgoing.took_state || !path.exists() {
            return undrivable("a stream that comes in after one that went out has taken its file");
        }
        stream::feed(&path, bytes)?;
        // The name is free for a stream that goes out.
        release_fifo(&path);
        std::fs::remove_file(&path)
            .map_err(|error| Failure::qemu(format!("cannot remove {}: {error}", path.display())))
    }

    pub(super) fn attach(&mut self) -> Result<Debugger, Failure> {
        Ok(Debugger::new(self.qemu.connect("gdb")?))
    }

    fn debugger(&mut self) -> Result<&mut Debugger, Failure> {
        match &mut self.debugger {
            Some(debugger) => Ok(debugger),
            None => undrivable("no debugger is attached"),
        }
    }
}

/// The monitor's `mce`: CPU, bank, status, MCG status, address, misc. A status with UC (bit 61) is uncorrected and, with
/// CR4.MCE clear, resets the guest; a corrected one is told and logged. Bit 55 says that action is required
/// (`do_inject_x86_mce()`, target/i386/helper.c).
fn machine_check(failure: MemoryFailure) -> String {
    let mut status: u64 = 0x9d00_0000_0000_0134;
    if failure.action == MemoryFailureAction::Reset {
        status |= 1 << 61;
    }
    if failure.flags.action_required {
        status |= 1 << 55;
    }
    format!(
        r#"{{"execute": "human-monitor-command", "arguments": {{"command-line": "mce 0 9 {status:#x} 5 0 0"}}}}"#
    )
}
