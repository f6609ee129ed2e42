//! A worked example: somebody's VMM speaks QMP and wants to be as QEMU is, tested in thirty lines.
//!
//! The VMM here is the stand-in. As a 10.0 it passes; as an 8.2, whose events come after the reply, it is found out.

#![expect(
    clippy::tests_outside_test_module,
    reason = "an integration binary is a test module as a whole"
)]

// ANCHOR: test
use std::io::BufReader;
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};

use runstate::{Command, Guest, Input, Launch, Release};
use runstate_oracle::strategy::{Endpoint, Lives, Reference, Subject};

/// A process, and the QMP that it speaks on stdin and stdout.
struct Vmm<const MAJOR: u8>(Child, Endpoint<BufReader<ChildStdout>, ChildStdin>);

impl<const MAJOR: u8> Subject for Vmm<MAJOR> {
    fn start(_: &Launch) -> Self {
        let release = if MAJOR == 10 {
            "release=10.0"
        } else {
            "release=8.2"
        };
        let mut process = Process::new(env!("CARGO_BIN_EXE_qemu-system-runstate"))
            .args(["-runstate", release, "-qmp", "stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (from, to) = (
            process.stdout.take().expect("a pipe"),
            process.stdin.take().expect("a pipe"),
        );
        Self(
            process,
            Endpoint::open(BufReader::new(from), to).expect("it speaks QMP"),
        )
    }

    fn step(&mut self, input: Input, qemu: &Reference) {
        self.1.step(input, qemu);
    }
}

const INPUTS: [Input; 6] = [
    Input::Command(Command::Stop),
    Input::Command(Command::Cont),
    Input::Command(Command::SystemReset),
    Input::Command(Command::Quit),
    Input::Guest(Guest::Suspend),
    Input::Guest(Guest::Shutdown),
];

#[test]
fn a_vmm_that_does_as_qemu_passes() {
    Lives::of(Launch::new(Release::V10_0))
        .with(&INPUTS)
        .times(32)
        .check::<Vmm<10>>();
}
// ANCHOR_END: test

#[test]
#[should_panic(expected = "come after its reply")]
fn a_vmm_that_does_otherwise_is_found_out() {
    Lives::of(Launch::new(Release::V10_0))
        .with(&INPUTS)
        .times(32)
        .check::<Vmm<8>>();
}

impl<const MAJOR: u8> Drop for Vmm<MAJOR> {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
