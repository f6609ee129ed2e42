//! The transitions that are allowed and that nothing takes, with the reason of each.

use runstate::{Release, RunState};

/// A pair of the table that no story takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untaken {
    /// The state before.
    pub from: RunState,
    /// The state after.
    pub to: RunState,
    /// The first release of which this holds,
    pub since: Release,
    /// and the last.
    pub until: Release,
    /// Why nothing takes it.
    pub why: &'static str,
}

/// The list, kept as text in `data/untaken.txt`.
pub fn untaken() -> impl Iterator<Item = Untaken> {
    include_str!("../../data/untaken.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| parse(line).unwrap_or_else(|| unreachable!("data/untaken.txt is tested: {line}")))
}

fn parse(line: &'static str) -> Option<Untaken> {
    let mut rest = line;
    let mut word = || {
        let (word, tail) = rest.split_once(' ')?;
        rest = tail.trim_start();
        Some(word)
    };
    let (from, to, releases) = (word()?, word()?, word()?);
    let (since, until) = releases.split_once("..")?;
    Some(Untaken {
        from: RunState::from_name(from)?,
        to: RunState::from_name(to)?,
        since: Release::from_name(since)?,
        until: if until.is_empty() {
            Release::LAST
        } else {
            Release::from_name(until)?
        },
        why: rest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_names_a_pair_of_the_table() {
        for pair in untaken() {
            assert!(pair.since.graph().allows(pair.from, pair.to), "{pair:?}");
            assert!(!pair.why.is_empty() && pair.since <= pair.until, "{pair:?}");
        }
    }
}
