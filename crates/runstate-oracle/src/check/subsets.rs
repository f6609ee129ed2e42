//! All automata at once, made deterministic as a log needs it: every state that could have said what was heard is kept.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use runstate::{Graph, Release, RunState, Thread};
use rustc_hash::FxHashMap as HashMap;

use super::{
    automaton::{Automaton, Edge, Rest, State},
    letter::Letter,
    word::Word,
};

/// A hypothesis: an automaton, the state in which it will rest, and what it has yet to say until then.
pub(super) type Node = u32;

/// A set of hypotheses.
pub(super) type Set = u32;

/// The set without any: what was heard cannot have been said.
pub(super) const NONE: Set = 0;

/// Any QEMU, in any state.
pub(super) const START: Set = 1;

/// So many sets are kept; then all are forgotten but those in use. It is far more than any log has been seen to need.
const SETS: usize = 1 << 14;

/// Where a hypothesis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) automaton: u16,
    pub(super) to: Rest,
    pub(super) rest: Word,
}

/// Everything known of QEMU, and every set of hypotheses that a log has led to.
#[derive(Debug)]
pub(super) struct Subsets {
    automata: Vec<Automaton>,
    places: Vec<Place>,
    nodes: HashMap<Place, Node>,
    sets: Vec<Arc<[Node]>>,
    set_index: HashMap<Arc<[Node]>, Set>,
    /// Where a log can begin in the middle of a migration, by the number of the automaton and what was told.
    middles: HashMap<(usize, Letter), Vec<Node>>,
    /// Row by row, `UNKNOWN` where it has not been needed yet.
    table: Vec<Set>,
    /// When to forget.
    limit: usize,
}

const UNKNOWN: Set = Set::MAX;

impl Subsets {
    /// All releases, on both threads.
    pub(super) fn new() -> Self {
        /// They are the same for every log, as far as they are not grown.
        static AUTOMATA: OnceLock<Vec<Automaton>> = OnceLock::new();
        let automata = AUTOMATA.get_or_init(build).clone();
        let mut subsets = Self {
            automata,
            places: Vec::new(),
            nodes: HashMap::default(),
            sets: Vec::new(),
            set_index: HashMap::default(),
            middles: HashMap::default(),
            table: Vec::new(),
            limit: SETS,
        };
        subsets.set(Vec::new());
        let mut all = Vec::new();
        for automaton in 0..subsets.automata.len() {
            for to in 0..subsets.automata[automaton].resting {
                all.push(subsets.node(Place {
                    automaton: automaton as u16,
                    to: to as Rest,
                    rest: Word::SILENCE,
                }));
            }
        }
        let start = subsets.set(all);
        debug_assert_eq!(start, START, "it comes second");
        subsets
    }

    /// Whether there are so many sets that those not in use should be forgotten.
    pub(super) const fn is_crowded(&self) -> bool {
        self.sets.len() >= self.limit
    }

    /// Forgets the sets that are not in `used`; those are renumbered.
    pub(super) fn tidy<'a>(&mut self, used: impl Iterator<Item = &'a mut Set>) {
        let old = core::mem::take(&mut self.sets);
        self.set_index.clear();
        self.table.clear();
        for kept in [NONE, START] {
            self.set(old[kept as usize].to_vec());
        }
        for set in used {
            *set = self.set(old[*set as usize].to_vec());
        }
        // Many VMs can have as many in use.
        self.limit = SETS + 2 * self.sets.len();
    }

    pub(super) fn place(&self, node: Node) -> Place {
        self.places[node as usize]
    }

    pub(super) fn nodes_of(&self, set: Set) -> &[Node] {
        &self.sets[set as usize]
    }

    pub(super) fn automaton(&self, number: u16) -> &Automaton {
        &self.automata[usize::from(number)]
    }

    pub(super) fn count(&self) -> u16 {
        self.automata.len() as u16
    }

    pub(super) fn edges(&mut self, number: u16, at: Rest) -> Arc<[Edge]> {
        self.automata[usize::from(number)].edges(at)
    }

    pub(super) fn state(&self, place: Place) -> &State {
        &self.automata[usize::from(place.automaton)].states[place.to as usize]
    }

    /// The same as [`Subsets::hear`] where it has been asked before, and something is left.
    #[inline]
    pub(super) fn known(&self, set: Set, letter: Letter) -> Option<Set> {
        let next = self.table[set as usize * Letter::COUNT + letter.index()];
        (next != UNKNOWN && next != NONE).then_some(next)
    }

    /// What is left of a set when a letter is heard.
    #[inline]
    pub(super) fn hear(&mut self, set: Set, letter: Letter) -> Set {
        let at = set as usize * Letter::COUNT + letter.index();
        if self.table[at] == UNKNOWN {
            let next = self.step(set, letter);
            self.table[at] = next;
        }
        self.table[at]
    }

    /// What is left of a set when any of the letters is heard.
    pub(super) fn hear_any(&mut self, set: Set, letters: &[Letter]) -> Set {
        let mut all = Vec::new();
        for &letter in letters {
            let next = self.hear(set, letter);
            all.extend_from_slice(self.nodes_of(next));
        }
        self.set(all)
    }

    /// Where those releases can be that have just told this of a migration, whatever was told before.
    pub(super) fn in_the_middle(&mut self, letter: Letter, releases: &BTreeSet<Release>) -> Set {
        let mut nodes = Vec::new();
        for number in 0..self.automata.len() {
            let automaton = &mut self.automata[number];
            if !automaton
                .releases
                .iter()
                .any(|release| releases.contains(release))
            {
                continue;
            }
            if !self.middles.contains_key(&(number, letter)) {
                let places = automaton.in_the_middle(letter);
                let automaton = number as u16;
                let found = places
                    .into_iter()
                    .map(|(to, rest)| self.node(Place { automaton, to, rest }))
                    .collect();
                self.middles.insert((number, letter), found);
            }
            nodes.extend_from_slice(&self.middles[&(number, letter)]);
        }
        self.set(nodes)
    }

    /// The hypotheses of either set.
    pub(super) fn either(&mut self, one: Set, other: Set) -> Set {
        let nodes = [self.nodes_of(one), self.nodes_of(other)].concat();
        self.set(nodes)
    }

    /// The hypotheses of those releases alone.
    pub(super) fn only(&mut self, set: Set, keep: impl Fn(&[Release]) -> bool) -> Set {
        let kept = self
            .nodes_of(set)
            .iter()
            .copied()
            .filter(|node| keep(&self.automaton(self.place(*node).automaton).releases))
            .collect();
        self.set(kept)
    }

    /// Everything that could be heard next.
    pub(super) fn could_come(&mut self, set: Set) -> BTreeSet<Letter> {
        let mut letters = BTreeSet::new();
        self.next(set, None, &mut |letter, _| {
            letters.insert(letter);
        });
        letters
    }

    /// The run states the hypotheses are in.
    pub(super) fn believed(&self, set: Set) -> BTreeSet<RunState> {
        self.nodes_of(set)
            .iter()
            .map(|node| self.state(self.place(*node)).vm.run_state())
            .collect()
    }

    /// Whether QEMU must have gone.
    pub(super) fn must_be_gone(&self, set: Set) -> bool {
        set != NONE
            && self
                .nodes_of(set)
                .iter()
                .all(|node| self.state(self.place(*node)).vm.is_gone())
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
        let mut reached = Vec::new();
        self.next(set, Some(letter), &mut |_, node| reached.push(node));
        self.set(reached)
    }

    /// What can be heard next, or one letter of it, and where that leads.
    fn next(&mut self, set: Set, wanted: Option<Letter>, reach: &mut dyn FnMut(Letter, Node)) {
        let nodes = Arc::clone(&self.sets[set as usize]);
        // The hypotheses at rest share what they can come to without a sound.
        let mut seen: Vec<Vec<bool>> = self.automata.iter().map(|_| Vec::new()).collect();
        let mut todo = Vec::new();
        for &node in nodes.iter() {
            let place = self.place(node);
            match place.rest.split_first() {
                None => todo.push((place.automaton, place.to)),
                Some((first, rest)) if wanted.is_none_or(|wanted| wanted == first) => {
                    let next = self.node(Place { rest, ..place });
                    reach(first, next);
                }
                Some(_) => {}
            }
        }
        while let Some((automaton, at)) = todo.pop() {
            let seen = &mut seen[usize::from(automaton)];
            if seen.len() <= at as usize {
                seen.resize(at as usize + 1, false);
            }
            if core::mem::replace(&mut seen[at as usize], true) {
                continue;
            }
            let edges = self.edges(automaton, at);
            let aloud = edges.partition_point(|edge| edge.word.is_empty());
            todo.extend(edges[..aloud].iter().map(|edge| (automaton, edge.to)));
            let from = wanted.map_or(aloud, |wanted| {
                edges.partition_point(|edge| edge.word.first() < Some(wanted))
            });
            for edge in &edges[from..] {
                let Some((letter, rest)) = edge.word.split_first() else {
                    continue;
                };
                if wanted.is_some_and(|wanted| wanted != letter) {
                    break;
                }
                let to = edge.to;
                let node = self.node(Place { automaton, to, rest });
                reach(letter, node);
            }
        }
    }

    /// The number of a place.
    pub(super) fn node(&mut self, place: Place) -> Node {
        let next = self.places.len() as Node;
        let node = *self.nodes.entry(place).or_insert(next);
        if node == next {
            self.places.push(place);
        }
        node
    }

    fn set(&mut self, mut nodes: Vec<Node>) -> Set {
        nodes.sort_unstable();
        nodes.dedup();
        if let Some(&set) = self.set_index.get(nodes.as_slice()) {
            return set;
        }
        let set = self.sets.len() as Set;
        let nodes: Arc<[Node]> = nodes.into();
        self.sets.push(Arc::clone(&nodes));
        self.table.resize(self.table.len() + Letter::COUNT, UNKNOWN);
        self.set_index.insert(nodes, set);
        set
    }
}

/// Every automaton, on all cores.
fn build() -> Vec<Automaton> {
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
                release.primary_enters_colo(),
                release.cont_refused_in_colo(),
                release.has_exit_on_error(),
                release >= runstate::PanicAction::ExitFailure.since(),
                release.migration_announces_device(),
                release.migration_announces_failing(),
                release.migration_announces_postcopy_device(),
                release.incoming_setup_is_always_announced(),
                release.refuses_cancel_in_postcopy(),
                release.second_yank_aborts(),
                release.pass_counts_iterations(),
                release >= runstate::MigrationStatus::PostcopyRecoverSetup.since(),
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
