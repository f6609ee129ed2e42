//! Monitors that come and go, as objects of 11.1, on sockets that do as well.

use super::{Client, Room};

const RELEASE: &str = "-runstate release=11.1 -display none -S";
const DONE: [&str; 1] = [r#"{"return": {}}"#];

fn error(desc: &str) -> [String; 1] {
    [format!(
        r#"{{"error": {{"class": "GenericError", "desc": "{desc}"}}}}"#
    )]
}

/// Asks with arguments.
fn ask(client: &mut Client, command: &str, arguments: &str) -> Vec<String> {
    client.send(format!(r#"{{"execute": "{command}", "arguments": {{{arguments}}}}}"#).as_bytes());
    vec![client.line().expect("an answer")]
}

fn add_socket(client: &mut Client, room: &Room, name: &str, more: &str) -> Vec<String> {
    let path = room.path(name);
    let path = path.display();
    let data = format!(r#"{{"addr": {{"type": "unix", "data": {{"path": "{path}"}}}}{more}}}"#);
    let backend = format!(r#""backend": {{"type": "socket", "data": {data}}}"#);
    ask(client, "chardev-add", &format!(r#""id": "{name}", {backend}"#))
}

fn add_monitor(client: &mut Client, chardev: &str, more: &str) -> Vec<String> {
    let object = format!(r#""qom-type": "monitor-qmp", "id": "m-{chardev}", "chardev": "{chardev}"{more}"#);
    ask(client, "object-add", &object)
}

#[test]
fn on_the_command_line() {
    let room = Room::new();
    let _running = room.start(&format!(
        "{RELEASE} -chardev socket,id=c,path={{}}/q,server=on,wait=off -object monitor-qmp,id=m,chardev=c"
    ));
    let mut client = room.negotiated("q");
    assert_eq!(
        ask(&mut client, "object-del", r#""id": "m""#),
        error("Cannot delete the current QMP monitor")
    );
}

#[test]
fn added_and_removed_at_run_time() {
    let room = Room::new();
    let _running = room.start(&format!("{RELEASE} -qmp unix:{{}}/q,server=on,wait=off"));
    let mut first = room.negotiated("q");
    for _ in 0..2 {
        assert_eq!(add_socket(&mut first, &room, "r", ""), DONE);
        let waiting = room.connect("r");
        assert_eq!(add_monitor(&mut first, "r", ""), DONE);
        // Who was connected before there was a monitor is greeted when there is.
        let mut second = Client::new(waiting);
        assert_eq!(second.ask("qmp_capabilities"), DONE);
        assert_eq!(second.ask("query-name"), DONE);
        assert_eq!(
            ask(&mut first, "chardev-remove", r#""id": "r""#),
            error("Chardev 'r' is busy")
        );
        assert_eq!(ask(&mut first, "object-del", r#""id": "m-r""#), DONE);
        // What comes while there is no monitor waits for the next one.
        second.send(br#"{"execute": "qmp_capabilities"}"#);
        assert_eq!(add_monitor(&mut first, "r", ""), DONE);
        assert!(second.line().is_some_and(|line| line.starts_with(r#"{"QMP""#)));
        assert_eq!(second.line().as_deref(), Some(DONE[0]));
        assert_eq!(ask(&mut first, "object-del", r#""id": "m-r""#), DONE);
        assert_eq!(ask(&mut first, "chardev-remove", r#""id": "r""#), DONE);
        assert_eq!(second.line(), None, "the client is let go");
        assert!(!room.path("r").exists(), "the socket is removed");
    }
}

#[test]
fn close_action_delete_goes_with_the_client() {
    let room = Room::new();
    let _running = room.start(&format!("{RELEASE} -qmp unix:{{}}/q,server=on,wait=off"));
    let mut first = room.negotiated("q");
    assert_eq!(add_socket(&mut first, &room, "r", ""), DONE);
    assert_eq!(
        add_monitor(&mut first, "r", r#", "close-action": "delete""#),
        DONE
    );
    let mut second = room.negotiated("r");
    assert_eq!(second.ask("query-name"), DONE);
    drop(second);
    while room.path("r").exists() {
        assert_eq!(first.ask("query-name"), DONE);
    }
    assert_eq!(
        ask(&mut first, "object-del", r#""id": "m-r""#),
        error("object 'm-r' not found")
    );
    assert_eq!(add_socket(&mut first, &room, "r", ""), DONE);
}

#[test]
fn what_cannot_be_opened_is_not_there() {
    let room = Room::new();
    let _running = room.start(&format!("{RELEASE} -qmp unix:{{}}/q,server=on,wait=off"));
    let mut client = room.negotiated("q");
    let path = room.path("nobody");
    let path = path.display();
    assert_eq!(
        add_socket(&mut client, &room, "nobody", r#", "server": false"#),
        error(&format!(
            "Failed to add chardev 'nobody': Failed to connect to '{path}': No such file or directory"
        ))
    );
    assert_eq!(
        add_monitor(&mut client, "nobody", ""),
        error(r#"chardev \"nobody\" not found"#)
    );
    let path = room.path("no/x");
    let path = path.display();
    assert_eq!(
        add_socket(&mut client, &room, "no/x", ""),
        error(&format!(
            "Failed to add chardev 'no/x': Failed to bind socket to {path}: No such file or directory"
        ))
    );
}

#[test]
fn hmp_comes_and_stays() {
    let room = Room::new();
    let _running = room.start(&format!("{RELEASE} -qmp unix:{{}}/q,server=on,wait=off"));
    let mut client = room.negotiated("q");
    assert_eq!(add_socket(&mut client, &room, "h", ""), DONE);
    let object = r#""qom-type": "monitor-hmp", "id": "h0", "chardev": "h""#;
    assert_eq!(ask(&mut client, "object-add", object), DONE);
    let mut person = std::io::BufReader::new(room.connect("h"));
    let mut banner = String::new();
    std::io::BufRead::read_line(&mut person, &mut banner).expect("text");
    assert!(banner.starts_with("QEMU 11.1."), "{banner}");
    assert_eq!(
        ask(&mut client, "object-del", r#""id": "h0""#),
        error("Deleting HMP monitors is not supported")
    );
}

#[test]
fn a_file_of_rules_that_is_not_there() {
    // Recorded on 10.0.13 and 11.1.3.
    for (release, said) in [
        (
            "10.0",
            "Could not read blkdebug config file: No such file or directory",
        ),
        ("11.1", "Could not open '/nonexistent': No such file or directory"),
    ] {
        let room = Room::new();
        let _running = room.start(&format!(
            "-runstate release={release} -S -qmp unix:{{}}/q,server=on,wait=off"
        ));
        let mut client = room.negotiated("q");
        let rules = r#""driver": "blkdebug", "node-name": "n", "config": "/nonexistent""#;
        assert_eq!(ask(&mut client, "blockdev-add", rules), error(said));
    }
}
