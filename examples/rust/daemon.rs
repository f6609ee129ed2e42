//! A worked example: a daemon that follows a VM by its events, tested against QEMU's behaviour in thirty lines.
//!
//! Its author believed that a VM which is stopped by the monitor says the reason `quit`, as one large project's code does. The
//! schema says `host-qmp-quit`, and the property test finds it.

#![expect(
    clippy::tests_outside_test_module,
    reason = "an integration binary is a test module as a whole"
)]

use proptest::test_runner::Config;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use runstate::{Command, Event, Input, Output};
use runstate_oracle::strategy::Reference;

// ANCHOR: daemon
/// Why the daemon thinks that its VM has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// Somebody asked for it by the monitor.
    ByUs,
    /// By itself, or by something else on the host: it should be started again.
    Otherwise,
}

/// The daemon. `QUIT_IS_QUIT` is its mistake.
#[derive(Debug, Default)]
struct Daemon<const QUIT_IS_QUIT: bool> {
    stopped: Option<Stopped>,
}

impl<const QUIT_IS_QUIT: bool> Daemon<QUIT_IS_QUIT> {
    /// An event, as it comes over the wire: a name and, for SHUTDOWN, a reason.
    fn event(&mut self, name: &str, reason: &str) {
        if name == "SHUTDOWN" {
            let ours = if QUIT_IS_QUIT { "quit" } else { "host-qmp-quit" };
            self.stopped = Some(if reason == ours {
                Stopped::ByUs
            } else {
                Stopped::Otherwise
            });
        }
    }
}
// ANCHOR_END: daemon

// ANCHOR: test
struct Test<const QUIT_IS_QUIT: bool>;

impl<const QUIT_IS_QUIT: bool> StateMachineTest for Test<QUIT_IS_QUIT> {
    type SystemUnderTest = Daemon<QUIT_IS_QUIT>;
    type Reference = Reference;

    fn init_test(_: &Reference) -> Daemon<QUIT_IS_QUIT> {
        Daemon::default()
    }

    fn apply(mut daemon: Daemon<QUIT_IS_QUIT>, qemu: &Reference, input: Input) -> Daemon<QUIT_IS_QUIT> {
        for event in qemu.events() {
            let mut reason = "";
            if let Event::Shutdown(cause) = event {
                reason = cause.name();
            }
            daemon.event(event.name(), reason);
        }
        let exits = qemu.said.iter().any(|output| matches!(output, Output::Exit(_)));
        if input == Input::Command(Command::Quit) && exits {
            assert_eq!(
                daemon.stopped,
                Some(Stopped::ByUs),
                "our own quit was taken for a crash"
            );
        }
        daemon
    }
}

prop_state_machine! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_daemon_that_read_the_schema_passes(sequential 1..20 => Test<false>);

    #[test]
    #[should_panic(expected = "our own quit was taken for a crash")]
    fn a_daemon_that_believes_in_quit_is_found_out(sequential 1..20 => Test<true>);
}
// ANCHOR_END: test
