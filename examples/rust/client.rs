//! A worked example: a QMP client, tested against the stand-in, which is a process that behaves like QEMU.
//!
//! Its author believed that what comes after a command is its reply. QEMU says the events of `stop` first (since 9.0, and 7.2.9), and
//! the property test finds it. go-qemu had the same mistake.

#![expect(
    clippy::tests_outside_test_module,
    reason = "an integration binary is a test module as a whole"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};

use runstate::{Answer, Command, Guest, Input, Launch, Release};
use runstate_oracle::strategy::{Lives, Reference, Subject, message};
use serde_json::{Value, json};

// ANCHOR: client
/// A client of one QEMU, which it has started. `HASTY` is its mistake.
struct Client<const HASTY: bool> {
    qemu: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// What it believes: whether the guest runs.
    running: bool,
}

impl<const HASTY: bool> Client<HASTY> {
    fn start(program: &str) -> Self {
        let mut qemu = Process::new(program)
            .args(["-runstate", "release=10.0", "-qmp", "stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let to = qemu.stdin.take().expect("a pipe");
        let from = BufReader::new(qemu.stdout.take().expect("a pipe"));
        let mut client = Self {
            qemu,
            to,
            from,
            running: true,
        };
        let _greeting = client.message();
        let _ = client.send(&json!({ "execute": "qmp_capabilities" }));
        client
    }

    /// The next message; `None` when QEMU has gone.
    fn message(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("a pipe can be read");
        serde_json::from_str(&line).ok()
    }

    /// Sends a command; the reply, if one came.
    fn send(&mut self, command: &Value) -> Option<Value> {
        // A QEMU that has gone cannot be written to; its last words can still be read.
        let _ = writeln!(self.to, "{command}");
        loop {
            let message = self.message()?;
            match message["event"].as_str() {
                None => return Some(message),
                Some(_) if HASTY => return Some(message),
                Some("STOP" | "SUSPEND" | "SHUTDOWN") => self.running = false,
                Some("RESUME" | "WAKEUP") => self.running = true,
                Some(_) => {}
            }
        }
    }
}
// ANCHOR_END: client

impl<const HASTY: bool> Drop for Client<HASTY> {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

// ANCHOR: test
const INPUTS: [Input; 7] = [
    Input::Command(Command::Stop),
    Input::Command(Command::Cont),
    Input::Command(Command::SystemReset),
    Input::Command(Command::Quit),
    Input::Guest(Guest::Reset),
    Input::Guest(Guest::Shutdown),
    Input::Guest(Guest::Watchdog),
];

impl<const HASTY: bool> Subject for Client<HASTY> {
    fn start(_: &Launch) -> Self {
        Self::start(env!("CARGO_BIN_EXE_qemu-system-runstate"))
    }

    fn step(&mut self, input: Input, qemu: &Reference) {
        let reply = self.send(&message(input).expect("a command"));
        if !qemu.vm.is_gone() {
            let reply = reply.expect("it is there, and so it replies");
            assert!(reply.get("event").is_none(), "taken for the reply: {reply}");
            assert_eq!(
                reply.get("return").is_some(),
                qemu.answer == Answer::Done,
                "{reply}"
            );
            let status = self.send(&json!({ "execute": "query-status" })).expect("a reply");
            assert!(status.get("event").is_none(), "taken for the reply: {status}");
            assert_eq!(self.running, qemu.vm.query_status().running, "what it believes");
        }
    }
}

#[test]
fn a_client_that_reads_on_passes() {
    Lives::of(Launch::new(Release::V10_0))
        .with(&INPUTS)
        .times(32)
        .check::<Client<false>>();
}

#[test]
#[should_panic(expected = "taken for the reply")]
fn a_hasty_client_is_found_out() {
    Lives::of(Launch::new(Release::V10_0))
        .with(&INPUTS)
        .times(32)
        .check::<Client<true>>();
}
// ANCHOR_END: test
