//! What transcripts cannot say: bytes, pipes, standard input.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn runstate(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_runstate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input).expect("it reads its input");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).expect("it prints text")
}

#[test]
fn messages_are_qemus_bytes() {
    let output = runstate(
        &["run", "-"],
        b"wait 1234567us\n-> {\"execute\": \"stop\", \"id\": [1, \"\xC3\xA9\"]}\n",
    );
    assert_eq!(
        text(&output.stdout),
        "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 234567}, \"event\": \"STOP\"}\r\n\
         {\"return\": {}, \"id\": [1, \"\\u00E9\"]}\r\n"
    );
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
}

#[test]
fn standard_input_has_a_name_and_is_blessed_to_standard_output() {
    let output = runstate(&["run", "-"], b"\xFF");
    assert!(text(&output.stderr).starts_with("Error: <stdin>:1:1: byte 0 of the file, 0xff"));
    assert_eq!(output.status.code(), Some(2));
    let output = runstate(&["run", "--bless", "-"], b"-> {\"execute\": \"cont\"}\n");
    assert_eq!(
        text(&output.stdout),
        "qemu\n-> {\"execute\": \"cont\"}\n<- {\"return\": {}}\n"
    );
}

#[test]
fn without_a_command_there_is_help_and_status_2() {
    let output = runstate(&[], b"");
    assert!(text(&output.stderr).contains("Usage: runstate <COMMAND>"));
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
    let output = runstate(&["--help"], b"");
    assert!(text(&output.stdout).contains("Exit status: 0 when all is as expected"));
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let scenario = "-> {\"execute\": \"query-status\"}\n".repeat(20_000);
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("long.qmp");
    std::fs::write(&path, scenario).expect("there is room");
    let mut child = Command::new(env!("CARGO_BIN_EXE_runstate"))
        .arg("run")
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(141)));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_trouble() {
    let output = Command::new(env!("CARGO_BIN_EXE_runstate"))
        .args(["run", "-"])
        .stdin(std::fs::File::open("tests/cmd/run.in/panic.qmp").expect("it is there"))
        .stdout(std::fs::File::create("/dev/full").expect("Linux has it"))
        .output()
        .expect("the tool starts");
    assert_eq!(
        text(&output.stderr),
        "Error: cannot write to standard output: No space left on device\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn color_is_only_for_terminals_and_where_it_is_wanted() {
    for (variable, colored) in [("NO_COLOR", false), ("CLICOLOR_FORCE", true)] {
        let output = Command::new(env!("CARGO_BIN_EXE_runstate"))
            .args(["run", "nosuch.qmp"])
            .env_remove("NO_COLOR")
            .env(variable, "1")
            .output()
            .expect("the tool starts");
        assert_eq!(text(&output.stderr).contains('\u{1b}'), colored, "{variable}");
    }
}

#[test]
fn the_oracle_goes_on_after_bad_lines() {
    let long = vec![b'x'; 3 << 20];
    let input = [
        b"{\"guest\": \"panik\"}\n\n\xFF\n",
        &long[..],
        b"\n{\"guest\": \"reset\"}",
    ]
    .concat();
    let output = runstate(&["oracle"], &input);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    let [misspelt, binary, long, reset] = lines[..] else {
        panic!("an answer to every line but the empty one: {lines:?}")
    };
    assert!(
        misspelt.contains("panik") && misspelt.ends_with(r#""line":1}"#),
        "{misspelt}"
    );
    assert!(
        binary.starts_with(r#"{"error":"no JSON"#) && binary.ends_with(r#""line":3}"#),
        "{binary}"
    );
    assert_eq!(long, r#"{"error":"longer than 1048576 bytes","line":4}"#);
    assert!(reset.contains("guest-reset"), "{reset}");
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
}

#[test]
fn progress_is_for_terminals() {
    let found = runstate(
        &["explore", "--find", "broken", "--release", "7.2", "--output=json"],
        b"",
    );
    assert_eq!((text(&found.stderr), found.status.code()), ("", Some(0)));
    for line in text(&found.stdout).lines() {
        let finding: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        assert!(finding["holds"].is_boolean(), "{line}");
    }
}
