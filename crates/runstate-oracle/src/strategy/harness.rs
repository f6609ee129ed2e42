//! The whole of a property test but for what is under test.

use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};
use runstate::{Input, Launch};

use super::{LENGTH, Reference, inputs, launches};

/// What is tested beside the model: a VMM, a client, a daemon, or whoever follows one.
pub trait Subject {
    /// Begins beside a QEMU that has just been launched like this.
    fn start(launch: &Launch) -> Self;

    /// The same has happened to QEMU: what it did is in `qemu`. Panics where the subject goes wrong.
    fn step(&mut self, input: Input, qemu: &Reference);
}

/// Lives of VMs: what may happen in them, and how many are tried.
///
/// ```
/// use runstate::{Command, Event, Guest, Input, Launch, Release};
/// use runstate_oracle::strategy::{Lives, Reference, Subject};
///
/// /// Counts how often its VM was reset.
/// struct Resets(usize);
///
/// impl Subject for Resets {
///     fn start(_: &Launch) -> Self {
///         Self(0)
///     }
///
///     fn step(&mut self, input: Input, qemu: &Reference) {
///         self.0 += qemu.events().iter().filter(|event| matches!(event, Event::Reset(_))).count();
///         assert!(input != Input::Command(Command::SystemReset) || self.0 > 0);
///     }
/// }
///
/// let inputs = [Input::Command(Command::SystemReset), Input::Guest(Guest::Suspend)];
/// Lives::of(Launch::new(Release::V10_0)).with(&inputs).check::<Resets>();
/// ```
#[derive(Clone, Debug)]
pub struct Lives {
    launches: BoxedStrategy<Launch>,
    inputs: Option<Vec<Input>>,
    cases: u32,
}

impl Default for Lives {
    fn default() -> Self {
        Self::any()
    }
}

impl Lives {
    /// Anything that may happen to any QEMU.
    #[must_use]
    pub fn any() -> Self {
        Self {
            launches: launches().boxed(),
            inputs: None,
            cases: Config::default().cases,
        }
    }

    /// Anything that may happen to a QEMU that is launched like this.
    #[must_use]
    pub fn of(launch: Launch) -> Self {
        Self {
            launches: Just(launch).boxed(),
            ..Self::any()
        }
    }

    /// Only these inputs.
    #[must_use]
    pub fn with(self, inputs: &[Input]) -> Self {
        Self {
            inputs: Some(inputs.to_vec()),
            ..self
        }
    }

    /// So many lives, where starting a subject takes long; else as many as proptest tries.
    #[must_use]
    pub const fn times(mut self, cases: u32) -> Self {
        self.cases = cases;
        self
    }

    /// Lets the subject live beside each of them.
    ///
    /// # Panics
    ///
    /// The subject does in some life: then that is shrunk to the inputs which it takes, and they are told.
    pub fn check<S: Subject>(self) {
        let config = Config {
            cases: self.cases,
            failure_persistence: None,
            ..Config::default()
        };
        let only = self.inputs;
        let lives = self.launches.prop_flat_map(move |launch| {
            let inputs = match &only {
                Some(inputs) => select(inputs.clone()).boxed(),
                None => inputs(launch.release).boxed(),
            };
            (Just(launch), vec(inputs, LENGTH))
        });
        let ran = TestRunner::new(config).run(&lives, |(launch, inputs)| {
            let mut qemu = Reference::launch(&launch);
            if qemu.vm.is_gone() {
                return Err(TestCaseError::reject("QEMU has not started"));
            }
            let mut subject = S::start(&launch);
            for input in inputs {
                // What is impossible when its turn comes is left out; so anything that is shrunk is a life too.
                if qemu.try_handle(input) {
                    subject.step(input, &qemu);
                }
            }
            Ok(())
        });
        match ran {
            Ok(()) => {}
            Err(TestError::Fail(reason, (launch, inputs))) => {
                let mut qemu = Reference::launch(&launch);
                let inputs: Vec<Input> = inputs
                    .into_iter()
                    .filter(|&input| qemu.try_handle(input))
                    .collect();
                panic!("{reason}\nin the life of {launch:?}\nin which this happens: {inputs:?}");
            }
            Err(TestError::Abort(reason)) => panic!("{reason}"),
        }
    }
}
