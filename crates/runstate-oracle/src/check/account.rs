//! An account of what was heard, from the cheapest way through the automaton.

use super::{
    EXPLAINED, Happened,
    explain::{self, Policy, Trail, Way},
    subsets::{Place, Subsets},
    word::Word,
};

/// Tells what must have happened, and of how many letters.
pub(super) fn account(subsets: &mut Subsets, trail: &Trail) -> (Vec<Happened>, u64) {
    let mut told = Account::default();
    let (mut at, mut explained) = (0, 0);
    let mut from = None;
    while at < trail.len() {
        let part = &trail[at..trail.len().min(at + EXPLAINED)];
        let is_last = at + part.len() == trail.len();
        let way = explain::way(subsets, part, from);
        let Some(way) = way.or_else(|| explain::way(subsets, part, None)) else {
            return (told.account, explained);
        };
        // What is far ahead seldom says anything about what is done here.
        let kept = if is_last { part.len() } else { part.len() / 2 };
        if from != Some(way.nodes[0]) {
            told.begins(subsets, &way);
        }
        told.goes(subsets, &way, part, kept);
        explained += kept as u64;
        from = Some(way.nodes[kept]);
        at += kept;
    }
    told.ends();
    (told.account, explained)
}

#[derive(Default)]
struct Account {
    account: Vec<Happened>,
    policy: Policy,
    /// Where the last part begins: its options are known at its end.
    began: Option<usize>,
}

impl Account {
    fn begins(&mut self, subsets: &Subsets, way: &Way) {
        self.ends();
        let place = Place {
            rest: Word::SILENCE,
            ..subsets.place(way.nodes[0])
        };
        let state = subsets.state(place).vm.run_state();
        self.began = Some(self.account.len());
        self.account.push(Happened::Begins {
            state,
            options: String::new(),
        });
    }

    fn ends(&mut self) {
        let known = core::mem::take(&mut self.policy).options();
        if let Some(at) = self.began.take()
            && let Happened::Begins { options, .. } = &mut self.account[at]
        {
            *options = known;
        }
    }

    /// The first letters of a part.
    fn goes(&mut self, subsets: &Subsets, way: &Way, part: &Trail, kept: usize) {
        let mut heard = 0;
        let told = |from: usize, to: usize| {
            part[from..to]
                .iter()
                .map(|&(_, letter, line)| Happened::Heard { line, letter })
        };
        for step in way.steps.iter().take_while(|step| step.before < kept) {
            if let Some(number) = step.letter {
                // What the step before says after its first letter.
                self.account.extend(told(heard, number));
                heard = number;
            }
            let needs = self.policy.needs(subsets, way.automaton(subsets), step.edge);
            self.account.extend(needs.map(Happened::Inferred));
            let names = explain::names(subsets, way.automaton(subsets), step.edge.cause);
            self.account.extend(names.into_iter().map(Happened::Inferred));
        }
        self.account.extend(told(heard, kept));
    }
}
