//! What came of running a scenario.

use runstate::{Impossible, Release};
use runstate_qmp::Value;

use super::{Player, exit_of};
use crate::{
    machine::{End, Transitions},
    scenario::{Action, Exit, Scenario, Step},
};

/// What came of running a scenario.
#[derive(Clone, Debug)]
pub struct Report {
    /// On which QEMU.
    pub release: Release,
    /// Every message, as QEMU prints it: with its timestamp, member order and line end.
    pub messages: Vec<String>,
    /// The scenario with what QEMU said in the place of what was expected.
    pub transcript: Scenario,
    /// Whether it went as expected.
    pub outcome: Outcome,
    /// What became of QEMU.
    pub end: Option<End>,
    /// What QEMU said on stderr.
    pub stderr: Vec<String>,
    /// The transitions of the graph that were taken, silent ones and those of the launch included.
    pub taken: Transitions,
    values: Vec<Value>,
    matched: usize,
}

/// Whether a scenario went as expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Every expectation held, or there was none.
    AsExpected,
    /// The first difference.
    Differs(Difference),
    /// A step that cannot happen: a mistake of the scenario.
    Impossible {
        /// Its line.
        line: usize,
        /// Why not.
        why: Impossible,
    },
}

impl Outcome {
    /// Whether nothing that follows matters.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::AsExpected)
    }
}

/// Where a scenario went otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The line of the expectation, or of the step before which there was a message too many.
    pub line: usize,
    /// The message that was expected there.
    pub expected: Option<Value>,
    /// The end that was expected there.
    pub expected_exit: Option<Exit>,
    /// What came instead.
    pub saw: Saw,
}

/// What came in the place of an expectation.
#[derive(Clone, Debug, PartialEq)]
pub enum Saw {
    /// Another message.
    Message(Value),
    /// No message, and QEMU is still there.
    Nothing,
    /// No message: QEMU has ended.
    End(End),
}

impl Report {
    pub(super) fn new(scenario: &Scenario, release: Release) -> Self {
        let transcript = Scenario {
            steps: Vec::new(),
            below: scenario.below.clone(),
            ..scenario.clone()
        };
        Self {
            release,
            messages: Vec::new(),
            transcript,
            outcome: Outcome::AsExpected,
            end: None,
            stderr: Vec::new(),
            taken: Transitions::default(),
            values: Vec::new(),
            matched: 0,
        }
    }

    /// Whether every expectation held.
    #[must_use]
    pub const fn is_as_expected(&self) -> bool {
        matches!(self.outcome, Outcome::AsExpected)
    }

    pub(super) fn happened(&mut self, step: &Step) {
        self.transcript.steps.push(step.clone());
    }

    /// Takes what the player heard.
    pub(super) fn heard(&mut self, player: &mut Player) {
        while let Some(message) = player.poll() {
            let value = Value::parse(message.as_bytes()).unwrap_or(Value::Null);
            let mut shown = value.clone();
            if let Some(object) = shown.as_object_mut() {
                object.remove("timestamp");
            }
            self.transcript.steps.push(Step::new(Action::Expect(shown)));
            self.messages.push(message);
            self.values.push(value);
        }
    }

    pub(super) fn next_unmatched(&mut self) -> Option<&Value> {
        let next = self.values.get(self.matched);
        self.matched += usize::from(next.is_some());
        next
    }

    pub(super) const fn skip_unmatched(&mut self) {
        self.matched = self.values.len();
    }

    pub(super) fn differs(
        &mut self,
        line: usize,
        expected: Option<Value>,
        expected_exit: Option<Exit>,
        saw: Saw,
    ) {
        self.outcome = Outcome::Differs(Difference {
            line,
            expected,
            expected_exit,
            saw,
        });
    }

    /// The transcript ends with how QEMU ended.
    pub(super) fn close(&mut self, player: &Player) {
        if let Some(machine) = player.machine() {
            self.taken = *machine.taken();
        }
        if let Some(end) = player.end() {
            self.transcript.steps.push(Step::new(Action::Exit(exit_of(end))));
        }
    }
}
