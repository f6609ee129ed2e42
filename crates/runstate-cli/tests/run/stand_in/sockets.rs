//! Monitors on sockets, as protocol.md section 2.4 has them: one client at a time, every kind of address.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};

use super::{Client, Room};

#[test]
fn a_life_cycle() {
    let room = Room::new();
    let running = room.start("-qmp unix:{}/q,server=on,wait=off -display none");
    let mut client = room.negotiated("q");
    assert_eq!(
        client.ask("query-status"),
        [r#"{"return": {"status": "running", "running": true}}"#]
    );
    assert_eq!(client.ask("stop"), [r#"{"event": "STOP"}"#, r#"{"return": {}}"#]);
    assert_eq!(
        client.ask("cont"),
        [r#"{"event": "RESUME"}"#, r#"{"return": {}}"#]
    );
    client.send(br#"{"execute": "quit"}"#);
    let shutdown = r#"{"event": "SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}}"#;
    assert_eq!(client.rest(), [shutdown, r#"{"return": {}}"#]);
    let (status, stderr) = running.finish();
    assert!(status.success() && stderr.is_empty(), "{status} {stderr}");
    assert!(!room.path("q").exists(), "the socket is removed");
}

#[test]
fn the_second_client_waits_for_the_first_to_leave() {
    let room = Room::new();
    let _running = room.start("-S -qmp unix:{}/q,server=on,wait=off");
    let mut first = room.negotiated("q");
    let mut second = room.connect("q");
    second
        .write_all(br#"{"execute": "qmp_capabilities"} {"execute": "query-status"}"#)
        .expect("the backlog takes it");
    // An answer to the first proves that the stand-in had the chance to answer the second.
    assert_eq!(first.ask("query-name"), [r#"{"return": {}}"#]);
    second.set_nonblocking(true).expect("a socket");
    let error = second
        .read(&mut [0; 16])
        .expect_err("nothing is said to the second");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    second.set_nonblocking(false).expect("a socket");
    drop(first);
    let mut second = Client::new(second);
    assert_eq!(second.line().as_deref(), Some(r#"{"return": {}}"#));
    let status = r#"{"return": {"status": "prelaunch", "running": false}}"#;
    assert_eq!(second.line().as_deref(), Some(status));
}

#[test]
fn what_is_complete_is_executed_after_the_client_left() {
    let room = Room::new();
    let _running = room.start("-S -qmp unix:{}/q,server=on,wait=off");
    let mut client = room.negotiated("q");
    client.send(br#"{"execute": "cont"} {"execute": "st"#);
    drop(client);
    let mut next = room.negotiated("q");
    assert_eq!(
        next.ask("query-status"),
        [r#"{"return": {"status": "running", "running": true}}"#]
    );
}

#[test]
fn half_closing_is_leaving() {
    let room = Room::new();
    let _running = room.start("-S -qmp unix:{}/q,server=on,wait=off");
    let mut stream = room.connect("q");
    stream
        .write_all(br#"{"execute": "qmp_capabilities"}{"execute": "query-name"}"#)
        .expect("it is read");
    stream.shutdown(Shutdown::Write).expect("a socket");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("ASCII");
    assert!(
        said.ends_with("{\"return\": {}}\r\n{\"return\": {}}\r\n"),
        "{said}"
    );
}

#[test]
fn a_stale_socket_is_replaced() {
    let room = Room::new();
    let line = "-qmp unix:{}/q,server=on,wait=off";
    let mut running = room.start(line);
    room.negotiated("q");
    running.child.kill().expect("it lives");
    running.child.wait().expect("it is our child");
    assert!(room.path("q").exists(), "kill -9 leaves the file");
    let _again = room.start(line);
    room.negotiated("q");
}

#[test]
fn waiting_for_a_client_comes_before_the_start() {
    let room = Room::new();
    let running = room.start("-qmp unix:{}/q,server=on");
    let mut client = room.negotiated("q");
    assert_eq!(
        client.ask("query-status"),
        [r#"{"return": {"status": "running", "running": true}}"#]
    );
    client.ask("quit");
    let (status, stderr) = running.finish();
    let path = room.path("q").display().to_string();
    let info = format!(
        "qemu-system-runstate: -qmp unix:{path},server=on: info: QEMU waiting for connection on: \
         disconnected:unix:{path},server=on\n"
    );
    assert_eq!(stderr, info);
    assert!(status.success());
}

#[test]
fn it_connects_where_the_test_listens() {
    let room = Room::new();
    let listener = UnixListener::bind(room.path("mine")).expect("a socket");
    let running = room.start("-qmp unix:{}/mine");
    let (stream, _) = listener.accept().expect("it connects");
    let mut client = Client::new(stream);
    client.ask("qmp_capabilities");
    assert_eq!(client.ask("quit").len(), 2);
    assert!(running.finish().0.success());
}

#[test]
fn it_connects_again() {
    let room = Room::new();
    let option = "-S -chardev socket,id=c,path={}/mine,reconnect-ms=20 -mon c,mode=control";
    let _running = room.start(option);
    for _ in 0..3 {
        // Whoever is late may find it knocking already.
        let listener = UnixListener::bind(room.path("mine")).expect("a socket");
        let (stream, _) = listener.accept().expect("it connects again");
        Client::new(stream).ask("qmp_capabilities");
        std::fs::remove_file(room.path("mine")).expect("our own");
    }
}

#[test]
fn sockets_are_passed_on_by_number() {
    let room = Room::new();
    let listener = UnixListener::bind(room.path("passed")).expect("a socket");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    for fd in [
        std::os::fd::AsFd::as_fd(&listener),
        std::os::fd::AsFd::as_fd(&theirs),
    ] {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty()).expect("it is open");
    }
    let number = |fd: &dyn std::os::fd::AsRawFd| fd.as_raw_fd();
    let line = format!(
        "-S -chardev socket,id=a,fd={},server=on,wait=off -mon a,mode=control \
         -chardev socket,id=b,fd={} -mon b,mode=control",
        number(&listener),
        number(&theirs)
    );
    let _running = room.start(&line);
    drop((listener, theirs));
    let mut connected = Client::new(ours);
    connected.ask("qmp_capabilities");
    let mut accepted = room.negotiated("passed");
    assert_eq!(accepted.ask("cont").len(), 2);
    assert!(
        connected
            .line()
            .expect("the event is for both")
            .contains("RESUME")
    );
}

#[test]
fn tcp_is_for_this_host_only() {
    let room = Room::new();
    let free = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port");
    let _running = room.start(&format!(
        "-S -qmp tcp:127.0.0.1:{},server=on,wait=off",
        free.port()
    ));
    let stream = (0..2000).find_map(|_| {
        std::thread::sleep(core::time::Duration::from_millis(5));
        TcpStream::connect(free).ok()
    });
    let mut greeting = [0; 8];
    stream
        .expect("it listens")
        .read_exact(&mut greeting)
        .expect("it greets");
    assert_eq!(&greeting, b"{\"QMP\": ");
    // Neither to listen nor to connect, and not by connecting again either.
    for options in ["server=on,wait=off", "reconnect-ms=1", "server=off"] {
        let output = room.output(&format!("-qmp tcp:192.0.2.1:4444,{options}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("192.0.2.1 is no loopback address"), "{stderr}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn what_cannot_be_opened_is_said_as_qemu_says_it() {
    let room = Room::new();
    for (line, message) in [
        (
            "-qmp unix:/nonexist/x,server=on,wait=off",
            "Failed to bind socket to /nonexist/x: No such file or directory",
        ),
        (
            "-qmp unix:/nonexist/x",
            "Failed to connect to '/nonexist/x': No such file or directory",
        ),
        (
            "-chardev socket,id=x,fd=33,server=on,wait=off",
            "File descriptor '33' is not a socket",
        ),
        ("-pidfile /nonexist/x", ""),
    ] {
        let output = room.output(line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let expected = match message {
            "" => {
                "cannot create PID file: Could not create '/nonexist/x': No such file or directory".to_owned()
            }
            message => format!("{line}: {message}"),
        };
        assert_eq!(stderr, format!("qemu-system-runstate: {expected}\n"));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn monitors_may_be_many_and_pretty() {
    let room = Room::new();
    let _running = room.start(
        "-S -qmp unix:{}/a,server=on,wait=off -qmp-pretty unix:{}/b,server=on,wait=off \
         -monitor unix:{}/h,server=on,wait=off",
    );
    let mut plain = room.negotiated("a");
    let mut pretty = room.connect("b");
    let mut start = [0; 14];
    pretty.read_exact(&mut start).expect("a greeting");
    assert_eq!(&start, b"{\r\n    \"QMP\": ");
    assert_eq!(plain.ask("query-status").len(), 1);
    let mut people = room.connect("h");
    people.write_all(b"info status\n").expect("it reads");
    let mut said = Vec::new();
    while !said.ends_with(b"VM status: paused (prelaunch)\r\n(qemu) ") {
        let mut byte = [0];
        people.read_exact(&mut byte).expect("it answers");
        said.push(byte[0]);
    }
    assert!(said.starts_with(b"QEMU 10.0.13 monitor - type 'help' for more information\r\n(qemu) "));
}

/// A command that reads a FIFO keeps QEMU's main thread waiting; what is executed out of band overtakes it.
#[test]
fn a_command_that_waits_for_a_file_is_overtaken() {
    let room = Room::new();
    let fifo = room.path("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo is there").success());
    let _running = room.start("-S -qmp unix:{}/q,server=on,wait=off -qmp unix:{}/r,server=on,wait=off");
    let mut client = room.client("q");
    client.ask_message(r#"{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}"#);
    let mut other = room.negotiated("r");
    client.send(
        format!(
            r#"{{"execute": "blockdev-add", "id": "slow", "arguments": {{"driver": "blkdebug", "node-name": "n",
                "config": "{}", "image": {{"driver": "null-co"}}}}}}"#,
            fifo.display()
        )
        .as_bytes(),
    );
    client.send(br#"{"execute": "query-name", "id": "quick"}{"exec-oob": "migrate-pause", "id": "oob"}"#);
    let id = |line: Option<String>| {
        let line = line.expect("a message");
        ["slow", "quick", "oob"]
            .into_iter()
            .find(|id| line.contains(&format!("\"id\": \"{id}\"")))
    };
    assert_eq!(id(client.line()), Some("oob"));
    // The main thread is stuck for everybody.
    other.send(br#"{"execute": "query-status"}"#);
    let silent = other
        .stream
        .set_read_timeout(Some(core::time::Duration::from_millis(50)));
    silent.expect("a timeout");
    other.stream.read(&mut [0; 8]).expect_err("nobody is answered");
    other
        .stream
        .set_read_timeout(Some(super::PATIENCE))
        .expect("a timeout");
    std::fs::write(&fifo, "").expect("it is read");
    assert_eq!(id(client.line()), Some("slow"));
    assert_eq!(id(client.line()), Some("quick"));
    assert!(other.line().expect("a reply").contains("prelaunch"));
    // What is no FIFO is read at once; what is not there is said.
    let add = |file: &str| {
        format!(
            r#"{{"execute": "blockdev-add", "arguments": {{"driver": "blkdebug", "node-name": "m", "config": "{file}"}}}}"#
        )
    };
    assert_eq!(other.ask_message(&add("/dev/null")), [r#"{"return": {}}"#]);
    assert_eq!(
        other.ask_message(&add("/nonexist")),
        [
            r#"{"error": {"class": "GenericError", "desc": "Could not read blkdebug config file: No such file or directory"}}"#
        ]
    );
}
