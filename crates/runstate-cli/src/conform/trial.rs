//! One scenario, through the model and through QEMU.

use core::time::Duration;

use runstate::Release;
use runstate_monitor::scenario::{Action, Scenario, Step};
use runstate_qmp::Value;

use super::bench::Bench;
use super::drive::{Exit, Transcript, drive};
use super::failure::Failure;
use super::orders::{Comparison, Leeway, Order, compare};
use super::plan::{NoPlan, Plan, Prediction, without_expectations};
use super::ports::ResetBy;
use super::script::Injection;

/// How a scenario is run.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// The model's release.
    pub release: Release,
    /// How the guest acts, if not as the scenario says.
    pub injection: Option<Injection>,
    /// How the guest resets; in all ways in turn, if it is not said.
    pub reset_by: Option<ResetBy>,
}

/// What came of a scenario.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Both say the same.
    Agrees {
        /// How many messages.
        messages: usize,
        /// In another order, which these rules allow.
        orders: Vec<Order>,
        /// How often it had to be run again, since time ran away from it.
        again: usize,
    },
    /// They do not.
    Differs(Box<Difference>),
    /// The scenario asks for what cannot happen: its line and why.
    Mistaken(String),
    /// We cannot drive it.
    Undrivable(String),
    /// QEMU failed us.
    Failed(Failure),
}

/// Both sides of a scenario in which QEMU and the model differ.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The scenario as it was run.
    pub scenario: Scenario,
    /// What the model says.
    pub model: Prediction,
    /// What QEMU did.
    pub qemu: Transcript,
    /// The first message that differs.
    pub at: usize,
}

/// Between two steps, as much real time as makes the second of a rate limit suspect.
const SLOW: Duration = Duration::from_millis(600);
/// How often a scenario is run until time does not run away from it.
const TRIALS: usize = 4;

/// Runs a scenario on both.
#[must_use]
pub fn attempt(bench: &Bench, scenario: &Scenario, conditions: Conditions) -> Verdict {
    let bare = without_expectations(scenario, conditions.injection);
    let plan = match Plan::new(&bare, conditions.release, conditions.reset_by) {
        Ok(plan) => plan,
        Err(NoPlan::Undrivable(reason)) => return Verdict::Undrivable(reason),
        Err(NoPlan::Impossible { line, why }) => {
            let why = why.words();
            return if bare.launch == scenario.launch {
                Verdict::Mistaken(format!("line {line}: {why}"))
            } else {
                Verdict::Undrivable(format!("with the other way to act: {why}"))
            };
        }
    };
    let forecast = plan.prediction.forecast(plan.script.steps.len());
    let leeway = Leeway {
        release: conditions.release,
        tcg_for_qtest: plan.script.injection() == Injection::Qtest && !bench.has_accelerator("qtest"),
    };
    let mut again = 0;
    loop {
        let transcript = match drive(bench, &plan.script, Some(&forecast)) {
            Ok(transcript) => transcript,
            Err(Failure::Undrivable(reason)) => return Verdict::Undrivable(reason),
            Err(failure) => return Verdict::Failed(failure),
        };
        let messages = transcript.heard.len();
        match compare(&plan.prediction, &transcript, leeway) {
            Comparison::Same => {
                return Verdict::Agrees {
                    messages,
                    orders: Vec::new(),
                    again,
                };
            }
            Comparison::Reordered(orders) => {
                return Verdict::Agrees {
                    messages,
                    orders,
                    again,
                };
            }
            Comparison::Differs(_) if again + 1 < TRIALS && out_of_time(&plan, &transcript) => again += 1,
            Comparison::Differs(at) => {
                return Verdict::Differs(Box::new(Difference {
                    scenario: bare,
                    model: plan.prediction,
                    qemu: transcript,
                    at,
                }));
            }
        }
    }
}

/// Whether the machine we run on was too slow to tell: the model's clock moves only by `wait`, QEMU's always, and a
/// rate-limited event depends on it.
fn out_of_time(plan: &Plan, transcript: &Transcript) -> bool {
    let limited = |message: &Value| {
        let event = message.get("event").and_then(Value::as_str);
        matches!(event, Some("WATCHDOG" | "BLOCK_IO_ERROR"))
    };
    transcript.slowest >= SLOW && plan.prediction.heard.iter().any(|(_, message)| limited(message))
}

/// What QEMU says to a scenario, as a scenario.
///
/// # Errors
///
/// When it cannot be driven.
pub fn record(bench: &Bench, scenario: &Scenario, conditions: Conditions) -> Result<Scenario, Failure> {
    let bare = without_expectations(scenario, conditions.injection);
    let plan = match Plan::new(&bare, conditions.release, conditions.reset_by) {
        Ok(plan) => plan,
        Err(NoPlan::Undrivable(reason)) => return Err(Failure::Undrivable(reason)),
        Err(NoPlan::Impossible { line, why }) => {
            let why = why.words();
            return Err(Failure::Undrivable(format!("line {line}: {why}")));
        }
    };
    let forecast = plan.prediction.forecast(plan.script.steps.len());
    let transcript = drive(bench, &plan.script, Some(&forecast))?;
    Ok(as_qemu_says(&bare, &transcript))
}

fn as_qemu_says(bare: &Scenario, transcript: &Transcript) -> Scenario {
    let said: Vec<(usize, Value)> = transcript
        .heard
        .iter()
        .map(|heard| (heard.step, heard.message.value.clone()))
        .collect();
    let exit = transcript.exit.map(|(step, exit)| (step, written(exit)));
    with_messages(bare, &said, exit)
}

impl Difference {
    /// The scenario with what QEMU says as its expectations.
    #[must_use]
    pub fn as_qemu_says(&self) -> Scenario {
        as_qemu_says(&self.scenario, &self.qemu)
    }
}

/// How an end is written in a scenario. Of the signals only SIGABRT has a spelling; a status cannot say the others.
fn written(exit: Exit) -> runstate_monitor::scenario::Exit {
    use runstate_monitor::scenario::Exit as Written;
    match exit {
        Exit::Status(status) => Written::Status(u8::try_from(status).unwrap_or(u8::MAX)),
        Exit::Signal(_) => Written::Abort,
    }
}

/// The scenario with messages after its steps.
#[must_use]
pub fn with_messages(
    bare: &Scenario,
    said: &[(usize, Value)],
    exit: Option<(usize, runstate_monitor::scenario::Exit)>,
) -> Scenario {
    let mut whole = bare.clone();
    whole.steps.clear();
    let mut said = said.iter().peekable();
    for (index, step) in bare.steps.iter().enumerate() {
        whole.steps.push(step.clone());
        while let Some((_, message)) = said.next_if(|(at, _)| *at == index) {
            whole.steps.push(Step::new(Action::Expect(message.clone())));
        }
        if let Some((at, exit)) = exit
            && at == index
        {
            whole.steps.push(Step::new(Action::Exit(exit)));
        }
    }
    if let (Some((_, exit)), true) = (exit, bare.steps.is_empty()) {
        whole.steps.push(Step::new(Action::Exit(exit)));
    }
    whole
}
