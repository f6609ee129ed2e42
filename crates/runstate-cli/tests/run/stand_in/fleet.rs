//! Many VMs in one process.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::{Client, Room, Running, connect};

#[test]
fn each_vm_of_a_fleet_is_its_own() {
    let room = Room::new();
    let count = 300;
    let mut command = Command::new(env!("CARGO_BIN_EXE_runstate"));
    command
        .args(["serve", "--count", &count.to_string(), "--dir"])
        .arg(room.dir.path())
        .args(["--", "-S"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(
        lines
            .next()
            .expect("a line")
            .expect("text")
            .starts_with("{\"serving\": 300")
    );
    let running = Running { child };
    let mut clients: Vec<_> = (0..count)
        .map(|index| {
            let mut client = Client::new(connect(&room.path(&format!("vm-{index}.sock"))));
            client.ask("qmp_capabilities");
            client
        })
        .collect();
    assert_eq!(clients[7].ask("cont").len(), 2);
    for (index, client) in clients.iter_mut().enumerate() {
        let status = if index == 7 { "running" } else { "prelaunch" };
        assert!(client.ask("query-status")[0].contains(status), "{index}");
    }
    assert_eq!(clients[9].ask("quit").len(), 2);
    assert_eq!(
        lines.next().expect("a line").expect("text"),
        "{\"vm\": 9, \"exit\": 0}"
    );
    let memory = std::fs::read_to_string(format!("/proc/{}/status", running.child.id())).expect("it lives");
    let kilobytes = memory
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    let kilobytes: u64 = kilobytes
        .and_then(|number| number.parse().ok())
        .expect("a number");
    assert!(
        kilobytes < 6000 + 20 * count,
        "{kilobytes} kB: 200 MB for ten thousand is the aim"
    );
    running.signal(rustix::process::Signal::TERM);
    assert_eq!(clients[7].rest().len(), 1, "SHUTDOWN");
    assert!(running.finish().0.success());
}

#[test]
fn a_fleet_that_is_too_large_for_the_system_is_told_so() {
    let room = Room::new();
    // Under a limit of its own, which only a shell can set.
    let serve = |limit: u32, count: u32| {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n $0 && exec \"$@\"", &limit.to_string()])
            .arg(env!("CARGO_BIN_EXE_runstate"))
            .args(["serve", "--count", &count.to_string(), "--dir"])
            .arg(room.dir.path());
        command
    };
    let output = serve(100, 1000).output().expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("1000 VMs need 1000 sockets, and this process may have 100 files open")
            && stderr.contains("ulimit -n 2032"),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(!room.path("vm-0.sock").exists());
    // Enough for the VMs, not for a client each.
    let mut child = serve(100, 60)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    BufReader::new(child.stderr.take().expect("a pipe"))
        .read_line(&mut said)
        .expect("text");
    assert!(said.contains("100 files open: 8 clients at a time"), "{said}");
    let _running = Running { child };
    Client::new(connect(&room.path("vm-59.sock")));
}

/// Whoever started the fleet does not read what becomes of its VMs: the others go on, and it ends.
#[test]
fn nobody_has_to_read_what_a_fleet_prints() {
    let room = Room::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_runstate"));
    command
        .args(["serve", "--count", "40", "--dir"])
        .arg(room.dir.path());
    // A pipe that is full already.
    let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
    let flags = rustix::fs::OFlags::NONBLOCK;
    rustix::fs::fcntl_setfl(&writer, flags).expect("it is open");
    let child = command
        .stdout(writer.try_clone().expect("a descriptor"))
        .spawn()
        .expect("it starts");
    let running = Running { child };
    // Its first line says that it serves; from then on nobody reads.
    let mut byte = [0];
    while byte != *b"\n" {
        rustix::io::read(&reader, &mut byte).expect("a line");
    }
    while rustix::io::write(&writer, &[b'\n'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::empty()).expect("it is open");
    let mut clients: Vec<_> = (0..40)
        .map(|index| Client::new(connect(&room.path(&format!("vm-{index}.sock")))))
        .collect();
    for client in &mut clients[..39] {
        client.ask("qmp_capabilities");
        client.ask("quit");
    }
    clients[39].ask("qmp_capabilities");
    assert!(clients[39].ask("query-status")[0].contains("running"));
    clients[39].ask("quit");
    assert!(running.finish().0.success());
    drop(reader);
}
