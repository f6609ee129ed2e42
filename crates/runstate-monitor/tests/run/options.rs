//! QEMU's command line. The refusals are those of QEMU 7.2.22 as Debian packages it, recorded, unless a release is named.

use std::io;

use runstate::{PanicAction, RebootAction, Release, ShutdownAction, WatchdogAction};
use runstate_monitor::machine::Setup;
use runstate_monitor::options::{
    Accelerator, Address, Backend, Incoming, MachineFamily, MonitorMode, Options, QEMU_OPTIONS,
};

const PROGRAM: &str = "qemu-system-x86_64";

fn no_file(_: &str) -> io::Result<String> {
    Err(io::Error::from_raw_os_error(2))
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn parse_as(release: Release, line: &str) -> Result<Options, String> {
    Options::parse(&words(line), release, &mut no_file).map_err(|bad| bad.to_stderr(PROGRAM))
}

fn parse(line: &str) -> Options {
    parse_as(Release::V7_2, line).expect("QEMU takes it")
}

/// The whole of stderr.
fn refusal(line: &str) -> String {
    parse_as(Release::V7_2, line).expect_err("QEMU refuses it")
}

#[test]
fn no_option_is_the_default() {
    assert_eq!(parse(""), Options::default());
}

#[test]
fn actions_merge_and_the_last_wins() {
    let options =
        parse("-no-reboot -no-shutdown -action panic=pause,shutdown=poweroff -watchdog-action pause");
    assert_eq!(options.reboot, RebootAction::Shutdown);
    assert_eq!(options.shutdown, ShutdownAction::Poweroff);
    assert_eq!(options.panic, PanicAction::Pause);
    assert_eq!(options.watchdog, WatchdogAction::Pause);
    assert_eq!(
        parse("-action shutdown=poweroff -no-shutdown").shutdown,
        ShutdownAction::Pause
    );
    assert_eq!(
        parse("-watchdog-action pause -action watchdog=none").watchdog,
        WatchdogAction::None
    );
    assert_eq!(
        parse("-action watchdog=none -watchdog-action pause").watchdog,
        WatchdogAction::Pause
    );
}

#[test]
fn watchdog_action_was_applied_early_up_to_6_1() {
    let old = |line| parse_as(Release::V6_1, line).expect("QEMU takes it").watchdog;
    assert_eq!(
        old("-action watchdog=none -watchdog-action PAUSE"),
        WatchdogAction::None
    );
    assert_eq!(
        parse_as(Release::V6_1, "-watchdog-action foo"),
        Err("qemu-system-x86_64: -watchdog-action foo: unknown -watchdog-action parameter\n".to_owned())
    );
}

#[test]
fn refusals_are_those_of_qemu() {
    for (line, message) in [
        ("-foo", "-foo: invalid option"),
        ("--foo", "--foo: invalid option"),
        ("-", "-: invalid option"),
        ("-watchdog x", "-watchdog: invalid option"),
        ("-run-with x", "-run-with: invalid option"),
        ("-g", "-g: requires an argument"),
        ("-g 3", "-g 3: Option not supported for this target"),
        ("-action", "-action: requires an argument"),
        ("-action foo=bar", "-action foo=bar: Invalid parameter 'foo'"),
        (
            "-action panic=foo",
            "-action panic=foo: Parameter 'panic' does not accept value 'foo'",
        ),
        (
            "-action panic=exit-failure,,x",
            "-action panic=exit-failure,,x: Parameter 'panic' does not accept value 'exit-failure,x'",
        ),
        (
            "-watchdog-action foo",
            "-watchdog-action foo: Parameter 'watchdog' does not accept value 'foo'",
        ),
        (
            "-no-shutdown -action shutdown=x,reboot=y",
            "-no-shutdown: Parameter 'reboot' does not accept value 'y'",
        ),
        (
            "-chardev socket,id=x,foo=bar",
            "-chardev socket,id=x,foo=bar: Invalid parameter 'foo'",
        ),
        (
            "-chardev socket,path=/tmp/x",
            "-chardev socket,path=/tmp/x: chardev: no id specified",
        ),
        (
            "-chardev foo,id=x",
            "-chardev foo,id=x: 'foo' is not a valid char driver name",
        ),
        ("-chardev id=x", "-chardev id=x: chardev: \"x\" missing backend"),
        (
            "-chardev file,id=x",
            "-chardev file,id=x: chardev: file: no filename given",
        ),
        (
            "-chardev socket,id=x,path=/z,wait=off",
            "-chardev socket,id=x,path=/z,wait=off: 'wait' option is incompatible with socket in client connect mode",
        ),
        (
            "-chardev socket,id=x,path=/z,server=on,reconnect=3",
            "-chardev socket,id=x,path=/z,server=on,reconnect=3: 'reconnect' option is incompatible with socket in server listen mode",
        ),
        (
            "-chardev socket,id=x,path=/a,host=b,port=1",
            "-chardev socket,id=x,path=/a,host=b,port=1: None or one of 'path', 'fd' or 'host' option required.",
        ),
        (
            "-chardev socket,id=x,host=h",
            "-chardev socket,id=x,host=h: chardev: socket: no port given",
        ),
        (
            "-chardev socket,id=x,path=/z,server=maybe",
            "-chardev socket,id=x,path=/z,server=maybe: Parameter 'server' expects 'on' or 'off'",
        ),
        (
            "-chardev socket,id=x,path=/z,reconnect=foo",
            "-chardev socket,id=x,path=/z,reconnect=foo: Parameter 'reconnect' expects a number",
        ),
        (
            "-chardev stdio,id=a -chardev null,id=a",
            "-chardev null,id=a: Duplicate ID 'a' for chardev",
        ),
        (
            "-qmp stdio -monitor stdio",
            "-monitor stdio: cannot use stdio by multiple character devices",
        ),
        (
            "-mon chardev=nope,mode=control",
            "-mon chardev=nope,mode=control: chardev \"nope\" not found",
        ),
        ("-mon foo", "-mon foo: chardev \"foo\" not found"),
        (
            "-mon chardev=a,mode=x",
            "-mon chardev=a,mode=x: Parameter 'mode' does not accept value 'x'",
        ),
        ("-mon id=x", "-mon id=x: Parameter 'chardev' is missing"),
        (
            "-mon chardev=a,pretty=on -chardev null,id=a",
            "-mon chardev=a,pretty=on: 'pretty' is not compatible with HMP monitors",
        ),
        (
            "-chardev null,id=x -mon chardev=x,mode=control -mon chardev=x,mode=control",
            "-mon chardev=x,mode=control: Device 'x' is in use",
        ),
        (
            "-qmp chardev:nope",
            "-qmp chardev:nope: chardev \"nope\" not found",
        ),
        (
            "-qmp tcp:127.0.0.1,server,nowait",
            "-qmp tcp:127.0.0.1,server,nowait: parse error: tcp:127.0.0.1,server,nowait",
        ),
        (
            "-incoming foo:1",
            "-incoming foo:1: unknown migration protocol: foo:1",
        ),
        (
            "-preconfig -loadvm x",
            "'preconfig' and 'loadvm' options are mutually exclusive",
        ),
        (
            "-incoming defer -loadvm x",
            "'incoming' and 'loadvm' options are mutually exclusive",
        ),
        (
            "-preconfig -incoming tcp:0:1",
            "'preconfig' supports '-incoming defer' only",
        ),
        (
            "-uuid foo",
            "-uuid foo: failed to parse UUID string: wrong format",
        ),
        (
            "-msg timestamp=maybe",
            "-msg timestamp=maybe: Parameter 'timestamp' expects 'on' or 'off'",
        ),
        ("-name a,b=c", "-name a,b=c: Invalid parameter 'b'"),
        ("-accel foo", "-accel foo: invalid accelerator foo"),
        (
            "-accel tcg -machine accel=kvm",
            "The -accel and \"-machine accel=\" options are incompatible",
        ),
        ("-device id=x", "-device id=x: Parameter 'driver' is missing"),
        (
            "-device {foo",
            "-device {foo: JSON parse error, invalid keyword 'foo'",
        ),
        (
            "-daemonize -nographic",
            "-nographic cannot be used with -daemonize",
        ),
        (
            "-readconfig /nope",
            "-readconfig /nope: Could not open '/nope': No such file or directory",
        ),
        ("-smp foo", "Parameter 'smp.cpus' expects integer"),
    ] {
        assert_eq!(refusal(line), format!("{PROGRAM}: {message}\n"), "{line}");
    }
}

#[test]
fn some_refusals_take_several_lines() {
    for (line, stderr) in [
        (
            "-action bar",
            "qemu-system-x86_64: -action bar: warning: short-form boolean option 'bar' deprecated\n\
             Please use bar=on instead\n\
             qemu-system-x86_64: -action bar: Invalid parameter 'bar'\n",
        ),
        (
            "-qmp foo:bar",
            "qemu-system-x86_64: -qmp foo:bar: 'foo:bar' is not a valid char driver\n\
             qemu-system-x86_64: -qmp foo:bar: parse error: foo:bar\n",
        ),
        (
            "-chardev socket,id=_x,path=/a",
            "qemu-system-x86_64: -chardev socket,id=_x,path=/a: Parameter 'id' expects an identifier\n\
             Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n",
        ),
        (
            "-machine foo",
            "qemu-system-x86_64: unsupported machine type\nUse -machine help to list supported machines\n",
        ),
    ] {
        assert_eq!(refusal(line), stderr, "{line}");
    }
}

#[test]
fn refusals_differ_between_releases() {
    let refusal = |release, line| parse_as(release, line).expect_err("QEMU refuses it");
    assert_eq!(
        refusal(Release::V10_0, "-incoming foo:1"),
        "qemu-system-x86_64: -incoming foo:1: Parameter 'channel-type' does not accept value 'foo:1'\n"
    );
    assert_eq!(
        refusal(Release::V6_1, "-action panic=foo"),
        "qemu-system-x86_64: -action panic=foo: Invalid parameter 'foo'\n"
    );
    let both = "-incoming defer -loadvm x -drive file=a,format=qcow2";
    for (since, line, taken) in [
        (Release::V7_0, "-action panic=exit-failure", false),
        (Release::V7_1, "-action panic=exit-failure", true),
        (Release::V8_2, both, true),
        (Release::V9_0, both, false),
    ] {
        assert_eq!(parse_as(since, line).is_ok(), taken, "{since}: {line}");
    }
    let watchdog = parse_as(Release::V7_1, "-watchdog ib700").expect("7.1 has it");
    assert!(watchdog.has_device("ib700"));
    assert_eq!(watchdog.warnings.len(), 1);
}

#[test]
fn chardevs_have_two_spellings() {
    let options = parse(
        "-qmp unix:/a,server,nowait -chardev socket,id=c,path=/b,server=on,wait=off -mon c,mode=control",
    );
    assert_eq!(options.warnings, [], "the older spelling is not warned of");
    for (chardev, id, path) in [
        (&options.chardevs[0], "compat_monitor0", "/a"),
        (&options.chardevs[1], "c", "/b"),
    ] {
        assert_eq!(chardev.id, id);
        let Backend::Socket(socket) = &chardev.backend else {
            panic!("a socket")
        };
        assert_eq!(
            socket.address,
            Address::Unix {
                path: path.to_owned(),
                is_abstract: false
            }
        );
        assert!(socket.server && !socket.wait);
    }
    assert_eq!(options.chardevs[1].filename(true), "unix:/b,server=on");
    assert_eq!(options.monitors.len(), 2);
    assert!(
        options
            .monitors
            .iter()
            .all(|monitor| monitor.mode == MonitorMode::Control)
    );
}

#[test]
fn chardev_addresses() {
    let options = parse(
        "-qmp tcp:127.0.0.1:4444,server=on,wait=off -qmp tcp::5,reconnect=2 -qmp-pretty stdio \
         -chardev socket,id=s,fd=25,server=on,wait=off -mon chardev=s,mode=control -monitor null -qtest unix:/q",
    );
    let filenames: Vec<_> = options
        .chardevs
        .iter()
        .map(|chardev| chardev.filename(false))
        .collect();
    assert_eq!(
        filenames,
        [
            "disconnected:tcp:127.0.0.1:4444,server=on",
            "disconnected:tcp::5",
            "stdio",
            "disconnected:fd:25,server=on",
            "null",
            "disconnected:unix:/q"
        ]
    );
    let Backend::Socket(socket) = &options.chardevs[1].backend else {
        panic!("a socket")
    };
    assert_eq!(socket.reconnect_ms, 2000);
    assert_eq!(options.qtest.as_deref(), Some("qtest"));
    assert!(options.monitors.iter().any(|monitor| monitor.pretty));
}

#[test]
fn a_server_waits_unless_told_otherwise() {
    let options = parse("-qmp unix:/a,server=on");
    let Backend::Socket(socket) = &options.chardevs[0].backend else {
        panic!("a socket")
    };
    assert!(socket.wait);
}

#[test]
fn devices_have_two_spellings() {
    let mut line = words("-device pvpanic,ioport=0x506,events=3 -device");
    line.push(r#"{"driver":"ib700","id":"watchdog0"}"#.to_owned());
    line.extend(words("-device pvpanic-pci,addr=04.0"));
    let options = Options::parse(&line, Release::V10_0, &mut no_file).expect("QEMU takes it");
    assert_eq!(
        options.device("pvpanic").expect("given").number("ioport"),
        Some(0x506)
    );
    assert_eq!(
        options.device("ib700").expect("given").id.as_deref(),
        Some("watchdog0")
    );
    assert_eq!(
        options.device("pvpanic-pci").expect("given").pci_address(),
        Some((4, 0))
    );
}

#[test]
fn libvirts_command_line() {
    let line = "-name guest=t1,debug-threads=on -S -object {\"qom-type\":\"secret\",\"id\":\"masterKey0\"} \
         -machine pc-i440fx-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram -accel tcg -cpu qemu64 -m 64 \
         -overcommit mem-lock=off -smp 1,sockets=1,cores=1,threads=1 -uuid 11111111-2222-3333-4444-555555555555 \
         -display none -no-user-config -nodefaults -chardev socket,id=charmonitor,fd=25,server=on,wait=off \
         -mon chardev=charmonitor,id=monitor,mode=control -rtc base=utc -no-shutdown -boot strict=on \
         -device {\"driver\":\"ib700\",\"id\":\"watchdog0\"} -watchdog-action pause \
         -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny \
         -device {\"driver\":\"pvpanic\"} -msg timestamp=on";
    let options = parse(line);
    assert_eq!(options.name.as_deref(), Some("t1"));
    assert!(!options.autostart && !options.default_devices && options.message_timestamps);
    assert_eq!(options.machine_family(), MachineFamily::Pc);
    assert_eq!(options.accelerator(), Accelerator::Tcg);
    assert_eq!(options.memory, 64 << 20);
    assert_eq!(options.shutdown, ShutdownAction::Pause);
    assert_eq!(options.watchdog, WatchdogAction::Pause);
    assert!(options.has_device("ib700") && options.has_device("pvpanic"));
    assert_eq!(options.monitors[0].chardev, "charmonitor");
    assert_eq!(options.warnings, []);
}

#[test]
fn incus_keeps_its_monitor_in_a_file() {
    let file = "# Machine\n[machine]\ngraphics = \"off\"\ntype = \"q35\"\naccel = \"kvm\"\n\n\
                [chardev \"monitor\"]\nbackend = \"socket\"\npath = \"/run/m\"\nserver = \"on\"\nwait = \"off\"\n\n\
                [device \"qemu_pcie0\"]\ndriver = \"pcie-root-port\"\n\n[global]\ndriver = \"ICH9-LPC\"\n";
    let mut read = |name: &str| {
        assert_eq!(name, "qemu.conf");
        Ok(file.to_owned())
    };
    let line = words("-S -qmp chardev:monitor -readconfig qemu.conf -daemonize -pidfile /run/p");
    let options = Options::parse(&line, Release::V10_0, &mut read).expect("QEMU takes it");
    assert_eq!(options.machine_family(), MachineFamily::Q35);
    assert_eq!(options.accelerator(), Accelerator::Kvm);
    assert_eq!(options.monitors[0].chardev, "monitor");
    assert_eq!(
        options.chardevs[0].filename(false),
        "disconnected:unix:/run/m,server=on"
    );
    assert!(options.has_device("pcie-root-port") && options.daemonize);
}

#[test]
fn snapshots_need_a_disk_that_holds_them() {
    assert!(parse("-loadvm x -drive file=a.img,format=qcow2,if=none,id=d").can_snapshot());
    assert!(parse("-hda a.qcow2").can_snapshot());
    assert!(!parse("-hda a.img").can_snapshot());
    assert!(!parse("-drive file=a,format=raw -drive file=b,format=qcow2").can_snapshot());
    let failure = |line| {
        Setup::new(Release::V7_2, parse(line))
            .failure()
            .map(|report| report.to_stderr(PROGRAM))
    };
    assert_eq!(
        failure("-loadvm x -drive file=a,format=raw,id=d").as_deref(),
        Some("qemu-system-x86_64: Device 'd' is writable but does not support snapshots\n")
    );
    assert_eq!(
        failure("-loadvm x").as_deref(),
        Some("qemu-system-x86_64: no block device can store vmstate for snapshot\n")
    );
    assert_eq!(failure(""), None);
}

#[test]
fn incoming_is_deferred_or_comes_from_somewhere() {
    assert_eq!(parse("-incoming defer").incoming, Some(Incoming::Defer));
    assert_eq!(
        parse("-incoming tcp:0:4444").incoming,
        Some(Incoming::From("tcp:0:4444".to_owned()))
    );
}

/// Every option of every release is taken with the number of words it has.
#[test]
fn every_option_exists() {
    for &release in Release::WITH_POINTS {
        for option in QEMU_OPTIONS
            .iter()
            .filter(|option| option.exists_in(release) && !option.on_x86)
        {
            let line = format!("-{} {}", option.name, if option.has_argument { "1" } else { "" });
            let error = parse_as(release, &line).expect_err("not for x86");
            assert!(
                error.ends_with("Option not supported for this target\n"),
                "{error}"
            );
        }
        for option in QEMU_OPTIONS.iter().filter(|option| !option.exists_in(release)) {
            let error = parse_as(release, &format!("-{} 1", option.name)).expect_err("not in this release");
            assert!(error.ends_with(": invalid option\n"), "{release}: {error}");
        }
    }
}
