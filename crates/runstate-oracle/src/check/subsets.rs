//! All automata at once, made deterministic as a log needs it: every state that could have said what was heard is kept.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, OnceLock},
};

use runstate::{Graph, Release, RunState, Thread, Vm};

use super::{
    automaton::{Automaton, Rest},
    letter::Letter,
};

/// A hypothesis: an automaton, the state in which it will rest, and what it has yet to say until then.
pub(super) type Node = u32;

/// A set of hypotheses.
pub(super) type Set = u32;

/// The set without any: what was heard cannot have been said.
pub(super) const NONE: Set = 0;

/// What can be said first, and where that leads.
type Firsts = Box<[(Letter, Node)]>;

/// Where a hypothesis is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) automaton: u16,
    pub(super) to: Rest,
    pub(super) rest: Box<[Letter]>,
}

/// Everything known of QEMU, and every set of hypotheses that a log has led to.
#[derive(Debug)]
pub(super) struct Subsets {
    pub(super) automata: Arc<[Automaton]>,
    places: Vec<Place>,
    nodes: HashMap<Place, Node>,
    /// Of each automaton and state: what an edge of its own says first, and where that leads. In the letters' order.
    own: Vec<Vec<Firsts>>,
    sets: Vec<Box<[Node]>>,
    set_index: HashMap<Box<[Node]>, Set>,
    /// Row by row, `UNKNOWN` where it has not been needed yet.
    table: Vec<Set>,
    start: Set,
}

const UNKNOWN: Set = Set::MAX;

impl Subsets {
    /// All releases, on both threads.
    pub(super) fn new() -> Self {
        /// They are the same for every log.
        static AUTOMATA: OnceLock<Arc<[Automaton]>> = OnceLock::new();
        let mut subsets = Self {
            automata: Arc::clone(AUTOMATA.get_or_init(build)),
            places: Vec::new(),
            nodes: HashMap::new(),
            own: Vec::new(),
            sets: Vec::new(),
            set_index: HashMap::new(),
            table: Vec::new(),
            start: NONE,
        };
        subsets.set(Box::new([]));
        let mut all = Vec::new();
        for automaton in 0..subsets.automata.len() {
            for to in 0..subsets.automata[automaton].states.len() {
                let gone = subsets.automata[automaton].states[to].is_gone();
                let node = subsets.node(Place {
                    automaton: u16::try_from(automaton).unwrap_or(u16::MAX),
                    to: Rest::try_from(to).unwrap_or(Rest::MAX),
                    rest: Box::new([]),
                });
                if !gone {
                    all.push(node);
                }
            }
        }
        subsets.index_edges();
        subsets.start = subsets.set(all.into_boxed_slice());
        subsets
    }

    /// Any QEMU, in any state: a log may begin anywhere.
    pub(super) const fn start(&self) -> Set {
        self.start
    }

    pub(super) fn place(&self, node: Node) -> &Place {
        &self.places[node as usize]
    }

    pub(super) fn nodes_of(&self, set: Set) -> &[Node] {
        &self.sets[set as usize]
    }

    pub(super) fn vm(&self, place: &Place) -> &Vm {
        &self.automata[place.automaton as usize].states[place.to as usize]
    }

    /// What is left of a set when a letter is heard.
    pub(super) fn hear(&mut self, set: Set, letter: Letter) -> Set {
        let at = set as usize * Letter::COUNT + letter.index();
        if self.table[at] == UNKNOWN {
            self.table[at] = self.step(set, letter);
        }
        self.table[at]
    }

    /// What is left of a set when any of the letters is heard.
    pub(super) fn hear_any(&mut self, set: Set, letters: &[Letter]) -> Set {
        let mut all = BTreeSet::new();
        for &letter in letters {
            let next = self.hear(set, letter);
            all.extend(self.sets[next as usize].iter().copied());
        }
        self.set(all.into_iter().collect())
    }

    /// The hypotheses of those releases alone.
    pub(super) fn only(&mut self, set: Set, keep: impl Fn(&[Release]) -> bool) -> Set {
        let kept: Box<[Node]> = self.sets[set as usize]
            .iter()
            .copied()
            .filter(|node| keep(&self.automata[self.places[*node as usize].automaton as usize].releases))
            .collect();
        self.set(kept)
    }

    /// Everything that could be heard next.
    pub(super) fn could_come(&mut self, set: Set) -> BTreeSet<Letter> {
        Letter::all()
            .filter(|letter| self.hear(set, *letter) != NONE)
            .collect()
    }

    /// The run states the hypotheses are in.
    pub(super) fn believed(&self, set: Set) -> BTreeSet<RunState> {
        self.nodes_of(set)
            .iter()
            .map(|node| self.vm(self.place(*node)).run_state())
            .collect()
    }

    /// Whether QEMU must have gone.
    pub(super) fn must_be_gone(&self, set: Set) -> bool {
        set != NONE
            && self
                .nodes_of(set)
                .iter()
                .all(|node| self.vm(self.place(*node)).is_gone())
    }

    /// The releases of which there is a hypothesis.
    pub(super) fn releases(&self, set: Set) -> BTreeSet<Release> {
        let automata: BTreeSet<u16> = self
            .nodes_of(set)
            .iter()
            .map(|node| self.place(*node).automaton)
            .collect();
        automata
            .iter()
            .flat_map(|at| self.automata[*at as usize].releases.iter().copied())
            .collect()
    }

    fn step(&mut self, set: Set, letter: Letter) -> Set {
        let mut reached = BTreeSet::new();
        // The hypotheses at rest share what they can come to without a sound.
        let mut silent: Vec<Vec<u64>> = self
            .automata
            .iter()
            .map(|a| vec![0; a.states.len().div_ceil(64)])
            .collect();
        for &node in &self.sets[set as usize].clone() {
            let place = &self.places[node as usize];
            if place.rest.is_empty() {
                let from = &self.automata[usize::from(place.automaton)].silent[place.to as usize];
                for (word, more) in silent[usize::from(place.automaton)].iter_mut().zip(from) {
                    *word |= more;
                }
            } else {
                reached.extend(self.advance(node, letter));
            }
        }
        for (automaton, words) in silent.iter().enumerate() {
            for state in bits(words) {
                reached.extend(self.said_by(automaton, state, letter));
            }
        }
        self.set(reached.into_iter().collect())
    }

    /// Where one hypothesis can be when it has said the letter.
    pub(super) fn step_node(&mut self, node: Node, letter: Letter, reach: &mut dyn FnMut(Node)) {
        let place = &self.places[node as usize];
        if !place.rest.is_empty() {
            self.advance(node, letter).into_iter().for_each(reach);
            return;
        }
        let automaton = usize::from(place.automaton);
        let silent = &self.automata[automaton].silent[place.to as usize];
        for state in bits(silent) {
            self.said_by(automaton, state, letter).for_each(&mut *reach);
        }
    }

    /// In the middle of what a group of deeds says.
    fn advance(&mut self, node: Node, letter: Letter) -> Option<Node> {
        let place = &self.places[node as usize];
        let (first, rest) = place.rest.split_first()?;
        if *first != letter {
            return None;
        }
        let next = Place {
            automaton: place.automaton,
            to: place.to,
            rest: rest.into(),
        };
        Some(self.node(next))
    }

    fn said_by(&self, automaton: usize, state: usize, letter: Letter) -> impl Iterator<Item = Node> {
        let list = &self.own[automaton][state];
        let from = list.partition_point(|(known, _)| *known < letter);
        list[from..]
            .iter()
            .take_while(move |(known, _)| *known == letter)
            .map(|(_, next)| *next)
    }

    fn index_edges(&mut self) {
        let automata = Arc::clone(&self.automata);
        for (number, automaton) in automata.iter().enumerate() {
            let at = u16::try_from(number).unwrap_or(u16::MAX);
            let own = automaton.edges.iter().map(|edges| {
                let mut said: Vec<(Letter, Node)> = edges
                    .iter()
                    .filter_map(|edge| {
                        edge.letters
                            .split_first()
                            .map(|(first, rest)| (edge, *first, rest))
                    })
                    .map(|(edge, first, rest)| {
                        (
                            first,
                            self.node(Place {
                                automaton: at,
                                to: edge.to,
                                rest: rest.into(),
                            }),
                        )
                    })
                    .collect();
                said.sort_unstable();
                said.dedup();
                said.into_boxed_slice()
            });
            let own = own.collect();
            self.own.push(own);
        }
    }

    /// The states reachable without a sound, each with the edge it was reached by, nearest first.
    pub(super) fn silently(&self, automaton: u16, from: Rest) -> Vec<(Rest, Option<(Rest, usize)>)> {
        let edges = &self.automata[automaton as usize].edges;
        let mut order = vec![(from, None)];
        let mut seen = BTreeSet::from([from]);
        let mut todo = VecDeque::from([from]);
        while let Some(at) = todo.pop_front() {
            for (number, edge) in edges[at as usize].iter().enumerate() {
                if edge.letters.is_empty() && seen.insert(edge.to) {
                    order.push((edge.to, Some((at, number))));
                    todo.push_back(edge.to);
                }
            }
        }
        order
    }

    fn node(&mut self, place: Place) -> Node {
        if let Some(&node) = self.nodes.get(&place) {
            return node;
        }
        let node = Node::try_from(self.places.len()).unwrap_or(Node::MAX);
        self.places.push(place.clone());
        self.nodes.insert(place, node);
        node
    }

    fn set(&mut self, nodes: Box<[Node]>) -> Set {
        if let Some(&set) = self.set_index.get(&nodes) {
            return set;
        }
        let set = Set::try_from(self.sets.len()).unwrap_or(UNKNOWN - 1);
        self.sets.push(nodes.clone());
        self.table.resize(self.table.len() + Letter::COUNT, UNKNOWN);
        self.set_index.insert(nodes, set);
        set
    }
}

/// The numbers of the bits that are set.
fn bits(words: &[u64]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().flat_map(|(at, word)| {
        let mut left = *word;
        core::iter::from_fn(move || {
            let bit = left.trailing_zeros() as usize;
            (left != 0).then(|| {
                left &= left - 1;
                at * 64 + bit
            })
        })
    })
}

/// Every automaton, on all cores.
fn build() -> Arc<[Automaton]> {
    let kinds: Vec<(Vec<Release>, Thread)> = alike()
        .into_iter()
        .flat_map(|releases| [(releases.clone(), Thread::Vcpu), (releases, Thread::MainLoop)])
        .collect();
    std::thread::scope(|scope| {
        let handles: Vec<_> = kinds
            .into_iter()
            .map(|(releases, thread)| scope.spawn(move || Automaton::build(releases, thread)))
            .collect();
        handles
            .into_iter()
            .filter_map(|handle| handle.join().ok())
            .collect()
    })
}

/// The releases in groups that a log cannot tell apart by what events follow one another.
fn alike() -> Vec<Vec<Release>> {
    let fingerprint = |release: Release| {
        let throttled = runstate::BlockErrorAction::ALL
            .iter()
            .map(|action| release.throttles_block_io_error(*action))
            .collect::<Vec<_>>();
        let graph: &Graph = release.graph();
        (
            [
                release.reply_after_pass(),
                release.suspended_is_live(),
                release.failed_migration_restores_state(),
                release.failed_migration_leaves_shutdown(),
                release.loadvm_is_inverted(),
                release.has_pvshutdown(),
                release.debug_exit_is_shutdown(),
                release.gdb_kill_is_shutdown(),
                release >= runstate::PanicAction::ExitFailure.since(),
            ],
            throttled,
            *graph,
        )
    };
    let mut groups: Vec<Vec<Release>> = Vec::new();
    for &release in Release::WITH_POINTS {
        match groups
            .iter_mut()
            .find(|group| fingerprint(group[0]) == fingerprint(release))
        {
            Some(group) => group.push(release),
            None => groups.push(vec![release]),
        }
    }
    groups
}
