//! A scenario that is played to a VM: what the guest and the host do, at their times or step by step.

use runstate::Time;
use runstate_monitor::scenario::{Action, Scenario, Step};
use runstate_qmp::Value;

/// How a VM goes through its scenario, and whether it answers at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `run`: everything at its time.
    #[default]
    Run,
    /// `single-step`: nothing of the scenario before a `step`.
    SingleStep,
    /// `wedge`: the VM is stuck. It takes connections and answers nothing.
    Wedge,
}

impl Mode {
    /// Every mode and its name.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Run, "run"),
        (Self::SingleStep, "single-step"),
        (Self::Wedge, "wedge"),
    ];

    /// The mode of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(mode, _)| *mode)
    }
}

/// A scenario on its way.
///
/// The steps of the guest and of the host happen; `wait` lets time pass; `->` waits until a client sends a command of
/// that name; what is expected is nobody's to do.
#[derive(Clone, Debug)]
pub struct Player {
    steps: std::sync::Arc<[Step]>,
    next: usize,
    /// Not before this time.
    not_before: Option<Time>,
}

/// What the player wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cue {
    /// This happens now.
    Act(Action),
    /// Nothing before this time.
    At(Time),
    /// Nothing before a client sends this command.
    Command(String),
    /// Nothing more.
    End,
}

impl Player {
    /// From the beginning.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            steps: scenario.steps.clone().into(),
            next: 0,
            not_before: None,
        }
    }

    /// What comes next at this time. What has been handed out is over.
    pub(crate) fn next(&mut self, now: Time) -> Cue {
        loop {
            if let Some(at) = self.not_before {
                if now < at {
                    return Cue::At(at);
                }
                self.not_before = None;
            }
            let Some(step) = self.steps.get(self.next) else {
                return Cue::End;
            };
            match &step.action {
                Action::Guest { .. } | Action::Host { .. } => {
                    self.next += 1;
                    return Cue::Act(step.action.clone());
                }
                Action::Wait(duration) => {
                    self.next += 1;
                    self.not_before = Some(now.plus(Time(duration.0)));
                }
                Action::Send(message) => match message.get("execute").and_then(Value::as_str) {
                    Some(command) => return Cue::Command(command.to_owned()),
                    None => self.next += 1,
                },
                Action::Expect(_) | Action::Exit(_) => self.next += 1,
            }
        }
    }

    /// A client sent a command.
    pub(crate) fn hear(&mut self, command: &str) {
        let Some(Step {
            action: Action::Send(message),
            ..
        }) = self.steps.get(self.next)
        else {
            return;
        };
        if message.get("execute").and_then(Value::as_str) == Some(command) {
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runstate_monitor::scenario::File;

    #[test]
    fn steps_come_in_their_order_and_at_their_times() {
        let text = "qemu\nwait 1s\nguest reset\n<- {\"event\": \"RESET\"}\n-> {\"execute\": \"stop\"}\nguest panic\n";
        let file = File::parse("test", text.as_bytes()).expect("a scenario");
        let mut player = Player::new(&file.scenarios[0]);
        assert_eq!(player.next(Time::ZERO), Cue::At(Time::SECOND));
        assert!(matches!(
            player.next(Time::SECOND),
            Cue::Act(Action::Guest { .. })
        ));
        assert_eq!(player.next(Time::SECOND), Cue::Command("stop".to_owned()));
        player.hear("cont");
        assert_eq!(player.next(Time::SECOND), Cue::Command("stop".to_owned()));
        player.hear("stop");
        assert!(matches!(
            player.next(Time::SECOND),
            Cue::Act(Action::Guest { .. })
        ));
        assert_eq!(player.next(Time::SECOND), Cue::End);
    }
}
