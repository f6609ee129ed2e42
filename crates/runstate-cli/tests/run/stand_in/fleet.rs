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
