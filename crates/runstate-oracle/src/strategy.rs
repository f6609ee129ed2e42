//! Property tests of other people's code against QEMU's behaviour: strategies for [proptest](https://docs.rs/proptest), and the
//! VM as the reference of [`proptest_state_machine`]. Feature `proptest`.
//!
//! ```
//! use proptest::prelude::*;
//! use runstate::{Command, Event, Input, ShutdownAction};
//! use runstate_oracle::strategy;
//!
//! fn no_set_action(scenario: &strategy::Scenario) -> bool {
//!     let sets = |input: &Input| matches!(input, Input::Command(Command::SetAction(_)));
//!     !scenario.inputs.iter().any(sets)
//! }
//!
//! proptest!(|(scenario in strategy::scenarios())| {
//!     // Whatever else happens, what QEMU says after its first SHUTDOWN is not that the guest went to sleep.
//!     let events = scenario.events();
//!     let down = events.iter().position(|event| matches!(event, Event::Shutdown(_)));
//!     if scenario.launch.actions.shutdown() == ShutdownAction::Poweroff && no_set_action(&scenario) {
//!         prop_assert!(down.is_none_or(|down| !events[down..].contains(&Event::Suspend)));
//!     }
//! });
//! ```

mod harness;
mod wire;

use core::ops::Range;

use proptest::{collection::vec, prelude::*, sample::select};
use proptest_state_machine::ReferenceStateMachine;
use runstate::{
    Actions, Answer, Capability, Command, Event, Guest, Input, Launch, Output, PanicAction, RebootAction,
    Release, SetAction, ShutdownAction, Thread, Vm, WatchdogAction,
};

pub use harness::{Lives, Subject};
pub use wire::{Endpoint, message};

use crate::explore::{Families, Family, Launches, Scope, alphabet};

/// How many inputs a scenario has.
const LENGTH: Range<usize> = 0..24;

/// Any release.
pub fn releases() -> impl Strategy<Value = Release> + Clone {
    select(Release::WITH_POINTS)
}

/// Any combination of the four actions that the release has.
pub fn actions(release: Release) -> impl Strategy<Value = Actions> {
    let all: Vec<_> = Actions::all()
        .filter(|actions| actions.panic().since() <= release)
        .collect();
    select(all)
}

/// Any way to launch a QEMU of that release.
pub fn launches_of(release: Release) -> impl Strategy<Value = Launch> {
    let machine = Scope::new(release).machine;
    let launches = [Thread::Vcpu, Thread::MainLoop]
        .into_iter()
        .flat_map(|thread| Launches::All.of(release, thread, machine))
        .collect::<Vec<_>>();
    (select(launches), actions(release)).prop_map(|(launch, actions)| Launch { actions, ..launch })
}

/// Any way to launch any QEMU.
pub fn launches() -> impl Strategy<Value = Launch> {
    releases().prop_flat_map(launches_of)
}

/// Anything that can happen to a QEMU of that release, whether or not it is possible in every state.
pub fn inputs(release: Release) -> impl Strategy<Value = Input> {
    let families = Families::ALL.with(Family::Job);
    let letters: Vec<_> = alphabet(families, release)
        .into_iter()
        .map(|letter| letter.input)
        .collect();
    prop_oneof![
        20 => select(letters),
        2 => set_actions(release).prop_map(|change| Input::Command(Command::SetAction(change))),
        1 => any::<u8>().prop_map(|value| Input::Guest(Guest::DebugExit(value))),
        1 => (select(Capability::ALL), any::<bool>())
            .prop_map(|((capability, _), on)| Input::Command(Command::MigrateSetCapability(capability, on))),
    ]
}

/// What `set-action` may say.
pub fn set_actions(release: Release) -> impl Strategy<Value = SetAction> {
    let panics: Vec<_> = PanicAction::ALL
        .iter()
        .copied()
        .filter(|action| action.since() <= release)
        .collect();
    (
        proptest::option::of(select(RebootAction::ALL)),
        proptest::option::of(select(ShutdownAction::ALL)),
        proptest::option::of(select(panics)),
        proptest::option::of(select(WatchdogAction::ALL)),
    )
        .prop_map(|(reboot, shutdown, panic, watchdog)| SetAction {
            reboot,
            shutdown,
            panic,
            watchdog,
        })
}

/// A launch, and what happens then: each input is possible when it comes, and followed by a pass of the main loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// How QEMU is started.
    pub launch: Launch,
    /// What happens, in order.
    pub inputs: Vec<Input>,
}

impl Scenario {
    /// All that QEMU does after its launch, in order.
    #[must_use]
    pub fn outputs(&self) -> Vec<Output> {
        let mut reference = Reference::launch(&self.launch);
        self.inputs
            .iter()
            .flat_map(|&input| {
                reference.handle(input);
                reference.said.clone()
            })
            .collect()
    }

    /// The events that a monitor hears.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        events(&self.outputs())
    }
}

fn events(outputs: &[Output]) -> Vec<Event> {
    let event = |output: &Output| match *output {
        Output::Event(event) => Some(event),
        Output::State { .. } | Output::Exit(_) | Output::Abort { .. } => None,
    };
    outputs.iter().filter_map(event).collect()
}

/// Scenarios of one release.
pub fn scenarios_of(release: Release) -> impl Strategy<Value = Scenario> {
    (launches_of(release), vec(inputs(release), LENGTH)).prop_map(|(launch, inputs)| {
        let mut reference = Reference::launch(&launch);
        let inputs = inputs
            .into_iter()
            .filter(|&input| reference.try_handle(input))
            .collect();
        Scenario { launch, inputs }
    })
}

/// Scenarios of any release.
pub fn scenarios() -> impl Strategy<Value = Scenario> {
    releases().prop_flat_map(scenarios_of)
}

/// What a QEMU of that release could have sent.
pub fn possible_events(release: Release) -> impl Strategy<Value = Vec<Event>> {
    scenarios_of(release).prop_map(|scenario| scenario.events())
}

/// The same with one mistake: an event lost, doubled, put before its forerunner, or of another conversation.
///
/// Some mistakes make another possible stream.
pub fn nearly_possible_events(release: Release) -> impl Strategy<Value = Vec<Event>> {
    let streams = (possible_events(release), possible_events(release));
    (streams, any::<prop::sample::Index>(), 0..4_u8).prop_map(|((mut events, others), at, mistake)| {
        if events.is_empty() {
            events = others;
        } else {
            let at = at.index(events.len());
            match mistake {
                0 => drop(events.remove(at)),
                1 => events.insert(at, events[at]),
                2 if at > 0 => events.swap(at - 1, at),
                _ => events.splice(at..=at, others.into_iter().take(1)).for_each(drop),
            }
        }
        events
    })
}

/// A VM as the reference of [`proptest_state_machine`]: a transition is an [`Input`], followed by a pass of the main loop.
///
/// Whoever tests a VMM gives it the same input and compares; whoever tests a client gives it what was
/// [`said`](Self::said).
#[derive(Clone, Debug)]
pub struct Reference {
    /// The VM.
    pub vm: Vm,
    /// What it did on the last transition.
    pub said: Vec<Output>,
    /// Its answer to the last transition.
    pub answer: Answer,
}

impl Reference {
    /// Starts QEMU. Nobody hears what is said there.
    #[must_use]
    pub fn launch(launch: &Launch) -> Self {
        Self {
            vm: Vm::launch(launch, &mut |_| ()),
            said: Vec::new(),
            answer: Answer::Done,
        }
    }

    /// The events of the last transition.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        events(&self.said)
    }

    /// Whether that could happen now.
    #[must_use]
    pub fn is_possible(&self, input: Input) -> bool {
        let mut vm = self.vm;
        // An exiting QEMU may still answer a command: not here.
        !self.vm.is_gone() && !matches!(vm.handle(input, &mut |_| ()), Answer::Impossible(_))
    }

    fn try_handle(&mut self, input: Input) -> bool {
        let possible = self.is_possible(input);
        if possible {
            self.handle(input);
        }
        possible
    }

    fn handle(&mut self, input: Input) {
        let said = &mut self.said;
        said.clear();
        self.answer = self.vm.handle(input, &mut |output| said.push(output));
        self.vm.main_loop(&mut |output| said.push(output));
    }
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Input;

    fn init_state() -> BoxedStrategy<Self> {
        let started = launches().prop_map(|launch| Self::launch(&launch));
        started
            .prop_filter("QEMU has started", |reference| !reference.vm.is_gone())
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Input> {
        inputs(state.vm.release()).boxed()
    }

    fn apply(mut state: Self, transition: &Input) -> Self {
        state.handle(*transition);
        state
    }

    fn preconditions(state: &Self, transition: &Input) -> bool {
        // After its end QEMU takes anything in silence, so that a short life is a test too.
        state.vm.is_gone() || state.is_possible(*transition)
    }
}
