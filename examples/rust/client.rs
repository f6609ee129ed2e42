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

use proptest::{prelude::*, sample::select, test_runner::Config};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use runstate::{Answer, Command, Guest, Input, Launch, Release};
use runstate_oracle::strategy::Reference;
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
        let _ = client.execute("qmp_capabilities", &json!({}));
        client
    }

    /// The next message; `None` when QEMU has gone.
    fn message(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("a pipe can be read");
        serde_json::from_str(&line).ok()
    }

    /// Runs a command; the reply, if one came.
    fn execute(&mut self, command: &str, arguments: &Value) -> Option<Value> {
        // A QEMU that has gone cannot be written to; its last words can still be read.
        let _ = writeln!(
            self.to,
            "{}",
            json!({ "execute": command, "arguments": arguments })
        );
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
/// How to bring it about: a command as it is, and the guest by the stand-in's own command.
fn spelled(input: Input) -> (&'static str, Value) {
    match input {
        Input::Command(Command::Stop) => ("stop", json!({})),
        Input::Command(Command::Cont) => ("cont", json!({})),
        Input::Command(Command::SystemReset) => ("system_reset", json!({})),
        Input::Command(Command::Quit) => ("quit", json!({})),
        Input::Guest(Guest::Reset) => ("x-guest", json!({ "action": "reset" })),
        Input::Guest(Guest::Shutdown) => ("x-guest", json!({ "action": "shutdown" })),
        Input::Guest(Guest::Watchdog) => ("x-guest", json!({ "action": "watchdog" })),
        Input::Command(_) | Input::Guest(_) | Input::Host(_) => unreachable!("it is not in the list"),
    }
}

const INPUTS: [Input; 7] = [
    Input::Command(Command::Stop),
    Input::Command(Command::Cont),
    Input::Command(Command::SystemReset),
    Input::Command(Command::Quit),
    Input::Guest(Guest::Reset),
    Input::Guest(Guest::Shutdown),
    Input::Guest(Guest::Watchdog),
];

/// The model of QEMU 10.0, with these inputs only.
struct Model;

impl ReferenceStateMachine for Model {
    type State = Reference;
    type Transition = Input;

    fn init_state() -> BoxedStrategy<Reference> {
        Just(Reference::launch(&Launch::new(Release::V10_0))).boxed()
    }

    fn transitions(_: &Reference) -> BoxedStrategy<Input> {
        select(&INPUTS[..]).boxed()
    }

    fn preconditions(qemu: &Reference, input: &Input) -> bool {
        Reference::preconditions(qemu, input)
    }

    fn apply(qemu: Reference, input: &Input) -> Reference {
        Reference::apply(qemu, input)
    }
}

struct Test<const HASTY: bool>;

impl<const HASTY: bool> StateMachineTest for Test<HASTY> {
    type SystemUnderTest = Client<HASTY>;
    type Reference = Model;

    fn init_test(_: &Reference) -> Client<HASTY> {
        Client::start(env!("CARGO_BIN_EXE_qemu-system-runstate"))
    }

    fn apply(mut client: Client<HASTY>, qemu: &Reference, input: Input) -> Client<HASTY> {
        let (command, arguments) = spelled(input);
        let reply = client.execute(command, &arguments);
        if qemu.vm.is_gone() {
            let status = client.qemu.wait().expect("it is ours").code();
            assert_eq!(status, qemu.vm.exit_status().map(|status| status.0.into()));
            return client;
        }
        let reply = reply.expect("it is there, and so it replies");
        assert!(reply.get("event").is_none(), "taken for the reply: {reply}");
        assert_eq!(
            reply.get("return").is_some(),
            qemu.answer == Answer::Done,
            "{reply}"
        );
        let status = client.execute("query-status", &json!({})).expect("a reply");
        assert_eq!(status["return"]["status"], qemu.vm.run_state().name());
        assert_eq!(
            client.running,
            qemu.vm.query_status().running,
            "what the client believes"
        );
        client
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: 32, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_client_that_reads_on_passes(sequential 1..16 => Test<false>);

    #[test]
    #[should_panic(expected = "taken for the reply")]
    fn a_hasty_client_is_found_out(sequential 1..16 => Test<true>);
}
// ANCHOR_END: test
