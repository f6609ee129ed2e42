//! A worked example: a daemon that follows a VM by its events, tested against QEMU's behaviour in thirty lines.
//!
//! Its author believed that a VM which is stopped by the monitor says the reason `quit`, as one large project's code does. The
//! schema says `host-qmp-quit`, and the property test finds it.

#![expect(
    clippy::tests_outside_test_module,
    reason = "an integration binary is a test module as a whole"
)]

use runstate::{Command, Event, Input, Launch, Life};
use runstate_oracle::strategy::{Lives, Reference, Subject};

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
impl<const QUIT_IS_QUIT: bool> Subject for Daemon<QUIT_IS_QUIT> {
    fn start(_: &Launch) -> Self {
        Self::default()
    }

    fn step(&mut self, input: Input, qemu: &Reference) {
        for event in qemu.events() {
            let reason = if let Event::Shutdown(cause) = event {
                cause.name()
            } else {
                ""
            };
            self.event(event.name(), reason);
        }
        if input == Input::Command(Command::Quit) && qemu.vm.life() == Life::Exited {
            assert_eq!(
                self.stopped,
                Some(Stopped::ByUs),
                "our own quit was taken for a crash"
            );
        }
    }
}

#[test]
fn a_daemon_that_read_the_schema_passes() {
    Lives::any().check::<Daemon<false>>();
}

#[test]
#[should_panic(expected = "our own quit was taken for a crash")]
fn a_daemon_that_believes_in_quit_is_found_out() {
    Lives::any().check::<Daemon<true>>();
}
// ANCHOR_END: test
