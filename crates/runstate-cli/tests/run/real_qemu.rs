//! `runstate conform` with a real QEMU: the one that RUNSTATE_QEMU names.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The QEMU, if there is one to test with. In CI there has to be one.
pub(crate) fn qemu() -> Option<PathBuf> {
    let named = std::env::var_os("RUNSTATE_QEMU").map(PathBuf::from);
    let required = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(
        named.is_some() || !required,
        "CI has to name a QEMU in RUNSTATE_QEMU: without one nothing is held against it"
    );
    if named.is_none() {
        eprintln!("skipped: RUNSTATE_QEMU names no QEMU");
    }
    named
}

/// A folder for scenarios, and one that the command and its QEMUs have for temporary files.
struct Room {
    scenarios: tempfile::TempDir,
    temporary: tempfile::TempDir,
}

impl Room {
    fn new(text: &str) -> Self {
        let room = Self {
            scenarios: tempfile::tempdir().expect("a directory"),
            temporary: tempfile::tempdir().expect("a directory"),
        };
        fs::write(room.scenarios.path().join("test.qmp"), text).expect("a file");
        room
    }

    fn command(&self, qemu: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runstate"));
        command
            .env("TMPDIR", self.temporary.path())
            .current_dir(self.scenarios.path())
            .args(["conform", "--jobs", "2", "--qemu"])
            .arg(qemu)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn conform(&self, qemu: &Path, arguments: &[&str]) -> Output {
        let output = self.command(qemu).args(arguments).arg("test.qmp").output();
        self.check_clean();
        output.expect("the command runs")
    }

    /// Nothing is left: no directory, no socket, no process that uses one.
    fn check_clean(&self) {
        let left: Vec<PathBuf> = fs::read_dir(self.temporary.path())
            .expect("it is still there")
            .flatten()
            .map(|entry| entry.path())
            .collect();
        assert_eq!(left, [] as [PathBuf; 0]);
        let name = self.temporary.path().display().to_string();
        for process in fs::read_dir("/proc").expect("procfs").flatten() {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).into_owned();
            assert!(!command.contains(&name), "left over: {command}");
        }
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const SCENARIOS: &str = r#"
scenario panic
qemu -no-shutdown
guest panic
-> {"execute": "query-status"}
-> {"execute": "cont"}

scenario group
qemu -no-shutdown -action panic=pause
guest panic &
guest reset
-> {"execute": "query-status"}

scenario command-in-group
qemu
guest reset &
-> {"execute": "stop"}
-> {"execute": "query-status"}

scenario sleep
qemu
guest suspend
-> {"execute": "query-status"}
guest wakeup
guest reset
guest shutdown

scenario migrate
qemu
-> {"execute": "migrate", "arguments": {"uri": "exec:cat > state"}}
-> {"execute": "query-status"}
host migration converges
-> {"execute": "query-status"}

scenario incoming
qemu -incoming "exec:cat state" -S
host incoming arrives {"status": "guest-panicked"}
-> {"execute": "query-status"}

scenario snapshot
with disk
-> {"execute": "human-monitor-command", "arguments": {"command-line": "savevm s1"}}
guest suspend
-> {"execute": "human-monitor-command", "arguments": {"command-line": "loadvm s1"}}
-> {"execute": "query-status"}

scenario io-error
guest io-error {"device": "d", "node-name": "n", "operation": "read", "action": "stop", "nospace": false, "reason": "Input/output error"}
-> {"execute": "cont"}
-> {"execute": "query-status"}

scenario memory
guest memory-failure {"recipient": "guest", "action": "reset", "flags": {"action-required": true, "recursive": false}}

scenario signal
host signal SIGHUP

scenario debug-exit
guest debug-exit 5

scenario refused
qemu -action panic=reboot
"#;

#[test]
fn both_ways_of_acting_agree_with_the_model() {
    let Some(qemu) = qemu() else { return };
    let room = Room::new(SCENARIOS);
    for injection in ["qtest", "vcpu"] {
        let output = room.conform(&qemu, &["--inject", injection]);
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{injection}: {said}");
        assert!(said.starts_with("12 scenarios"), "{injection}: {said}");
    }
}

/// A watchdog alone, beside what others do, and after a stream.
const WATCHDOG: &str = r#"
scenario pause
qemu WATCHDOG -watchdog-action pause
guest watchdog
-> {"execute": "query-status"}
-> {"execute": "system_reset"}
-> {"execute": "cont"}
wait 1.1s
guest watchdog

scenario reset
qemu WATCHDOG
guest watchdog
wait 1.1s
guest reset
guest watchdog

scenario group
qemu WATCHDOG -watchdog-action pause -no-shutdown
guest shutdown &
guest watchdog
-> {"execute": "query-status"}

scenario with-a-command
qemu WATCHDOG -watchdog-action none
guest watchdog &
-> {"execute": "stop"}

scenario after-a-stream
qemu -incoming "exec:cat state" WATCHDOG
host incoming arrives {"status": "running"}
guest watchdog
"#;

#[test]
fn both_watchdogs_agree_with_the_model() {
    let Some(qemu) = qemu() else { return };
    // Without the option it is the ib700, which the machine has anyway.
    for device in [
        "",
        "-device i6300esb,id=wd,addr=7",
        r#"-device '{"driver":"i6300esb"}'"#,
    ] {
        let room = Room::new(&WATCHDOG.replace("WATCHDOG", device));
        for injection in ["qtest", "vcpu"] {
            let output = room.conform(&qemu, &["--inject", injection]);
            let said = stdout(&output);
            assert_eq!(output.status.code(), Some(0), "{device} {injection}: {said}");
            assert!(said.starts_with("5 scenarios"), "{device} {injection}: {said}");
        }
    }
}

/// Every way to reset, alone, where it became a shutdown, and beside what others do.
#[test]
fn all_ways_to_reset_agree_with_the_model() {
    let Some(qemu) = qemu() else { return };
    let room = Room::new(
        r#"
scenario again
guest reset
guest reset
guest reset

scenario shutdown
qemu -no-reboot -no-shutdown
guest reset
-> {"execute": "set-action", "arguments": {"reboot": "reset"}}
-> {"execute": "system_reset"}
-> {"execute": "cont"}
guest reset
-> {"execute": "query-status"}

scenario group
qemu -action panic=pause
guest panic &
guest reset
-> {"execute": "query-status"}
-> {"execute": "cont"}
guest reset &
guest crashloaded
"#,
    );
    for way in ["cf9", "i8042", "port92", "triple-fault"] {
        let injections = if way == "triple-fault" {
            &["vcpu"][..]
        } else {
            &["vcpu", "qtest"]
        };
        for injection in injections {
            let output = room.conform(&qemu, &["--reset-by", way, "--inject", injection]);
            let said = stdout(&output);
            assert_eq!(output.status.code(), Some(0), "{way} {injection}: {said}");
            assert!(said.starts_with("3 scenarios"), "{way} {injection}: {said}");
        }
    }
    let output = room.conform(&qemu, &["--reset-by", "triple-fault", "--inject", "qtest"]);
    let said = stdout(&output);
    assert!(said.contains("3  a triple fault needs a vCPU"), "{said}");
}

#[test]
fn debugger_agrees_with_the_model() {
    let Some(qemu) = qemu() else { return };
    let room = Room::new(
        "guest debug\n-> {\"execute\": \"cont\"}\nguest debug\nhost gdb continue\nhost gdb interrupt\nhost gdb detach\n",
    );
    let output = room.conform(&qemu, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn a_difference_shows_both_sides() {
    let Some(qemu) = qemu() else { return };
    let room = Room::new("qemu -no-shutdown\nguest panic\n-> {\"execute\": \"query-status\"}\n");
    // A model of another release: it knows no `singlestep`.
    let output = room.conform(&qemu, &["--release", "10.0"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("model <- {\"return\""), "{said}");
    assert!(said.contains("QEMU  <- {\"return\""), "{said}");
    assert!(said.contains("      guest panic\n"), "{said}");
    assert!(said.contains("1 differ"), "{said}");
}

#[test]
fn a_record_is_a_scenario_that_holds() {
    let Some(qemu) = qemu() else { return };
    let room = Room::new("qemu -no-shutdown\nguest panic\n");
    let output = room.conform(&qemu, &["--record"]);
    assert_eq!(output.status.code(), Some(0));
    let said = stdout(&output);
    assert!(said.contains("<- {\"event\": \"GUEST_PANICKED\", \"data\": {\"action\": \"pause\"}}\n<- {\"event\": \"STOP\"}\n"), "{said}");
    assert!(said.contains("release "), "{said}");
}

#[test]
fn what_qemu_refuses_is_told_in_its_words() {
    let Some(qemu) = qemu() else { return };
    let room = Room::new("qemu -netdev nonsense\nguest panic\n");
    let output = room.conform(&qemu, &[]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("QEMU did not start: exit status: 1"), "{said}");
    assert!(said.contains("nonsense"), "{said}");
}

#[test]
fn a_signal_leaves_nothing_behind() {
    let Some(qemu) = qemu() else { return };
    let room = Room::new("wait 60s\n");
    let mut child: Child = room.command(&qemu).arg("test.qmp").spawn().expect("it starts");
    // Until a QEMU runs.
    while fs::read_dir(room.temporary.path()).expect("a directory").count() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill").arg(child.id().to_string()).status();
    assert!(killed.expect("kill runs").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(2));
    room.check_clean();
}

#[test]
fn a_killed_conform_takes_qemu_with_it() {
    let Some(qemu) = qemu() else { return };
    if !Path::new("/usr/bin/setpriv").exists() {
        eprintln!("skipped: there is no setpriv(1)");
        return;
    }
    let room = Room::new("wait 60s\n");
    let mut child = room.command(&qemu).arg("test.qmp").spawn().expect("it starts");
    while fs::read_dir(room.temporary.path()).expect("a directory").count() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    std::thread::sleep(Duration::from_millis(500));
    for entry in fs::read_dir(room.temporary.path())
        .expect("a directory")
        .flatten()
    {
        // Nobody was there to remove the directories; the processes are gone.
        fs::remove_dir_all(entry.path()).expect("it can be removed");
    }
    room.check_clean();
}

#[test]
fn without_qemu_the_message_says_so() {
    let room = Room::new("guest panic\n");
    let output = room.conform(Path::new("/nonexistent/qemu"), &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there is no program /nonexistent/qemu"), "{said}");
}

/// A program that answers `-accel help` as QEMU does, and then does `what`.
fn pretender(room: &Room, what: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = room.scenarios.path().join("pretender");
    let text = format!(
        "#!/bin/sh\nif [ \"$2\" = help ]; then echo Accelerators supported in QEMU binary:; exit; fi\n{what}\n"
    );
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    path
}

/// A QEMU that connects to its sockets and then misbehaves; see the file.
fn fake(room: &Room, mood: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3");
        return None;
    }
    let path = room.scenarios.path().join("fake");
    fs::write(&path, include_str!("../data/fake_qemu.py")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    fs::write(room.scenarios.path().join("MOOD"), mood).expect("a file");
    Some(path)
}

/// Each way to misbehave, the exit status, and what is said about it. Nothing is left behind by any of them.
#[test]
fn what_is_wrong_with_a_qemu_is_told() {
    for (mood, status, words) in [
        ("silent", 2, "QEMU hangs: no greeting"),
        ("not-json", 2, "QEMU sent what is not JSON"),
        (
            "other",
            2,
            "not the greeting of a QMP server: {\"hello\": \"world\"}",
        ),
        ("old", 2, "QEMU says that it is 5.2.0, of which there is no model"),
        ("deaf", 2, "test.qmp: test: QEMU hangs: no answer to a command"),
        ("child", 2, "test.qmp: test: QEMU hangs: no answer to a command"),
        (
            "dies",
            1,
            "QEMU  exit 3\n      QEMU's standard error:\n          the disk is on fire\n",
        ),
        ("killed", 1, "QEMU  killed by SIGKILL"),
    ] {
        let room = Room::new("-> {\"execute\": \"query-status\"}\n");
        let Some(qemu) = fake(&room, mood) else { return };
        let output = room.conform(&qemu, &["--patience", "3"]);
        let said = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{mood}: {said}");
        assert!(said.contains(words), "{mood}: {said}");
    }
}

#[test]
fn what_is_no_program_is_told() {
    let room = Room::new("guest panic\n");
    let plain = room.scenarios.path().join("test.qmp");
    let output = room.conform(&plain, &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("cannot run") && said.contains("test.qmp: Permission denied"),
        "{said}"
    );
    let output = room.conform(room.scenarios.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there is no program"), "{said}");
}

#[test]
fn where_differences_go_is_looked_at_first() {
    let room = Room::new("guest panic\n");
    let qemu = pretender(&room, "exit 3");
    let output = room.conform(&qemu, &["--random", "1", "--keep", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("nowhere") && said.contains("--keep"), "{said}");
}

#[test]
fn a_qemu_that_dies_is_told_with_its_last_words() {
    let room = Room::new("guest panic\n");
    let qemu = pretender(&room, "echo out of order >&2; exit 3");
    let output = room.conform(&qemu, &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("QEMU did not start: exit status: 3"), "{said}");
    assert!(said.contains("out of order"), "{said}");
}

#[test]
fn a_qemu_that_hangs_is_ended() {
    let room = Room::new("guest panic\n");
    let qemu = pretender(&room, "exec sleep 1000");
    let output = room.conform(&qemu, &["--patience", "1"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("QEMU hangs: no connection to our sockets"),
        "{said}"
    );
}
