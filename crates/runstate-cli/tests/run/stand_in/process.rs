//! The process: options of its own, signals, daemon, faults, standard streams.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use rustix::process::Signal;

use super::{BINARY, Room};

#[test]
fn signals_end_it_as_they_end_qemu() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::INT, 2), (Signal::HUP, 1)] {
        let room = Room::new();
        let running = room.start("-no-shutdown -qmp unix:{}/q,server=on,wait=off");
        let mut client = room.negotiated("q");
        running.signal(signal);
        let shutdown = r#"{"event": "SHUTDOWN", "data": {"guest": false, "reason": "host-signal"}}"#;
        assert_eq!(client.rest(), [shutdown]);
        let (status, stderr) = running.finish();
        assert_eq!(status.code(), Some(0));
        let said = format!(
            "qemu-system-runstate: terminating on signal {number} from pid {} (",
            std::process::id()
        );
        assert!(stderr.starts_with(&said), "{stderr}");
    }
}

#[test]
fn the_release_is_the_names_or_the_options() {
    let room = Room::new();
    let link = room.path("qemu-system-runstate-7.2");
    std::os::unix::fs::symlink(BINARY, &link).expect("a link");
    for (program, options, version) in [
        (link.as_path(), "", "7.2.22"),
        (link.as_path(), "-runstate release=9.1", "9.1.0"),
        (BINARY.as_ref(), "", "10.0.13"),
    ] {
        let mut command = std::process::Command::new(program);
        command
            .env_remove("RUNSTATE_RELEASE")
            .args(options.split_whitespace())
            .arg("-version");
        let output = command.output().expect("it starts");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(
            stdout.starts_with(&format!("QEMU emulator version {version}\n")),
            "{stdout}"
        );
        assert!(output.status.success());
    }
    let mut command = room.command("-version");
    let output = command
        .env("RUNSTATE_RELEASE", "6.0")
        .output()
        .expect("it starts");
    assert!(output.stdout.starts_with(b"QEMU emulator version 6.0.0\n"));
}

#[test]
fn a_daemon_says_when_it_is_ready() {
    let room = Room::new();
    let status = room
        .command("-S -daemonize -pidfile {}/pid -qmp unix:{}/q,server=on,wait=off -machine none")
        .stdout(Stdio::null())
        .status()
        .expect("it starts");
    assert!(status.success());
    // It listens and has written its pid when the first process ends: no waiting.
    let pid = std::fs::read_to_string(room.path("pid")).expect("the pidfile is there");
    let pid: i32 = pid.trim_end().parse().expect("a number");
    let stream = std::os::unix::net::UnixStream::connect(room.path("q")).expect("it listens");
    let mut client = super::Client::new(stream);
    client.ask("qmp_capabilities");
    let session = rustix::process::getsid(rustix::process::Pid::from_raw(pid)).expect("it lives");
    assert_eq!(session.as_raw_nonzero().get(), pid, "it leads a session");
    client.ask("quit");
    client.rest();
    for _ in 0..2000 {
        if !room.path("pid").exists() {
            return;
        }
        std::thread::sleep(core::time::Duration::from_millis(5));
    }
    panic!("the pidfile is still there");
}

#[test]
fn a_daemon_that_fails_says_why() {
    let room = Room::new();
    let output = room.output("-daemonize -qmp unix:/nonexist/q,server=on,wait=off");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.ends_with("Failed to bind socket to /nonexist/q: No such file or directory\n"),
        "{stderr}"
    );
}

#[test]
fn a_pidfile_has_one_owner() {
    let room = Room::new();
    let _running = room.start("-pidfile {}/pid -qmp unix:{}/q,server=on,wait=off");
    room.negotiated("q");
    let output = room.output("-pidfile {}/pid");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("cannot create PID file: Could not lock"),
        "{stderr}"
    );
}

#[test]
fn it_speaks_on_standard_streams() {
    let room = Room::new();
    let mut command = room.command("-S -qmp stdio");
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    assert!(line().starts_with("{\"QMP\""));
    input
        .write_all(b"{'execute':'qmp_capabilities'}")
        .expect("it reads");
    assert_eq!(line(), r#"{"return": {}}"#);
    input.write_all(b"{'execute':'quit'}").expect("it reads");
    assert!(line().contains("SHUTDOWN"));
    assert_eq!(line(), r#"{"return": {}}"#);
    assert!(child.wait().expect("our child").success());
}

#[test]
fn a_script_may_be_its_standard_input() {
    let room = Room::new();
    let script = b"{'execute':'qmp_capabilities'}\n{'execute':'cont'}\n{'execute':'quit'}\n";
    std::fs::write(room.path("script"), script).expect("a file");
    let file = std::fs::File::open(room.path("script")).expect("our file");
    let output = room
        .command("-S -qmp stdio")
        .stdin(file)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.matches("\"return\"").count(), 3, "{said}");
    assert!(output.status.success());
}

#[test]
fn the_guest_decides_the_exit_status() {
    let room = Room::new();
    for (options, action, status) in [
        ("-action panic=exit-failure", "panic", 1),
        ("-device isa-debug-exit", "debug-exit 3", 7),
        ("", "shutdown", 0),
    ] {
        let running = room.start(&format!(
            "{options} -qmp unix:{{}}/q,server=on,wait=off -runstate control={{}}/c"
        ));
        let mut client = room.negotiated("q");
        let mut control = room.connect("c");
        control
            .write_all(format!("guest {action}\n").as_bytes())
            .expect("it reads");
        client.rest();
        assert_eq!(running.finish().0.code(), Some(status), "{action}");
    }
}

#[test]
fn a_wedged_vm_answers_nobody_until_it_is_freed() {
    let room = Room::new();
    let _running = room.start("-S -qmp unix:{}/q,server=on,wait=off -runstate control={}/c");
    let mut client = room.negotiated("q");
    let mut control = BufReader::new(room.connect("c"));
    let mut tell = |line: &str| {
        control
            .get_mut()
            .write_all(format!("{line}\n").as_bytes())
            .expect("it reads");
        let mut reply = String::new();
        control.read_line(&mut reply).expect("it answers");
        reply
    };
    assert_eq!(tell("wedge"), "OK\n");
    client.send(br#"{"execute": "query-name"}"#);
    assert_eq!(tell("status"), "OK prelaunch wedge\n");
    let unheard = client
        .stream
        .set_read_timeout(Some(core::time::Duration::from_millis(50)));
    unheard.expect("a timeout");
    client.stream.read(&mut [0; 8]).expect_err("it is stuck");
    client
        .stream
        .set_read_timeout(Some(super::PATIENCE))
        .expect("a timeout");
    assert_eq!(tell("run"), "OK\n");
    assert_eq!(client.line().as_deref(), Some(r#"{"return": {}}"#));
    assert!(tell("guest panik").starts_with("ERR "));
    assert!(tell("nonsense").starts_with("ERR 'nonsense' is none of"));
}

#[test]
fn a_scenario_is_played_step_by_step() {
    let room = Room::new();
    let scenario = "qemu\n-> {\"execute\": \"cont\"}\nguest reset\nguest suspend\n";
    std::fs::write(room.path("s.qmp"), scenario).expect("a file");
    let line =
        "-S -qmp unix:{}/q,server=on,wait=off -runstate scenario={}/s.qmp,control={}/c,mode=single-step";
    let _running = room.start(line);
    let mut client = room.negotiated("q");
    client.ask("cont");
    let mut control = room.connect("c");
    for event in ["RESET", "SUSPEND"] {
        control.write_all(b"step\n").expect("it reads");
        assert!(client.line().expect("the step's event").contains(event));
    }
}

#[test]
fn faults_are_committed_on_the_wire() {
    let room = Room::new();
    let running = room
        .start("-qmp unix:{}/q,server=on,wait=off -runstate fault=second-shutdown+fragment:7+late-exit:30");
    let mut client = room.negotiated("q");
    client.send(br#"{"execute": "quit"}"#);
    let said = client.rest();
    assert_eq!(
        said.iter().filter(|line| line.contains("SHUTDOWN")).count(),
        2,
        "{said:?}"
    );
    assert!(running.finish().0.success());
    let running = room.start("-qmp unix:{}/q,server=on,wait=off -runstate fault=eof-after-shutdown");
    let mut client = room.negotiated("q");
    client.send(br#"{"execute": "quit"}"#);
    assert_eq!(client.rest().len(), 1, "SHUTDOWN, and no reply");
    assert!(running.finish().0.success());
}

#[test]
fn what_was_ignored_is_said_only_if_asked() {
    let room = Room::new();
    let line = "-vga none -display none -qmp unix:{}/q,server=on,wait=off";
    for (asked, said) in [
        ("", ""),
        (
            " -runstate show-ignored=on",
            "qemu-system-runstate: warning: ignored: -vga none, -display none\n",
        ),
    ] {
        let running = room.start(&format!("{line}{asked}"));
        room.negotiated("q").ask("quit");
        assert_eq!(running.finish().1, said);
    }
}

#[test]
fn incus_starts_it() {
    let room = Room::new();
    let config = format!(
        "[chardev \"monitor\"]\nbackend = \"socket\"\npath = \"{}\"\nserver = \"on\"\nwait = \"off\"\n",
        room.path("m").display()
    );
    std::fs::write(room.path("conf"), config).expect("a file");
    let _running = room.start(
        "-S -name n -uuid 11111111-2222-3333-4444-555555555555 -cpu host -nographic -serial null -parallel null \
         -qmp chardev:monitor -nodefaults -no-user-config -readconfig {}/conf",
    );
    let mut client = room.client("m");
    let negotiate = r#"{"execute": "qmp_capabilities", "id": 1}"#;
    assert_eq!(client.ask_message(negotiate), [r#"{"return": {}, "id": 1}"#]);
    assert_eq!(client.ask("system_reset").len(), 2);
    let actions = r#"{"execute": "set-action", "arguments": {"shutdown": "poweroff", "reboot": "reset", "panic": "exit-failure"}, "id": 3}"#;
    assert_eq!(client.ask_message(actions), [r#"{"return": {}, "id": 3}"#]);
    assert_eq!(client.ask("cont").len(), 2);
}

#[test]
fn messages_may_carry_the_time_and_the_guests_name() {
    let room = Room::new();
    let running = room.start("-name vm1 -msg timestamp=on,guest-name=on -qmp unix:{}/q,server=on,wait=off");
    room.negotiated("q");
    running.signal(Signal::TERM);
    let stderr = running.finish().1;
    let (time, rest) = stderr.split_once(' ').expect("a time, and more");
    assert!(
        time.len() == 27 && time.starts_with("20") && time.ends_with('Z'),
        "{time}"
    );
    assert!(
        rest.starts_with("vm1 qemu-system-runstate: terminating on signal 15"),
        "{rest}"
    );
}
