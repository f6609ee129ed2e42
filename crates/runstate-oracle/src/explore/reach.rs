//! Which states a VM reaches under which policies: all policies at once, a bit each.

use std::collections::BTreeMap;

use runstate::{RunState, States};

use super::{End, Policies, Space};

/// What is reached, and how soon.
#[derive(Debug)]
pub struct Reach {
    states: Vec<Policies>,
    /// By the ends' codes: on which levels it is reached, and the policies to which each level is new.
    ends: Vec<Vec<(u32, Policies)>>,
    pairs: BTreeMap<(RunState, RunState), Policies>,
    steps: u64,
}

impl Space {
    /// Spreads every policy of the scope from the launches, level by level.
    #[must_use]
    pub fn reach(&self) -> Reach {
        let mut reach = Reach {
            states: vec![Policies::EMPTY; self.len()],
            ends: vec![Vec::new(); End::CODES],
            pairs: BTreeMap::new(),
            steps: 0,
        };
        let mut ways = vec![Policies::EMPTY; self.ways_len()];
        // What came to each state on this level, and the states to which something came.
        let mut fresh = vec![Policies::EMPTY; self.len()];
        let mut frontier = Vec::new();
        for root in &self.roots {
            match *root {
                Ok(state) => {
                    reach.states[state as usize] = self.scope().policies;
                    if fresh[state as usize].is_empty() {
                        frontier.push(state);
                    }
                    fresh[state as usize] = self.scope().policies;
                }
                Err(end) => reach.end(end.number(), 0, self.scope().policies),
            }
        }
        let mut level = 0;
        let mut coming = vec![Policies::EMPTY; self.len()];
        while !frontier.is_empty() {
            level += 1;
            let mut next = Vec::new();
            for &state in &frontier {
                let arrived = core::mem::take(&mut fresh[state as usize]);
                for &edge in self.edges(state) {
                    let taken = arrived.and(self.mask(edge));
                    if taken.is_empty() {
                        continue;
                    }
                    reach.steps += u64::from(taken.len());
                    ways[self.way_number(edge)].0 |= taken.0;
                    if let Some(end) = edge.end_number() {
                        reach.end(end, level, taken);
                        continue;
                    }
                    let to = edge.state() as usize;
                    let new = taken.0 & !reach.states[to].0;
                    if new != 0 {
                        if coming[to].is_empty() {
                            next.push(edge.state());
                        }
                        coming[to].0 |= new;
                    }
                }
            }
            for &state in &next {
                reach.states[state as usize].0 |= coming[state as usize].0;
            }
            core::mem::swap(&mut fresh, &mut coming);
            frontier = next;
        }
        for &way in &self.launch_ways {
            ways[usize::from(way)] = self.scope().policies;
        }
        for (number, &policies) in ways.iter().enumerate() {
            if !policies.is_empty() {
                for &pair in self.way_of_number(number) {
                    reach.pairs.entry(pair).or_default().0 |= policies.0;
                }
            }
        }
        reach
    }
}

impl Reach {
    #[inline]
    fn end(&mut self, end: usize, level: u32, policies: Policies) {
        let known = &mut self.ends[end];
        let new = known.iter().fold(policies.0, |new, (_, there)| new & !there.0);
        if new == 0 {
            return;
        }
        match known.last_mut() {
            Some((at, there)) if *at == level => there.0 |= new,
            _ => known.push((level, Policies(new))),
        }
    }

    /// The policies under which a state is reached.
    #[must_use]
    pub fn of_state(&self, state: u32) -> Policies {
        self.states[state as usize]
    }

    /// How many states are reached, summed over the policies.
    #[must_use]
    pub fn states(&self) -> u64 {
        self.states.iter().map(|policies| u64::from(policies.len())).sum()
    }

    /// How many steps lead from them somewhere else, summed over the policies.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// How many states are reached under at least one policy.
    #[must_use]
    pub fn states_under_any(&self) -> usize {
        self.states.iter().filter(|policies| !policies.is_empty()).count()
    }

    /// Every end, in order.
    pub fn ends(&self) -> impl Iterator<Item = End> {
        let reached = self
            .ends
            .iter()
            .enumerate()
            .filter(|(_, known)| !known.is_empty());
        reached.filter_map(|(number, _)| End::from_number(number))
    }

    /// The policies under which an end is reached.
    #[must_use]
    pub fn of_end(&self, end: End) -> Policies {
        let known = &self.ends[end.number()];
        Policies(known.iter().fold(0, |all, (_, policies)| all | policies.0))
    }

    /// The fewest steps to an end, and the policies under which so few suffice.
    #[must_use]
    pub fn soonest(&self, end: End) -> Option<(u32, Policies)> {
        self.ends[end.number()].first().copied()
    }

    /// The transitions of the graph of run states that are taken, and under which policies.
    pub fn pairs(&self) -> impl Iterator<Item = ((RunState, RunState), Policies)> {
        self.pairs.iter().map(|(&pair, &policies)| (pair, policies))
    }

    /// The run states that are reached.
    #[must_use]
    pub fn run_states(&self, space: &Space) -> States {
        (0..space.len() as u32)
            .filter(|&state| !self.of_state(state).is_empty())
            .map(|state| space.vm(state).run_state())
            .collect()
    }
}
