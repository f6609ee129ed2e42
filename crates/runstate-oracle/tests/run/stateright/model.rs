//! The same VM as a model for stateright. The benchmarks use it too.

use runstate::{Actions, Answer, Detail, Input, Launch, Vm};
use runstate_oracle::explore::{Letter, Scope, alphabet};
use stateright::Model;

/// A VM under one policy, without races: each input is followed by a pass.
pub(crate) struct One {
    pub(crate) scope: Scope,
    pub(crate) actions: Actions,
}

/// Stateright tells states apart by their hash and equality.
#[derive(Clone, Debug)]
pub(crate) struct State(Vm);

impl State {
    fn key(&self) -> u64 {
        self.0.key(Detail::RunState)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl core::hash::Hash for State {
    fn hash<H: core::hash::Hasher>(&self, hasher: &mut H) {
        self.key().hash(hasher);
    }
}

impl Model for One {
    type State = State;
    type Action = Letter;

    fn init_states(&self) -> Vec<State> {
        let launches = self
            .scope
            .launches
            .of(self.scope.release, self.scope.thread, self.scope.machine);
        let launched = launches.into_iter().map(|launch| {
            let launch = Launch {
                actions: self.actions,
                ..launch
            };
            State(Vm::launch(&launch, &mut |_| ()))
        });
        launched.filter(|state| !state.0.is_gone()).collect()
    }

    fn actions(&self, _: &State, actions: &mut Vec<Letter>) {
        actions.extend(alphabet(self.scope.families, self.scope.release));
    }

    fn next_state(&self, last: &State, letter: Letter) -> Option<State> {
        let mut vm = last.0;
        if let Some(setup) = letter.setup {
            for command in setup.commands(setup.opposite()) {
                if vm.handle(Input::Command(command), &mut |_| ()) != Answer::Done {
                    return None;
                }
            }
        }
        if let Answer::Impossible(_) = vm.handle(letter.input, &mut |_| ()) {
            return None;
        }
        vm.main_loop(&mut |_| ());
        // Who has insisted on poweroff has been obeyed by now.
        (!vm.is_gone()).then_some(State(vm))
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        // Without one it would stop at once.
        vec![stateright::Property::always(
            "between two inputs QEMU is there",
            |_, state: &State| !state.0.is_gone(),
        )]
    }
}
