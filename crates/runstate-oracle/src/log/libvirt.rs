//! libvirt's log with `qemu.qemu_monitor` at level info or debug, and KubeVirt's virt-launcher, which wraps it in JSON.
//!
//! The lines are those of libvirt's probes (src/qemu/qemu_monitor.c and qemu_monitor_json.c, 6.0 to 11):
//! `QEMU_MONITOR_RECV_EVENT: mon=0x.. event={..}`, `QEMU_MONITOR_RECV_REPLY: mon=0x.. reply={..}`,
//! `QEMU_MONITOR_IO_WRITE: mon=0x.. buf={..}`, whose CR LF and ` len=.. ret=.. errno=..` stand on the next line,
//! `QEMU_MONITOR_NEW: mon=0x.. fd=..` and `QEMU_MONITOR_CLOSE: mon=0x.. refs=..`. A monitor's pointer tells the VMs
//! apart; the name is in `Entering monitor (mon=0x.. vm=0x.. name=..)`, at level debug. The greeting is in none of them
//! but in a debug line without the pointer, `Line [{"QMP": ..}]`: it belongs to the VM that negotiates next.
//!
//! virt-launcher writes each as `{"component":"virt-launcher",..,"msg":"..","pos":..,"subcomponent":"libvirt",..}`.

use memchr::memmem::{Finder, rfind};

use super::detect::{KUBEVIRT_MESSAGE, MONITOR_EVENT};
use super::out::Out;
use super::record::{Greeting, Heard, VmId};
use super::unescape;

#[derive(Debug)]
pub(super) struct Libvirt {
    monitor: Finder<'static>,
    greeting_line: Finder<'static>,
    /// A greeting whose VM is not known yet: where it stood, the version, the package.
    greeting: Option<(u64, u64, [u32; 3], String)>,
    /// The last command written, and by whom: what the socket did not take is written again.
    written: Vec<u8>,
}

impl Default for Libvirt {
    fn default() -> Self {
        Self {
            monitor: Finder::new(b"mon=0x"),
            greeting_line: Finder::new(br#"Line [{"QMP""#),
            greeting: None,
            written: Vec::new(),
        }
    }
}

impl super::FormatReader for Libvirt {
    fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool {
        self.entry(line, 0, out);
        true
    }

    fn finish(&mut self, _out: &mut Out<'_>) {}
}

impl Libvirt {
    /// One entry of the log; its text begins at `column` of the line.
    fn entry(&mut self, text: &[u8], column: usize, out: &mut Out<'_>) {
        let Some(at) = self.monitor.find(text) else {
            if let Some(at) = self.greeting_line.find(text) {
                self.greet(&text[at + 6..], out);
            }
            return;
        };
        let (before, rest) = (&text[..at], &text[at + 4..]);
        let digits = rest[2..].iter().take_while(|b| b.is_ascii_hexdigit()).count() + 2;
        let (monitor, rest) = rest.split_at(digits);
        let json = column + at + 4 + digits;
        if before.ends_with(b"Entering monitor (") {
            if let Some(name) = rfind(rest, b" name=") {
                let name = &rest[name + 6..];
                out.vms.call(monitor, name.strip_suffix(b")").unwrap_or(name));
            }
            return;
        }
        let Some(probe) = before.strip_suffix(b": ").and_then(|text| {
            let name = rfind(text, MONITOR_EVENT)?;
            Some(&text[name + MONITOR_EVENT.len()..])
        }) else {
            return;
        };
        match probe {
            b"RECV_EVENT" => message(monitor, rest, b" event=", json, out),
            b"RECV_REPLY" => {
                self.written.clear();
                message(monitor, rest, b" reply=", json, out);
            }
            b"IO_WRITE" => self.write(monitor, rest, json, out),
            b"NEW" => {
                if let Some(vm) = out.new_vm(monitor) {
                    out.heard(vm, column, Heard::Connected);
                }
            }
            b"CLOSE" => {
                if let Some(vm) = out.vm(monitor) {
                    out.heard(vm, column, Heard::Disconnected);
                }
            }
            // IO_READ, IO_PROCESS, IO_SEND_FD, SEND_MSG, ..: the same bytes, or none of QMP's.
            _ => {}
        }
    }

    fn write(&mut self, monitor: &[u8], rest: &[u8], column: usize, out: &mut Out<'_>) {
        // What remains of a command partly written does not begin with a brace.
        let Some(text) = rest
            .strip_prefix(b" buf=")
            .filter(|text| text.first() == Some(&b'{'))
        else {
            return;
        };
        if self.written.starts_with(monitor) && self.written[monitor.len()..] == *text {
            return;
        }
        self.written.clear();
        self.written.extend_from_slice(monitor);
        self.written.extend_from_slice(text);
        let Some(vm) = out.vm(monitor) else { return };
        self.greeted(vm, text, out);
        out.first_message(vm, text, column + 5);
    }

    fn greet(&mut self, text: &[u8], out: &mut Out<'_>) {
        let mut greeting = None;
        let read = super::message::read(text, &mut |heard| {
            if let Heard::Greeting(Greeting { version, package }) = heard {
                greeting = Some((version, package.to_owned()));
            }
        });
        if read.is_ok()
            && let Some((version, package)) = greeting
        {
            self.greeting = Some((out.line, out.offset, version, package));
        }
    }

    /// The command that answers a greeting says whose it was.
    fn greeted(&mut self, vm: VmId, command: &[u8], out: &mut Out<'_>) {
        if !command.starts_with(br#"{"execute":"qmp_capabilities""#) {
            return;
        }
        if let Some((line, offset, version, package)) = self.greeting.take() {
            let here = (out.line, out.offset);
            (out.line, out.offset) = (line, offset);
            out.heard(
                vm,
                0,
                Heard::Greeting(Greeting {
                    version,
                    package: &package,
                }),
            );
            (out.line, out.offset) = here;
        }
    }
}

fn message(monitor: &[u8], rest: &[u8], name: &[u8], column: usize, out: &mut Out<'_>) {
    let Some(text) = rest.strip_prefix(name) else {
        return;
    };
    let Some(vm) = out.vm(monitor) else { return };
    out.messages(vm, text, column + name.len());
}

/// virt-launcher's log. Also where something stands before the JSON, as container runtimes put it.
#[derive(Debug)]
pub(super) struct Kubevirt {
    libvirt: Libvirt,
    message: Finder<'static>,
    /// The line's own text, without the escapes.
    text: Vec<u8>,
}

impl Default for Kubevirt {
    fn default() -> Self {
        Self {
            libvirt: Libvirt::default(),
            message: Finder::new(KUBEVIRT_MESSAGE),
            text: Vec::new(),
        }
    }
}

impl super::FormatReader for Kubevirt {
    fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool {
        if let Some(at) = self.message.find(line) {
            let start = at + KUBEVIRT_MESSAGE.len();
            self.text.clear();
            unescape::string(&line[start..], &mut self.text);
            self.libvirt.entry(&self.text, start, out);
        }
        true
    }

    fn finish(&mut self, _out: &mut Out<'_>) {}
}
