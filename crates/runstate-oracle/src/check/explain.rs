//! The shortest account of what was heard: the cheapest way through the automaton of one release.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use runstate::{
    PanicAction, RebootAction, Release, RunState, SetAction, ShutdownAction, ShutdownCause, Thread,
    WatchdogAction,
};
use rustc_hash::FxHashMap as HashMap;

use super::{
    automaton::{Cause, Edge, Rest},
    letter::Letter,
    subsets::{Node, Place, Set, Subsets},
};

/// A letter that was heard, with the set before it and its line.
pub(super) type Trail = [(Set, Letter, u64)];

/// A step of the account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) edge: Edge,
    /// Before which letter of the trail is done it is taken.
    pub(super) before: usize,
    /// Which letter of the trail it says first; none where it is silent.
    pub(super) letter: Option<usize>,
}

/// A way through an automaton.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// Before each letter, and after the last.
    pub(super) nodes: Vec<Node>,
    pub(super) steps: Vec<Taken>,
}

impl Way {
    pub(super) fn automaton(&self, subsets: &Subsets) -> u16 {
        subsets.place(self.nodes[0]).automaton
    }
}

/// So many hypotheses are followed at first, the likeliest; if they all die, all are.
const BEAM: usize = 48;

/// Finds the cheapest way, perhaps from a given hypothesis.
pub(super) fn way(subsets: &mut Subsets, trail: &Trail, from: Option<Node>) -> Option<Way> {
    let &(last, letter, _) = trail.last()?;
    let end = subsets.hear(last, letter);
    let begin: Vec<(u32, Node)> = match from {
        Some(node) => vec![(0, node)],
        None => {
            let automaton = likeliest(subsets, end)?;
            subsets
                .nodes_of(trail.first()?.0)
                .iter()
                .filter(|node| subsets.place(**node).automaton == automaton)
                .map(|node| (begin(subsets, *node), *node))
                .collect()
        }
    };
    through(subsets, trail, &begin, BEAM).or_else(|| through(subsets, trail, &begin, usize::MAX))
}

/// The release people mean where they name none, if it is possible; else the newest that is. A vCPU before qtest.
fn likeliest(subsets: &Subsets, end: Set) -> Option<u16> {
    (0..subsets.count())
        .filter(|at| {
            subsets
                .nodes_of(end)
                .iter()
                .any(|node| subsets.place(*node).automaton == *at)
        })
        .max_by_key(|at| {
            let automaton = subsets.automaton(*at);
            (
                automaton.thread == Thread::Vcpu,
                automaton.releases.contains(&Release::DEFAULT),
                automaton.releases.last().copied(),
            )
        })
}

/// How a hypothesis was come by.
#[derive(Clone, Debug)]
struct Step {
    cost: u32,
    from: Node,
    taken: Vec<Edge>,
}

/// The way to a state: its cost, the hypothesis it began with, and the step before.
type Best = HashMap<Rest, (u32, Node, Option<(Rest, Edge)>)>;

fn through(subsets: &mut Subsets, trail: &Trail, begin: &[(u32, Node)], beam: usize) -> Option<Way> {
    let automaton = subsets.place(begin.first()?.1).automaton;
    let mut layer = begin.to_vec();
    let mut layers = Vec::with_capacity(trail.len());
    for &(_, letter, _) in trail {
        layer.sort_unstable();
        layer.truncate(beam);
        let steps = layered(subsets, automaton, &layer, letter);
        layer = steps.iter().map(|(node, step)| (step.cost, *node)).collect();
        if layer.is_empty() {
            return None;
        }
        layers.push(steps);
    }
    let (_, mut node) = layer.into_iter().min()?;
    let (mut steps, mut nodes) = (Vec::new(), vec![node]);
    for (number, layer) in layers.iter().enumerate().rev() {
        let step = &layer[&node];
        for (at, edge) in step.taken.iter().enumerate().rev() {
            steps.push(Taken {
                edge: *edge,
                before: number,
                letter: (at + 1 == step.taken.len()).then_some(number),
            });
        }
        node = step.from;
        nodes.push(node);
    }
    steps.reverse();
    nodes.reverse();
    Some(Way { nodes, steps })
}

/// A VM that runs is likelier than one in any other state.
fn begin(subsets: &Subsets, node: Node) -> u32 {
    let place = subsets.place(node);
    let state = subsets.state(place).vm.run_state();
    let usual = matches!(state, RunState::Running | RunState::Prelaunch);
    u32::from(state != RunState::Running) + 3 * u32::from(!usual) + 4 * place.rest.len() as u32
}

/// What an edge costs: what was not heard is less likely than what was, and some deeds are rarer than others.
fn cost(subsets: &Subsets, automaton: u16, cause: Cause) -> u32 {
    let rarity = |deed: u16| subsets.automaton(automaton).deeds[usize::from(deed)].rarity();
    match cause {
        Cause::Asked | Cause::Tells | Cause::Ends => 0,
        Cause::Late | Cause::AfterExit => 6,
        Cause::Deed { deed, before } => rarity(deed) + before.map_or(0, rarity),
        Cause::Serves { guessed, meanwhile } => {
            guessed.map_or(0, rarity) + meanwhile.map_or(0, |deed| 4 + rarity(deed))
        }
    }
}

/// Where the hypotheses of a layer can be when they have said the letter; the cheapest way to each.
fn layered(
    subsets: &mut Subsets,
    automaton: u16,
    layer: &[(u32, Node)],
    letter: Letter,
) -> HashMap<Node, Step> {
    let mut reached: HashMap<Node, Step> = HashMap::default();
    let mut heap = BinaryHeap::new();
    let mut best = Best::default();
    for &(cost, node) in layer {
        let place = subsets.place(node);
        match place.rest.split_first() {
            None => {
                if best.get(&place.to).is_none_or(|(known, ..)| cost < *known) {
                    best.insert(place.to, (cost, node, None));
                    heap.push(Reverse((cost, place.to)));
                }
            }
            Some((first, rest)) if first == letter => {
                let next = subsets.node(Place { rest, ..place });
                offer(&mut reached, next, cost, node, Vec::new);
            }
            Some(_) => {}
        }
    }
    while let Some(Reverse((so_far, at))) = heap.pop() {
        let (known, node, _) = best[&at];
        if known < so_far {
            continue;
        }
        for edge in subsets.edges(automaton, at).iter() {
            let total = so_far + cost(subsets, automaton, edge.cause);
            match edge.word.split_first() {
                None => {
                    if best.get(&edge.to).is_none_or(|(known, ..)| total < *known) {
                        best.insert(edge.to, (total, node, Some((at, *edge))));
                        heap.push(Reverse((total, edge.to)));
                    }
                }
                Some((first, rest)) if first == letter => {
                    let next = subsets.node(Place {
                        automaton,
                        to: edge.to,
                        rest,
                    });
                    offer(&mut reached, next, total, node, || taken(&best, at, *edge));
                }
                Some(_) => {}
            }
        }
    }
    reached
}

fn taken(best: &Best, at: Rest, last: Edge) -> Vec<Edge> {
    let mut steps = vec![last];
    let mut here = at;
    while let Some((from, edge)) = best[&here].2 {
        steps.push(edge);
        here = from;
    }
    steps.reverse();
    steps
}

fn offer(
    reached: &mut HashMap<Node, Step>,
    next: Node,
    cost: u32,
    from: Node,
    taken: impl FnOnce() -> Vec<Edge>,
) {
    if reached.get(&next).is_none_or(|known| cost < known.cost) {
        let taken = taken();
        reached.insert(next, Step { cost, from, taken });
    }
}

/// The names of what was done in a step, in their order.
pub(super) fn names(subsets: &Subsets, automaton: u16, cause: Cause) -> Vec<String> {
    let name = |deed: u16| {
        let deed = &subsets.automaton(automaton).deeds[usize::from(deed)];
        deed.words()
    };
    match cause {
        Cause::Asked | Cause::Tells | Cause::Ends => Vec::new(),
        Cause::Serves { guessed, meanwhile } => guessed
            .map(name)
            .into_iter()
            .chain(meanwhile.map(|deed| format!("{}, on a vCPU that is being stopped", name(deed))))
            .collect(),
        Cause::Deed { deed, before } => before.map(name).into_iter().chain([name(deed)]).collect(),
        Cause::Late => vec!["the rate limit lets an earlier event go".to_owned()],
        Cause::AfterExit => vec!["a vCPU still runs while QEMU exits".to_owned()],
    }
}

/// The actions that an account needs, as they come to be known.
#[derive(Debug, Default)]
pub(super) struct Policy {
    now: SetAction,
    launch: SetAction,
}

impl Policy {
    /// What a step needs, and what has to be changed for it, in words.
    pub(super) fn needs(&mut self, subsets: &Subsets, automaton: u16, edge: Edge) -> Option<String> {
        let deeds = &subsets.automaton(automaton).deeds;
        let (first, second) = match edge.cause {
            Cause::Asked | Cause::Tells | Cause::Ends | Cause::Late | Cause::AfterExit => (None, None),
            Cause::Serves { guessed, meanwhile } => (guessed, meanwhile),
            Cause::Deed { deed, before } => (before, Some(deed)),
        };
        let mut wanted = SetAction::default();
        for deed in [first, second].into_iter().flatten() {
            wanted = with(wanted, deeds[usize::from(deed)].looks_at);
        }
        let place = Place {
            automaton,
            to: edge.to,
            rest: super::word::Word::SILENCE,
        };
        if matches!(edge.cause, Cause::Serves { .. })
            && let Some(cause) = edge.word.letters().find_map(Letter::as_shutdown)
        {
            let gone = subsets.state(place).vm.is_gone();
            let insists = matches!(
                cause,
                ShutdownCause::HostQmpQuit | ShutdownCause::HostSignal | ShutdownCause::HostUi
            );
            if !gone {
                wanted.shutdown = Some(ShutdownAction::Pause);
            } else if !insists {
                wanted.shutdown = Some(ShutdownAction::Poweroff);
            }
        }
        self.want(wanted)
    }

    fn want(&mut self, wanted: SetAction) -> Option<String> {
        let mut changes = Vec::new();
        macro_rules! settle {
            ($member:ident, $Type:ident) => {
                if let Some(value) = wanted.$member {
                    match self.now.$member {
                        None => self.launch.$member = Some(value),
                        Some(known) if known != value => {
                            changes.push(format!("{}={}", stringify!($member), $Type::name(value)));
                        }
                        Some(_) => {}
                    }
                    self.now.$member = Some(value);
                }
            };
        }
        settle!(reboot, RebootAction);
        settle!(shutdown, ShutdownAction);
        settle!(panic, PanicAction);
        settle!(watchdog, WatchdogAction);
        (!changes.is_empty()).then(|| format!("set-action {}", changes.join(",")))
    }

    /// QEMU's options that give the actions which it has to begin with.
    pub(super) fn options(&self) -> String {
        let mut options = Vec::new();
        if self.launch.reboot == Some(RebootAction::Shutdown) {
            options.push("-no-reboot".to_owned());
        }
        if self.launch.shutdown == Some(ShutdownAction::Pause) {
            options.push("-no-shutdown".to_owned());
        }
        if let Some(panic) = self.launch.panic.filter(|panic| *panic != PanicAction::Shutdown) {
            options.push(format!("-action panic={panic}"));
        }
        if let Some(watchdog) = self
            .launch
            .watchdog
            .filter(|watchdog| *watchdog != WatchdogAction::Reset)
        {
            options.push(format!("-watchdog-action {watchdog}"));
        }
        options.join(" ")
    }
}

fn with(first: SetAction, then: SetAction) -> SetAction {
    SetAction {
        reboot: then.reboot.or(first.reboot),
        shutdown: then.shutdown.or(first.shutdown),
        panic: then.panic.or(first.panic),
        watchdog: then.watchdog.or(first.watchdog),
    }
}
