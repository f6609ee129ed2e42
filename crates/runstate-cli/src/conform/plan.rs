//! From a scenario to what is driven, and to what the model says about it.

use core::time::Duration;

use runstate::{Host, Impossible, Release};
use runstate_monitor::scenario::run::{Outcome, run};
use runstate_monitor::scenario::{Action, Exit, IoErrors, Scenario, Signal, Step, With};
use runstate_qmp::Value;

use super::drive::Forecast;
use super::failure::Failure;
use super::ports::ResetBy;
use super::script::{self, Act, Injection, Script, undrivable};

/// What the model says a scenario does, laid out like a [`Transcript`](super::drive::Transcript).
#[derive(Clone, Debug, Default)]
pub struct Prediction {
    /// Each message without its timestamp, and the step after which it comes: the last one of a group.
    pub heard: Vec<(usize, Value)>,
    /// The step with which QEMU ends, and how.
    pub exit: Option<(usize, Exit)>,
    /// The steps that cancel a migration.
    pub cancels: Vec<usize>,
    /// The steps that have a migration go on which then breaks.
    pub breaks: Vec<usize>,
}

/// A scenario, ready to be driven.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is done.
    pub script: Script,
    /// What the model says.
    pub prediction: Prediction,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPlan {
    /// The scenario asks for what no QEMU can do at that step: a mistake in it.
    Impossible {
        /// Its line.
        line: usize,
        /// Why not.
        why: Impossible,
    },
    /// We cannot drive it.
    Undrivable(String),
}

/// The scenario without its expectations, its guest acting as `injection` says, if it says anything.
#[must_use]
pub fn without_expectations(scenario: &Scenario, injection: Option<Injection>) -> Scenario {
    let mut bare = scenario.clone();
    bare.steps.retain(|step| !step.action.is_expectation());
    if let Some(injection) = injection {
        inject(&mut bare.launch, injection);
    }
    bare
}

/// Changes the accelerator so that the guest acts that way.
fn inject(launch: &mut Vec<String>, injection: Injection) {
    let at = launch.iter().position(|word| word == "-accel");
    let qtest = at.is_some_and(|at| launch.get(at + 1).is_some_and(|name| name == "qtest"));
    match (injection, at) {
        (Injection::Qtest, _) if qtest => {}
        (Injection::Qtest, Some(at)) => {
            if let Some(name) = launch.get_mut(at + 1) {
                "qtest".clone_into(name);
            }
        }
        (Injection::Qtest, None) => launch
            .splice(0..0, ["-accel", "qtest"].map(str::to_owned))
            .for_each(drop),
        (Injection::Vcpu, Some(at)) if qtest => launch.drain(at..at + 2).for_each(drop),
        (Injection::Vcpu, _) => {}
    }
}

impl Plan {
    /// Runs the model on a scenario [without expectations](without_expectations).
    ///
    /// # Errors
    ///
    /// When the scenario is mistaken, or beyond us.
    pub fn new(bare: &Scenario, release: Release, reset_by: Option<ResetBy>) -> Result<Self, NoPlan> {
        let mut script = script(bare).map_err(|failure| NoPlan::Undrivable(failure.reason()))?;
        script.reset_by = reset_by;
        let report = run(bare, release);
        if let Outcome::Impossible { line, why } = report.outcome {
            return Err(NoPlan::Impossible { line, why });
        }
        let prediction = Prediction::new(&report.transcript.steps);
        Ok(Self { script, prediction })
    }
}

impl Prediction {
    /// From a transcript of the model.
    fn new(transcript: &[Step]) -> Self {
        let mut prediction = Self::default();
        let mut next: usize = 0;
        let mut last = 0;
        let mut continued = None;
        for step in transcript {
            match &step.action {
                Action::Expect(message) => prediction.heard.push((next.saturating_sub(1), message.clone())),
                Action::Exit(exit) => prediction.exit = Some((last, *exit)),
                Action::Wait(_) => next += 1,
                Action::Send(_) | Action::Guest { .. } | Action::Host { .. } => {
                    // A QEMU that has ended takes nothing more, but time passes.
                    match &step.action {
                        Action::Send(message) if names(message, "migrate_cancel") => {
                            prediction.cancels.push(next);
                        }
                        Action::Send(message) if names(message, "migrate-continue") => continued = Some(next),
                        Action::Host {
                            action: Host::MigrationFails,
                            ..
                        } => {
                            prediction
                                .breaks
                                .extend(continued.filter(|step| step + 1 == next));
                        }
                        Action::Send(_)
                        | Action::Guest { .. }
                        | Action::Host { .. }
                        | Action::Wait(_)
                        | Action::Expect(_)
                        | Action::Exit(_) => {}
                    }
                    last = next;
                    next += 1;
                }
            }
        }
        prediction
    }

    /// How long the driver should wait for what.
    #[must_use]
    pub fn forecast(&self, steps: usize) -> Forecast {
        let mut messages = vec![0; steps];
        for (step, _) in &self.heard {
            if let Some(count) = messages.get_mut(*step) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut messages {
            sum += *count;
            *count = sum;
        }
        Forecast {
            messages,
            exit: self.exit.map(|(step, _)| step),
        }
    }
}

fn names(message: &Value, command: &str) -> bool {
    message.get("execute").and_then(Value::as_str) == Some(command)
}

/// What a scenario without expectations asks us to do.
///
/// # Errors
///
/// When there is no such machine.
fn script(bare: &Scenario) -> Result<Script, Failure> {
    let mut script = Script {
        options: bare.launch.clone(),
        disk: false,
        snapshots: Vec::new(),
        errors_once: true,
        reset_by: None,
        vcpus: None,
        steps: Vec::new(),
    };
    for with in &bare.with {
        match with {
            With::Disk => script.disk = true,
            With::IoErrors(IoErrors::Once) => script.errors_once = true,
            With::IoErrors(IoErrors::Always) => script.errors_once = false,
            With::Vcpus(count) => script.vcpus = Some(count.get()),
            With::Snapshot { tag, status } => script.snapshots.push((tag.clone(), *status)),
            With::CpusNotResettable => {
                return undrivable("vCPUs that cannot be reset are those of a confidential guest");
            }
            With::WakeupOff => return undrivable("the PC can be woken"),
            With::NmiOff => return undrivable("the PC has NMIs"),
        }
    }
    for step in &bare.steps {
        let act = match &step.action {
            Action::Send(message) => Act::Send(message.clone()),
            Action::Guest { action, data } => Act::Guest(*action, data.clone()),
            Action::Host { action, signal } => Act::Host(*action, signal.map(posix)),
            Action::Wait(time) => Act::Wait(Duration::from_nanos(time.0)),
            Action::Expect(_) | Action::Exit(_) => continue,
        };
        script.steps.push(script::Step { act, hold: step.hold });
    }
    Ok(script)
}

const fn posix(signal: Signal) -> script::Signal {
    match signal {
        Signal::Term => script::Signal::SIGTERM,
        Signal::Int => script::Signal::SIGINT,
        Signal::Hup => script::Signal::SIGHUP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runstate_monitor::scenario::File;

    fn scenario(text: &str) -> Scenario {
        let mut file = File::parse("test.qmp", text.as_bytes()).expect("a scenario");
        file.scenarios.remove(0)
    }

    #[test]
    fn injection_changes_the_accelerator() {
        let plain = scenario("qemu -S\nguest panic\n");
        let qtest = without_expectations(&plain, Some(Injection::Qtest));
        assert_eq!(qtest.launch, ["-accel", "qtest", "-S"]);
        let back = without_expectations(&qtest, Some(Injection::Vcpu));
        assert_eq!(back.launch, ["-S"]);
        let kvm = scenario("qemu -accel kvm\nguest panic\n");
        assert_eq!(
            without_expectations(&kvm, Some(Injection::Vcpu)).launch,
            ["-accel", "kvm"]
        );
        assert_eq!(without_expectations(&kvm, None).launch, ["-accel", "kvm"]);
    }

    #[test]
    fn model_predicts_messages_where_they_come() {
        let text = "qemu -no-shutdown\nguest reset &\nguest shutdown\n-> {\"execute\": \"quit\"}\nwait 1s\n";
        let bare = without_expectations(&scenario(text), None);
        let plan = Plan::new(&bare, Release::V7_2, None).expect("a plan");
        let events: Vec<(usize, Option<&str>)> = plan
            .prediction
            .heard
            .iter()
            .map(|(step, message)| (*step, message.get("event").and_then(Value::as_str)))
            .collect();
        assert_eq!(
            events,
            [
                (1, Some("SHUTDOWN")),
                (1, Some("STOP")),
                (1, Some("RESET")),
                (2, Some("SHUTDOWN")),
                (2, None)
            ]
        );
        assert_eq!(plan.prediction.exit, Some((2, Exit::Status(0))));
        let forecast = plan.prediction.forecast(plan.script.steps.len());
        assert_eq!(forecast.messages, [0, 3, 5, 5]);
        assert_eq!(forecast.exit, Some(2));
    }

    #[test]
    fn what_no_qemu_can_do_has_its_line() {
        let bare = without_expectations(&scenario("qemu -S\n\nguest panic\n"), None);
        let why = Plan::new(&bare, Release::V7_2, None).expect_err("the guest does not run");
        assert!(matches!(why, NoPlan::Impossible { line: 3, .. }), "{why:?}");
        let bare = without_expectations(&scenario("with nmi off\nguest reset\n"), None);
        assert!(matches!(
            Plan::new(&bare, Release::V7_2, None),
            Err(NoPlan::Undrivable(_))
        ));
    }
}
