//! qtest and the board behind it, tied to the machine.

use core::ops::ControlFlow;

use runstate::{Guest, RunState, Thread, Time};

use super::Monitor;
use crate::devices::Board;
use crate::machine::{Machine, Setup};
use crate::qtest::{Qtest, Reply, Vm};

/// What a VM with `-qtest` has more.
#[derive(Clone, Debug)]
pub(super) struct Gear {
    qtest: Qtest,
    board: Board,
}

impl Gear {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            qtest: Qtest::new(setup.release),
            board: Board::new(&setup.options, setup.release),
        }
    }

    /// What the VM says changes the board.
    pub(super) fn hear(&mut self, event: &str) {
        match event {
            "RESET" => self.board.reset(),
            "POWERDOWN" => self.board.power_button(),
            "WAKEUP" => self.board.wakeup(),
            _ => {}
        }
    }
}

/// What qtest answers to what it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QtestReply {
    /// The lines to send, ends included.
    pub lines: String,
    /// QEMU aborts, for this reason.
    pub abort: Option<String>,
}

impl Monitor {
    /// Takes what the qtest client sent and gives the replies to what is whole. The events that follow are announced.
    pub fn qtest(&mut self, bytes: &[u8], mut log: impl FnMut(&str, &str)) -> QtestReply {
        let mut answer = QtestReply::default();
        let Some(mut gear) = self.gear.take() else {
            return answer;
        };
        for line in gear.qtest.receive(bytes) {
            if self.machine.end().is_some() {
                break;
            }
            log("R", &line);
            let Gear { qtest, board } = &mut *gear;
            match qtest.execute(
                &line,
                board,
                &mut Behind {
                    machine: &mut self.machine,
                },
            ) {
                Reply::Line(reply) => {
                    log("S", &reply);
                    answer.lines.push_str(&reply);
                    answer.lines.push('\n');
                }
                Reply::Nothing => break,
                Reply::Abort(reason) => {
                    answer.abort = Some(reason);
                    break;
                }
            }
        }
        self.gear = Some(gear);
        self.announce_all();
        if answer.abort.is_none() && self.machine.end().is_none() {
            self.run_timers();
            self.pass();
        }
        answer
    }

    /// The qtest client is gone.
    pub fn qtest_disconnect(&mut self) {
        if let Some(gear) = &mut self.gear {
            gear.qtest.disconnect();
        }
    }

    /// Whether the VM has a qtest chardev.
    #[must_use]
    pub const fn has_qtest(&self) -> bool {
        self.gear.is_some()
    }

    /// When the board's next timer expires, on the machine's clock.
    pub(super) fn timer(&self) -> Option<Time> {
        let deadline = self.gear.as_ref()?.board.watchdog_deadline()?;
        let left = deadline.saturating_sub(self.machine.virtual_now().0);
        (self.machine.vm().run_state() == RunState::Running).then(|| self.machine.now().plus(Time(left)))
    }

    /// The timers that have expired act.
    pub(super) fn run_timers(&mut self) {
        let Some(gear) = &mut self.gear else {
            return;
        };
        let mut behind = Behind {
            machine: &mut self.machine,
        };
        if behind.timers_run() {
            // Whether QEMU is gone afterwards, the caller sees by itself.
            let _ = gear
                .board
                .run_timers(behind.now(), &mut |guest| behind.act(guest));
        }
    }
}

/// The machine as qtest sees it.
struct Behind<'a> {
    machine: &'a mut Machine,
}

impl Vm for Behind<'_> {
    fn now(&self) -> u64 {
        self.machine.virtual_now().0
    }

    fn set_now(&mut self, now: u64) {
        let step = now.saturating_sub(self.machine.virtual_now().0);
        self.machine.advance(self.machine.now().plus(Time(step)));
    }

    fn steps_clock(&self) -> bool {
        self.machine.vm().thread() == Thread::MainLoop
    }

    fn timers_run(&self) -> bool {
        self.machine.vm().run_state() == RunState::Running
    }

    fn act(&mut self, guest: Guest) -> ControlFlow<()> {
        // A guest that does not run does nothing, unless it is qtest that plays it.
        let _ = self.machine.guest(guest, None);
        if self.machine.end().is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
