//! [`Transitions`]: which transitions of the graph were taken.

use runstate::{RunState, States};

/// A set of transitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transitions([States; RunState::ALL.len()]);

impl Transitions {
    /// Whether it was taken.
    #[must_use]
    pub const fn contains(&self, from: RunState, to: RunState) -> bool {
        self.0[from as usize].contains(to)
    }

    /// Whether none was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those taken, in schema order.
    pub fn iter(&self) -> impl Iterator<Item = (RunState, RunState)> {
        RunState::ALL
            .iter()
            .flat_map(|&from| self.0[from as usize].iter().map(move |to| (from, to)))
    }

    pub(super) const fn insert(&mut self, from: RunState, to: RunState) {
        let successors = &mut self.0[from as usize];
        *successors = successors.union(States::of(&[to]));
    }
}

impl Extend<(RunState, RunState)> for Transitions {
    fn extend<I: IntoIterator<Item = (RunState, RunState)>>(&mut self, transitions: I) {
        for (from, to) in transitions {
            self.insert(from, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_told_in_schema_order() {
        let mut taken = Transitions::default();
        assert!(taken.is_empty());
        taken.extend([
            (RunState::Running, RunState::Paused),
            (RunState::Paused, RunState::Running),
            (RunState::Running, RunState::Paused),
        ]);
        assert!(taken.contains(RunState::Running, RunState::Paused));
        assert!(!taken.contains(RunState::Running, RunState::Running));
        assert_eq!(
            taken.iter().collect::<Vec<_>>(),
            [
                (RunState::Paused, RunState::Running),
                (RunState::Running, RunState::Paused)
            ]
        );
    }
}
