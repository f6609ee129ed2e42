//! Real clients, unchanged. In CI they have to be there; elsewhere what is not installed is skipped, aloud.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use qapi::qmp;

use crate::stand_in::{BINARY, Room};

/// Whether a client is there; in CI it has to be.
fn is_there(name: &str, probe: &mut Command) -> bool {
    let there = probe
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let required = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(there || !required, "CI has to have {name}");
    if !there {
        eprintln!("skipped: there is no {name}");
    }
    there
}

/// The interpreter that has the package: RUNSTATE_PYTHON, or `python3`.
fn python() -> Command {
    Command::new(std::env::var_os("RUNSTATE_PYTHON").unwrap_or_else(|| "python3".into()))
}

#[test]
fn the_python_package_and_its_shell() {
    if !is_there(
        "qemu.qmp (pip install qemu.qmp)",
        python().args(["-c", "import qemu.qmp"]),
    ) {
        return;
    }
    let room = Room::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/pyqmp.py");
    let output = python()
        .arg(script)
        .arg(BINARY)
        .arg(room.dir.path())
        .output()
        .expect("it starts");
    let (said, complaint) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && said.ends_with("qemu.qmp: ok\n"),
        "{said}{complaint}"
    );
}

#[test]
fn the_rust_crate() {
    let room = Room::new();
    let running = room.start("-S -qmp unix:{}/q,server=on,wait=off");
    let stream = room.connect("q");
    let mut client = qapi::Qmp::from_stream(&stream);
    let greeting = client.handshake().expect("it negotiates");
    assert_eq!(
        (greeting.version.qemu.major, greeting.version.qemu.minor),
        (10, 0)
    );
    let status = client.execute(&qmp::query_status {}).expect("it answers");
    assert!(!status.running && status.status == qmp::RunState::prelaunch);
    client.execute(&qmp::cont {}).expect("it runs");
    client.execute(&qmp::system_reset {}).expect("it resets");
    client.execute(&qmp::system_powerdown {}).expect("it is asked");
    client.execute(&qmp::stop {}).expect("it stops");
    let error = client
        .execute(&qmp::system_wakeup {})
        .expect_err("it does not sleep");
    assert!(error.to_string().contains("not in suspended state"), "{error}");
    client.execute(&qmp::quit {}).expect("it is answered");
    let events: Vec<String> = client.events().map(|event| format!("{event:?}")).collect();
    let names = ["RESUME", "RESET", "POWERDOWN", "STOP", "SHUTDOWN"];
    assert_eq!(events.len(), names.len(), "{events:?}");
    for (event, name) in events.iter().zip(names) {
        assert!(event.starts_with(name), "{event}");
    }
    drop(client);
    drop::<UnixStream>(stream);
    assert!(running.finish().0.success());
}

#[test]
fn a_raw_socat() {
    if !is_there("socat", Command::new("socat").arg("-V")) {
        return;
    }
    let room = Room::new();
    let running = room.start("-S -qmp unix:{}/q,server=on,wait=off");
    room.client("q");
    let address = format!("UNIX-CONNECT:{}", room.path("q").display());
    let mut socat = Command::new("socat");
    socat
        .args(["-t10", "-", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = socat.spawn().expect("it starts");
    let typed =
        b"{'execute':'qmp_capabilities'}\n{'execute':'cont'}\n{'execute':'stop'}\n{'execute':'quit'}\n";
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(typed)
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends when the stand-in does");
    let said = String::from_utf8_lossy(&output.stdout);
    let names = [
        "\"QMP\"", "return", "RESUME", "return", "STOP", "return", "SHUTDOWN", "return",
    ];
    assert_eq!(said.lines().count(), names.len(), "{said}");
    for (line, name) in said.lines().zip(names) {
        assert!(line.contains(name), "{line} instead of {name}");
    }
    assert!(running.finish().0.success());
}
