//! The shortest story from a launch to what is looked for, step by step, as it would be told.

use std::collections::VecDeque;

use runstate::{Actions, Answer, Event, ExitStatus, Input, Launch, Life, Machine, Output, RunState, Vm};

use crate::explore::{Edge, End, Observer, Policies, Reach, Scope, Seen, Setup, Space, Verdict};

/// A story: how QEMU is launched, and what happens then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// How QEMU is started, with its actions.
    pub launch: Launch,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One input, what came of it, and what the pass of the main loop after it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub input: Input,
    /// What QEMU did at once, in order.
    pub outputs: Vec<Output>,
    /// The answer to a command.
    pub answer: Answer,
    /// What the pass of the main loop did that followed; `None` if something else happened before it.
    pub pass: Option<Vec<Output>>,
}

impl Path {
    /// Whether somewhere more than one input comes before a pass of the main loop.
    #[must_use]
    pub fn needs_race(&self) -> bool {
        self.steps.iter().rev().skip(1).any(|step| step.pass.is_none())
    }

    /// All that QEMU did, in order.
    pub fn outputs(&self) -> impl Iterator<Item = Output> {
        self.steps.iter().flat_map(|step| {
            let pass = step.pass.iter().flatten();
            step.outputs.iter().chain(pass).copied()
        })
    }

    /// The VM at the end.
    #[must_use]
    pub fn vm(&self) -> Vm {
        let mut vm = Vm::launch(&self.launch, &mut |_| ());
        for step in &self.steps {
            let _ = vm.handle(step.input, &mut |_| ());
            if step.pass.is_some() {
                vm.main_loop(&mut |_| ());
            }
        }
        vm
    }

    /// Whether all goes just the same when QEMU is launched like this.
    #[must_use]
    pub fn replays_on(&self, launch: &Launch) -> bool {
        let mut vm = Vm::launch(launch, &mut |_| ());
        self.steps.iter().all(|step| {
            let mut said = Vec::new();
            let answer = vm.handle(step.input, &mut |output| said.push(output));
            let same = answer == step.answer && said == step.outputs;
            said.clear();
            if step.pass.is_some() {
                vm.main_loop(&mut |output| said.push(output));
            }
            same && said == step.pass.as_deref().unwrap_or_default()
        })
    }

    /// The same path on a plain machine, where it does not need what the explored one has.
    #[must_use]
    pub fn simplified(mut self) -> Self {
        let plain = Launch {
            machine: Machine::DEFAULT,
            ..self.launch
        };
        if self.replays_on(&plain) {
            self.launch = plain;
        }
        self
    }

    /// How it ended, if QEMU is gone.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.outputs().find_map(|output| match output {
            Output::Exit(status) => Some(End::Exit(status)),
            Output::Abort { from, to } => Some(End::Abort { from, to }),
            Output::Event(_) | Output::State { .. } => None,
        })
    }
}

impl Space {
    /// The shortest path to an end under these actions; among equals the one whose letters come first.
    ///
    /// `None`: there is none, for all of the scope was searched.
    #[must_use]
    pub fn path(&self, actions: Actions, to: End) -> Option<Path> {
        let policy = Policies::only(actions);
        // The edge by which each state was found, and from where.
        let mut parents: Vec<Option<(u32, u8)>> = vec![None; self.len()];
        let mut seen = vec![false; self.len()];
        let mut queue = VecDeque::new();
        for root in &self.roots {
            match *root {
                Ok(state) if !seen[state as usize] => {
                    seen[state as usize] = true;
                    queue.push_back(state);
                }
                Ok(_) => {}
                Err(end) if end == to => return self.launched_into(actions, to),
                Err(_) => {}
            }
        }
        while let Some(state) = queue.pop_front() {
            for &edge in self.edges(state) {
                if !self.mask(edge).contains(policy) {
                    continue;
                }
                match edge.end() {
                    Some(end) if end == to => return Some(self.tell(actions, state, edge, &parents)),
                    Some(_) => {}
                    None => {
                        let next = edge.state() as usize;
                        if !seen[next] {
                            seen[next] = true;
                            parents[next] = Some((state, edge.letter));
                            queue.push_back(edge.state());
                        }
                    }
                }
            }
        }
        None
    }

    /// The shortest path to an end under any actions, those that change the fewest first.
    #[must_use]
    pub fn shortest(&self, reach: &Reach, to: End) -> Option<Path> {
        let (_, policies) = reach.soonest(to)?;
        self.path(policies.simplest()?, to)
    }

    fn launched_into(&self, actions: Actions, end: End) -> Option<Path> {
        let at = self.roots.iter().position(|root| *root == Err(end))?;
        let launch = Launch {
            actions,
            ..self.launches()[at]
        };
        Some(Path {
            launch,
            steps: Vec::new(),
        })
    }

    fn tell(&self, actions: Actions, mut state: u32, last: Edge, parents: &[Option<(u32, u8)>]) -> Path {
        let mut letters = vec![last.letter];
        while let Some((from, letter)) = parents[state as usize] {
            letters.push(letter);
            state = from;
        }
        letters.reverse();
        let root = self.roots.iter().position(|root| *root == Ok(state));
        let launch = Launch {
            actions,
            ..self.launches()[root.expect("a state without a parent is a launch's")]
        };
        let mut teller = Teller::new(launch);
        if let Some(input) = self.preparation() {
            teller.input(input, true);
        }
        for letter in letters {
            match self.letter(letter) {
                None => teller.pass(),
                Some(letter) => {
                    if let Some(setup) = letter.setup {
                        teller.set_up(setup);
                    }
                    teller.input(letter.input, !self.scope().races);
                }
            }
        }
        teller.path
    }
}

/// Plays letters to a real VM and writes down what it says.
struct Teller {
    vm: Vm,
    setup: Setup,
    path: Path,
}

impl Teller {
    fn new(launch: Launch) -> Self {
        Self {
            vm: Vm::launch(&launch, &mut |_| ()),
            setup: Setup::default(),
            path: Path {
                launch,
                steps: Vec::new(),
            },
        }
    }

    fn set_up(&mut self, setup: Setup) {
        for command in setup.commands(self.setup) {
            self.input(Input::Command(command), true);
        }
    }

    fn input(&mut self, input: Input, pass: bool) {
        let mut outputs = Vec::new();
        let answer = self.vm.handle(input, &mut |output| outputs.push(output));
        if let (Input::Command(command), Answer::Done) = (input, answer) {
            self.setup = self.setup.after(command);
        }
        // Where nothing is pending, nothing races: whether a pass comes first makes no difference.
        let idle = !self.vm.has_requests() && self.path.steps.last().is_none_or(|step| step.pass.is_some());
        self.path.steps.push(Step {
            input,
            outputs,
            answer,
            pass: None,
        });
        if pass || idle {
            self.pass();
        }
    }

    fn pass(&mut self) {
        let mut outputs = Vec::new();
        self.vm.main_loop(&mut |output| outputs.push(output));
        if let Some(step) = self.path.steps.last_mut() {
            step.pass.get_or_insert_default().extend(outputs);
        }
    }
}

/// What a path is to lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// This run state, between two inputs: from that one, or from the launch.
    State {
        /// Where the story begins to count; before it comes whatever leads there.
        from: Option<RunState>,
        /// Where it ends.
        to: RunState,
    },
    /// An event of this name.
    Event(&'static str),
    /// QEMU exits with this status.
    Exit(ExitStatus),
    /// QEMU aborts; from this state, for that one, where they are given.
    Abort {
        /// The state it was in.
        from: Option<RunState>,
        /// The state it cannot go to.
        to: Option<RunState>,
    },
}

impl Observer for Goal {
    fn see(&self, memory: u8, seen: &Seen<'_>) -> Verdict {
        let found = match *self {
            Self::State { from, to } => {
                let began = memory == 1 || from.is_none_or(|from| seen.before.run_state() == from);
                let settled = !seen.after.is_gone() && !seen.after.has_requests();
                if began && settled && seen.after.run_state() == to {
                    return Verdict::Goal(0);
                }
                return Verdict::Go(u8::from(began));
            }
            Self::Event(name) => seen.outputs.iter().any(|output| match output {
                Output::Event(event) => event.name() == name,
                Output::State { .. } | Output::Exit(_) | Output::Abort { .. } => false,
            }),
            Self::Exit(status) => seen.outputs.contains(&Output::Exit(status)),
            Self::Abort { from, to } => seen.outputs.iter().any(|output| match *output {
                Output::Abort { from: f, to: t } => {
                    from.is_none_or(|from| from == f) && to.is_none_or(|to| to == t)
                }
                Output::Event(_) | Output::State { .. } | Output::Exit(_) => false,
            }),
        };
        if found { Verdict::Goal(0) } else { Verdict::Go(0) }
    }
}

/// The shortest path to a goal within a scope; `None` is a proof that there is none in it.
#[must_use]
pub fn find(scope: Scope, goal: Goal) -> Option<Path> {
    let space = Space::of(scope, &goal);
    let at_launch = match goal {
        Goal::State { from: None, to } => space.launches().iter().find(|launch| {
            let vm = Vm::launch(launch, &mut |_| ());
            vm.life() == Life::Alive && vm.run_state() == to
        }),
        Goal::State { .. } | Goal::Event(_) | Goal::Exit(_) | Goal::Abort { .. } => None,
    };
    if let Some(&launch) = at_launch {
        let actions = scope.policies.simplest()?;
        return Some(Path {
            launch: Launch { actions, ..launch },
            steps: Vec::new(),
        });
    }
    let reach = space.reach();
    space.shortest(&reach, End::Goal(0)).map(Path::simplified)
}

/// The names of the events that a goal can ask for.
///
/// All but those of the capability `events`, which changes nothing else and is not explored: a proof that there is no way to them would
/// be none.
pub fn events() -> impl Iterator<Item = &'static str> {
    let told = |name: &&str| !matches!(*name, "MIGRATION" | "MIGRATION_PASS");
    Event::NAMES.iter().copied().filter(told)
}
