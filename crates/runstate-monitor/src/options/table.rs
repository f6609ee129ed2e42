//! QEMU's options: which exist, in which releases, and whether they take an argument.
//!
//! Facts taken from `qemu-options.hx` of every release from 6.0 to 11.1-rc2 (`DEF` entries, `HAS_ARG`, architecture
//! mask). No option changed between taking an argument and taking none.

use runstate::Release;
use runstate::Release::*;

/// One option of QEMU's command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QemuOption {
    /// Without its dash.
    pub name: &'static str,
    /// Takes the next word of the command line as its argument (`HAS_ARG`).
    pub has_argument: bool,
    /// The first release that has it, of those modelled.
    pub since: Release,
    /// The last release that has it.
    pub until: Release,
    /// QEMU for x86 takes it. Others are refused with `Option not supported for this target`.
    pub on_x86: bool,
}

impl QemuOption {
    /// The option of this name that `release` has. `lookup_opt()`, system/vl.c.
    #[must_use]
    pub fn lookup(name: &str, release: Release) -> Option<&'static Self> {
        QEMU_OPTIONS
            .iter()
            .find(|option| option.name == name && option.exists_in(release))
    }

    /// Whether `release` has the option.
    #[must_use]
    pub const fn exists_in(&self, release: Release) -> bool {
        self.since as u8 <= release as u8 && release as u8 <= self.until as u8
    }

    const fn since(mut self, release: Release) -> Self {
        self.since = release;
        self
    }

    const fn until(mut self, release: Release) -> Self {
        self.until = release;
        self
    }

    const fn other_target(mut self) -> Self {
        self.on_x86 = false;
        self
    }
}

const fn flag(name: &'static str) -> QemuOption {
    QemuOption {
        name,
        has_argument: false,
        since: Release::FIRST,
        until: Release::LAST,
        on_x86: true,
    }
}

const fn with_argument(name: &'static str) -> QemuOption {
    QemuOption {
        name,
        has_argument: true,
        since: Release::FIRST,
        until: Release::LAST,
        on_x86: true,
    }
}

/// Every option of the releases modelled, by name.
pub const QEMU_OPTIONS: &[QemuOption] = &[
    with_argument("accel"),
    with_argument("acpitable"),
    with_argument("action"),
    with_argument("add-fd"),
    flag("alt-grab").until(V7_0),
    with_argument("append"),
    flag("async-teardown").since(V7_2_0).until(V8_2),
    with_argument("audio").since(V7_1),
    flag("audio-help").until(V8_1),
    with_argument("audiodev"),
    with_argument("bios"),
    with_argument("blockdev"),
    with_argument("boot"),
    with_argument("cdrom"),
    with_argument("chardev"),
    with_argument("chroot").until(V8_2),
    with_argument("compat"),
    with_argument("cpu"),
    flag("ctrl-grab").until(V7_0),
    flag("curses").until(V7_0),
    with_argument("D"),
    with_argument("d"),
    flag("daemonize"),
    with_argument("debugcon"),
    with_argument("device"),
    with_argument("dfilter"),
    with_argument("display"),
    with_argument("drive"),
    with_argument("dtb"),
    with_argument("dump-vmstate"),
    with_argument("echr"),
    flag("enable-fips").until(V7_0),
    flag("enable-kvm"),
    flag("enable-sync-profile"),
    with_argument("fda"),
    with_argument("fdb"),
    with_argument("fsdev"),
    flag("full-screen"),
    with_argument("fw_cfg"),
    with_argument("g").other_target(),
    with_argument("gdb"),
    with_argument("global"),
    flag("h"),
    with_argument("hda"),
    with_argument("hdb"),
    with_argument("hdc"),
    with_argument("hdd"),
    flag("help"),
    with_argument("icount"),
    with_argument("incoming"),
    with_argument("initrd"),
    with_argument("iscsi"),
    flag("jitdump").since(V8_0),
    with_argument("k"),
    with_argument("kernel"),
    with_argument("L"),
    with_argument("loadvm"),
    with_argument("M"),
    with_argument("m"),
    with_argument("machine"),
    with_argument("mem-path"),
    flag("mem-prealloc"),
    with_argument("mon"),
    with_argument("monitor"),
    with_argument("msg"),
    with_argument("mtdblock"),
    with_argument("name"),
    with_argument("net"),
    with_argument("netdev"),
    with_argument("nic"),
    flag("no-acpi").until(V8_2),
    flag("no-fd-bootchk"),
    flag("no-hpet").until(V8_2),
    flag("no-quit").until(V6_2),
    flag("no-reboot"),
    flag("no-shutdown"),
    flag("no-user-config"),
    flag("nodefaults"),
    flag("nographic"),
    with_argument("numa"),
    with_argument("object"),
    flag("old-param").until(V10_1).other_target(),
    flag("only-migratable"),
    with_argument("option-rom"),
    with_argument("overcommit"),
    with_argument("parallel"),
    flag("perfmap").since(V8_0),
    with_argument("pflash"),
    with_argument("pidfile"),
    with_argument("plugin"),
    flag("portrait").until(V9_1),
    flag("preconfig"),
    with_argument("prom-env").other_target(),
    with_argument("qmp"),
    with_argument("qmp-pretty"),
    with_argument("qtest"),
    with_argument("qtest-log"),
    with_argument("readconfig"),
    with_argument("rotate").until(V9_1),
    with_argument("rtc"),
    with_argument("run-with").since(V8_1),
    with_argument("runas").until(V9_2),
    flag("S"),
    flag("s"),
    with_argument("sandbox"),
    with_argument("sd"),
    flag("sdl").until(V7_0),
    with_argument("seed"),
    flag("semihosting").other_target(),
    with_argument("semihosting-config").other_target(),
    with_argument("serial"),
    with_argument("set"),
    with_argument("shim").since(V10_0_0),
    flag("singlestep").until(V8_2),
    with_argument("smbios"),
    with_argument("smp"),
    flag("snapshot"),
    with_argument("soundhw").until(V7_0),
    with_argument("spice"),
    with_argument("tpmdev"),
    with_argument("trace"),
    flag("usb"),
    with_argument("usbdevice"),
    with_argument("uuid"),
    flag("version"),
    with_argument("vga"),
    with_argument("virtfs"),
    with_argument("vnc"),
    with_argument("watchdog").until(V7_1),
    with_argument("watchdog-action"),
    flag("win2k-hack"),
    with_argument("writeconfig").until(V7_0),
    flag("xen-attach"),
    with_argument("xen-domid"),
    flag("xen-domid-restrict"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_in_order() {
        let key = |option: &QemuOption| (option.name.to_ascii_lowercase(), option.name);
        assert!(QEMU_OPTIONS.is_sorted_by(|a, b| key(a) < key(b)));
    }

    #[test]
    fn releases_decide() {
        assert!(QemuOption::lookup("watchdog", V7_1).is_some());
        assert!(QemuOption::lookup("watchdog", V7_2_0).is_none());
        assert!(QemuOption::lookup("run-with", V8_0).is_none());
        assert!(QemuOption::lookup("run-with", V8_1).is_some());
        assert!(QemuOption::lookup("async-teardown", V7_2_0).is_some());
        assert_eq!(
            QemuOption::lookup("g", V10_0).map(|option| option.on_x86),
            Some(false)
        );
    }
}
