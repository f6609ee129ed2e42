//! The walk: every state is numbered when it first comes, and expanded in the order of the numbers.

use std::rc::Rc;

use runstate::{Actions, Answer, Command, Input, Launch, Life, Output, Vm};

use super::{
    End, Letter, Observer, Scope, Seen, Setup, Space, Verdict, alphabet,
    policy::Outcomes,
    space::{Edge, Node, PASS},
    table::{Numbers, Recent},
};

/// What is tried in every state: an input, and under which actions.
#[derive(Clone, Copy)]
struct Try {
    input: Input,
    actions: Actions,
    /// The policies that the actions stand for.
    mask: u8,
    letter: u8,
    is_command: bool,
}

/// Everything to try with one setup; the setups come one after the other, each made from the one before.
struct Tries {
    /// What leads here from the setup before; with none the state is taken as it is.
    setup: Option<Vec<Command>>,
    tries: Vec<Try>,
}

impl Tries {
    fn of(letters: &[Letter], outcomes: &Outcomes) -> Vec<Self> {
        let mut all = vec![Self {
            setup: None,
            tries: Vec::new(),
        }];
        let mut before: Option<Setup> = None;
        for (letter, &Letter { input, setup }) in letters.iter().enumerate() {
            if let Some(setup) = setup {
                // At first nothing is known of what is set.
                let commands = setup.commands(before.unwrap_or_else(|| setup.opposite()));
                all.push(Self {
                    setup: Some(commands.collect()),
                    tries: Vec::new(),
                });
                before = Some(setup);
            } else {
                assert!(before.is_none(), "letters with a setup come last");
            }
            let tries = outcomes.of_input(input).iter().map(|outcome| Try {
                input,
                actions: outcome.actions,
                mask: outcome.mask,
                letter: letter as u8,
                is_command: matches!(input, Input::Command(_)),
            });
            if let Some(last) = all.last_mut() {
                last.tries.extend(tries);
            }
        }
        all
    }
}

/// What is settled of a step before its end is known.
#[derive(Clone, Copy)]
struct Step {
    /// The state it leads away from.
    state: u32,
    letter: u8,
    input: Option<Input>,
    answer: Answer,
    /// The policies under which the input went like this; `None`: all.
    mask: Option<u8>,
}

/// The walk, breadth first.
pub(super) struct Walk<'a, O> {
    space: Space,
    numbers: Numbers,
    /// The numbers of the ways.
    ways: Numbers,
    /// The edges of the state that is being expanded.
    known: Recent,
    outcomes: Outcomes,
    tries: Rc<[Tries]>,
    observer: &'a O,
    /// What a step said; kept for its capacity.
    outputs: Vec<Output>,
}

impl<'a, O: Observer> Walk<'a, O> {
    pub(super) fn new(scope: Scope, observer: &'a O) -> Self {
        let letters = alphabet(scope.families, scope.release);
        assert!(
            letters.len() < usize::from(PASS),
            "a letter fits in a byte beside the pass"
        );
        let outcomes = Outcomes::new(scope.policies);
        let tries = Tries::of(&letters, &outcomes).into();
        Self {
            space: Space {
                launches: launches(&scope),
                letters,
                scope,
                roots: Vec::new(),
                launch_ways: Vec::new(),
                nodes: Vec::new(),
                first: Vec::new(),
                edges: Vec::new(),
                masks: outcomes.masks().to_vec(),
                ways: Vec::new(),
                steps: 0,
            },
            tries,
            outcomes,
            numbers: Numbers::new(),
            ways: Numbers::new(),
            known: Recent::new(),
            observer,
            outputs: Vec::new(),
        }
    }

    /// Numbers the state of each launch.
    fn launch(&mut self) {
        for i in 0..self.space.launches.len() {
            self.outputs.clear();
            let mut vm = Vm::launch(&self.space.launches[i], &mut |output| self.outputs.push(output));
            if let Some(input) = self.space.preparation() {
                let _ = vm.handle(input, &mut |output| self.outputs.push(output));
            }
            let node = Node {
                vm,
                forced: false,
                commanded: false,
                memory: 0,
            };
            let root = match self.end_of(&vm) {
                Some(end) => Err(end),
                None => Ok(self.number(node)),
            };
            self.space.roots.push(root);
            let way = self.way();
            self.space.launch_ways.push(way);
        }
    }

    fn end_of(&self, vm: &Vm) -> Option<End> {
        match vm.life() {
            Life::Preconfig | Life::Alive => None,
            Life::Exited => vm.exit_status().map(End::Exit),
            Life::Aborted => self.outputs.iter().find_map(|&output| match output {
                Output::Abort { from, to } => Some(End::Abort { from, to }),
                Output::Event(_) | Output::State { .. } | Output::Exit(_) => None,
            }),
        }
    }

    fn number(&mut self, node: Node) -> u32 {
        let (number, new) = self.numbers.number(node.key(self.space.scope.detail));
        if new {
            self.space.nodes.push(node);
        }
        number
    }

    /// Walks from the launches until nothing new comes.
    pub(super) fn walked(mut self) -> Space {
        // The way that changes nothing is number 0.
        self.ways.number(1);
        self.space.ways.push(Vec::new());
        self.launch();
        let mut at = 0;
        while at < self.space.nodes.len() {
            self.space.first.push(self.space.edges.len() as u32);
            self.known.clear();
            self.expand(at as u32);
            at += 1;
        }
        self.space.first.push(self.space.edges.len() as u32);
        self.space
    }

    fn expand(&mut self, state: u32) {
        let node = self.space.nodes[state as usize];
        if self.space.scope.races && (node.vm.has_requests() || node.commanded) {
            let step = Step {
                state,
                letter: PASS,
                input: None,
                answer: Answer::Done,
                mask: None,
            };
            self.pass(step, &node, 0);
        }
        let mut ready = node;
        let all = Rc::clone(&self.tries);
        for Tries { setup, tries } in all.iter() {
            // A setup is for the beginning of a migration: where one cannot be made none can.
            let mut commands = setup.iter().flatten();
            let made = commands
                .all(|&command| ready.vm.handle(Input::Command(command), &mut |_| ()) == Answer::Done);
            if !made {
                return;
            }
            self.try_all(state, &ready, tries);
        }
    }

    fn try_all(&mut self, state: u32, node: &Node, tries: &[Try]) {
        let races = self.space.scope.races;
        let mut impossible = PASS;
        for one in tries {
            if one.letter == impossible || node.commanded && one.is_command {
                continue;
            }
            let mut vm = node.under(one.actions);
            self.outputs.clear();
            let answer = vm.handle(one.input, &mut |output| self.outputs.push(output));
            if matches!(answer, Answer::Impossible(_)) {
                impossible = one.letter;
                continue;
            }
            let step = Step {
                state,
                letter: one.letter,
                input: Some(one.input),
                answer,
                mask: Some(one.mask),
            };
            let mut next = *node;
            next.become_vm(one.actions, vm);
            if races {
                next.commanded |= one.is_command && vm.has_requests();
                self.settle(step, one.mask, node, next);
            } else if vm.has_requests() && !vm.is_gone() {
                self.pass(step, &next, self.outputs.len());
            } else {
                self.settle(step, one.mask, node, next);
            }
        }
    }

    /// A pass of the main loop, after `said` outputs of the step's input.
    fn pass(&mut self, step: Step, node: &Node, said: usize) {
        for i in 0..self.outcomes.of_pass(&node.vm).len() {
            let outcome = self.outcomes.of_pass(&node.vm)[i];
            let shared = match step.mask {
                None => Some(outcome.mask),
                Some(mask) => self.outcomes.shared(mask, outcome.mask),
            };
            let Some(mask) = shared else { continue };
            let actions = node.under(outcome.actions);
            let mut vm = actions;
            self.outputs.truncate(said);
            vm.main_loop(&mut |output| self.outputs.push(output));
            let mut next = *node;
            next.become_vm(actions.actions(), vm);
            next.commanded = false;
            let from = self.space.nodes[step.state as usize];
            self.settle(step, mask, &from, next);
        }
    }

    /// Takes down a step.
    #[inline]
    fn settle(&mut self, step: Step, mask: u8, node: &Node, mut next: Node) {
        self.space.steps += 1;
        let seen = Seen {
            before: &node.vm,
            input: step.input,
            setup: self.space.letter(step.letter).and_then(|letter| letter.setup),
            outputs: &self.outputs,
            answer: step.answer,
            after: &next.vm,
        };
        let to = match self.observer.see(node.memory, &seen) {
            Verdict::Goal(goal) => End::Goal(goal).code(),
            Verdict::Go(memory) => {
                next.memory = memory;
                match self.end_of(&next.vm) {
                    Some(end) => end.code(),
                    // Most inputs change nothing most of the time.
                    None if next == self.space.nodes[step.state as usize] => step.state,
                    None => self.number(next),
                }
            }
        };
        let way = self.way();
        if to == step.state && way == 0 {
            return;
        }
        // Of several letters that do the same the first explains it best.
        if self
            .known
            .insert(u64::from(to) | u64::from(mask) << 32 | u64::from(way) << 40)
        {
            self.space.edges.push(Edge {
                to,
                letter: step.letter,
                mask,
                way,
            });
        }
    }

    /// The number of the changes of run state among the outputs; 0 is none.
    #[inline]
    fn way(&mut self) -> u16 {
        if self.outputs.is_empty() {
            return 0;
        }
        // A leading one tells how many there are.
        let mut key = 1_u64;
        for output in &self.outputs {
            if let &Output::State { from, to } = output {
                assert!(key >> 56 == 0, "one step goes through at most seven changes");
                key = key << 8 | (from as u64) << 4 | to as u64;
            }
        }
        let (number, new) = self.ways.number(key);
        if new {
            let changes = self.outputs.iter().filter_map(|output| match *output {
                Output::State { from, to } => Some((from, to)),
                Output::Event(_) | Output::Exit(_) | Output::Abort { .. } => None,
            });
            self.space.ways.push(changes.collect());
        }
        u16::try_from(number).expect("there are some hundreds of ways")
    }
}

fn launches(scope: &Scope) -> Vec<Launch> {
    let mut launches = scope.launches.of(scope.release, scope.thread, scope.machine);
    if scope.events {
        // There no capability can be set, and later it would be a step of the story.
        launches.retain(|launch| !launch.preconfig);
    }
    launches
}
