//! Running a scenario: every step done to a machine, every message compared.
//!
//! [`Player`] does the steps; [`run`] plays a whole scenario and says where it went otherwise.

mod player;
mod report;

use runstate::Release;
use runstate_qmp::Value;

pub use player::Player;
pub use report::{Difference, Outcome, Report, Saw};

use super::{Action, Exit, Scenario, Step};
use crate::machine::End;

/// Plays a scenario on a QEMU of that release.
#[must_use]
pub fn run(scenario: &Scenario, release: Release) -> Report {
    let mut runner = Runner::new(scenario, release);
    for step in &scenario.steps {
        runner.step(step);
        if runner.report.outcome.is_final() {
            break;
        }
    }
    runner.finish()
}

/// A scenario being played.
struct Runner<'a> {
    scenario: &'a Scenario,
    /// Whether nothing is expected at all.
    is_script: bool,
    player: Player,
    report: Report,
    /// Whether a step before this one is held.
    in_group: bool,
    /// Whether an `exit` line was there.
    end_expected: bool,
}

impl<'a> Runner<'a> {
    fn new(scenario: &'a Scenario, release: Release) -> Self {
        let player = Player::new(scenario, release);
        let mut report = Report::new(scenario, release);
        report.stderr = player.stderr().to_vec();
        Self {
            scenario,
            is_script: scenario.is_script(),
            player,
            report,
            in_group: false,
            end_expected: false,
        }
    }

    fn step(&mut self, step: &Step) {
        match &step.action {
            Action::Expect(expected) => self.expect(step, expected),
            Action::Exit(exit) => self.expect_exit(step, *exit),
            Action::Send(_) | Action::Guest { .. } | Action::Host { .. } | Action::Wait(_) => {
                self.happen(step);
            }
        }
    }

    /// Something is done to QEMU. What it has said so far must have been expected.
    fn happen(&mut self, step: &Step) {
        if !self.in_group {
            self.nothing_more(step.line);
            if self.report.outcome.is_final() {
                return;
            }
        }
        self.report.happened(step);
        if let Err(why) = self.player.perform(step) {
            self.report.outcome = Outcome::Impossible { line: step.line, why };
            return;
        }
        self.in_group = step.hold;
        if !self.in_group {
            self.report.heard(&mut self.player);
        }
    }

    fn expect(&mut self, step: &Step, expected: &Value) {
        let saw = match self.report.next_unmatched() {
            Some(message) if matches(expected, message) => return,
            Some(message) => Saw::Message(message.clone()),
            None => self.saw_nothing(),
        };
        self.report.differs(step.line, Some(expected.clone()), None, saw);
    }

    fn expect_exit(&mut self, step: &Step, exit: Exit) {
        self.nothing_more(step.line);
        if self.report.outcome.is_final() {
            return;
        }
        self.end_expected = true;
        let ended = self.player.end();
        if ended.map(exit_of) != Some(exit) {
            let saw = self.saw_nothing();
            self.report.differs(step.line, None, Some(exit), saw);
        }
    }

    fn saw_nothing(&self) -> Saw {
        match self.player.end() {
            Some(end) => Saw::End(end),
            None => Saw::Nothing,
        }
    }

    /// Every message must have been expected by now, unless nothing is expected at all.
    fn nothing_more(&mut self, line: usize) {
        if self.is_script {
            self.report.skip_unmatched();
        } else if let Some(message) = self.report.next_unmatched() {
            let saw = Saw::Message(message.clone());
            self.report.differs(line, None, None, saw);
        }
    }

    fn finish(mut self) -> Report {
        if !self.report.outcome.is_final() {
            let last = self.scenario.steps.last().map_or(0, |step| step.line);
            self.nothing_more(last);
            if !self.is_script
                && !self.end_expected
                && !self.report.outcome.is_final()
                && let Some(end) = self.player.end()
            {
                self.report.differs(last, None, None, Saw::End(end));
            }
        }
        self.report.end = self.player.end();
        self.report.close(&self.player);
        self.report
    }
}

/// How a process that ended so is written in a scenario.
#[must_use]
pub const fn exit_of(end: End) -> Exit {
    match end {
        End::Exit(status) => Exit::Status(status.0),
        End::Abort { .. } => Exit::Abort,
    }
}

/// Whether a message is the one expected: members in any order, the timestamp only where it is written.
#[must_use]
pub fn matches(expected: &Value, actual: &Value) -> bool {
    let (Some(expected), Some(actual)) = (expected.as_object(), actual.as_object()) else {
        return expected == actual;
    };
    let timed = expected.contains_key("timestamp");
    let members = |object: &runstate_qmp::Object| {
        object
            .iter()
            .filter(|(key, _)| timed || *key != "timestamp")
            .count()
    };
    members(expected) == members(actual)
        && expected
            .iter()
            .all(|(key, value)| (!timed && key == "timestamp") || actual.get(key) == Some(value))
}
