//! Sets of states, releases and actions, as a person would name them.

use runstate::{Release, Thread};

use crate::{
    matrix::{ActionSets, Matrix, Query, Row},
    situation::Situation,
};

/// `all`, `up to 8.2`, `7.2, 9.0 and later`: releases out of those that were asked for.
#[must_use]
pub fn releases(some: &[Release], asked: &[Release]) -> String {
    if some == asked {
        return match asked {
            [only] => only.name().to_owned(),
            _ => "all".to_owned(),
        };
    }
    let place = |release: &Release| asked.iter().position(|other| other == release);
    let mut runs: Vec<(Release, Release)> = Vec::new();
    let mut last = None;
    for release in some {
        let at = place(release);
        match (runs.last_mut(), last, at) {
            (Some(run), Some(last), Some(at)) if at == last + 1 => run.1 = *release,
            _ => runs.push((*release, *release)),
        }
        last = at;
    }
    let first = asked.first().copied();
    let end = asked.last().copied();
    let words: Vec<String> = runs
        .into_iter()
        .map(|(from, to)| {
            if from == to {
                from.name().to_owned()
            } else if Some(from) == first {
                format!("up to {to}")
            } else if Some(to) == end {
                format!("{from} and later")
            } else {
                format!("{from} to {to}")
            }
        })
        .collect();
    words.join(", ")
}

/// `running`, `paused (while suspended)`, `any state`, `any but inmigrate, running`.
#[must_use]
pub fn states(some: &[usize], query: &Query) -> String {
    let all: Vec<usize> = (0..query.situations.len()).collect();
    if some.len() == all.len() && all.len() > 1 {
        return if query
            .situations
            .iter()
            .all(|s| s.state == query.situations[0].state)
        {
            query.situations[0].state.name().to_owned()
        } else {
            "any state".to_owned()
        };
    }
    let others: Vec<usize> = all.iter().copied().filter(|s| !some.contains(s)).collect();
    let (listed, rest) = (names(some, query), names(&others, query));
    if some.len() > 8 && rest.len() < listed.len() && rest.len() < 8 {
        format!("any but {}", rest.join(", "))
    } else {
        listed.join(", ")
    }
}

/// A state whose every variant is there is named once.
fn names(some: &[usize], query: &Query) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for &s in some {
        let situation = &query.situations[s];
        let whole = |place: usize, other: &Situation| other.state != situation.state || some.contains(&place);
        let name = if query
            .situations
            .iter()
            .enumerate()
            .all(|(i, other)| whole(i, other))
        {
            situation.state.name().to_owned()
        } else {
            title(situation)
        };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}

/// A situation's name in a list.
#[must_use]
pub fn title(situation: &Situation) -> String {
    if situation.variant.is_empty() {
        situation.state.name().to_owned()
    } else {
        format!("{} ({})", situation.state, situation.variant)
    }
}

/// What must hold for a row beside state and release: `panic=pause`, `reboot=shutdown, on a vCPU`. Empty where nothing must.
#[must_use]
pub fn conditions(row: &Row, query: &Query) -> Vec<String> {
    let mut words = actions(&row.actions, &query.actions);
    if row.threads.len() < query.threads.len() {
        words.extend(row.threads.iter().map(|thread| on_thread(*thread).to_owned()));
    }
    words
}

/// Where the guest acts.
#[must_use]
pub const fn on_thread(thread: Thread) -> &'static str {
    match thread {
        Thread::Vcpu => "on a vCPU",
        Thread::MainLoop => "on the main loop",
    }
}

/// The actions that are not free.
#[must_use]
pub fn actions(some: &ActionSets, asked: &ActionSets) -> Vec<String> {
    fn one<T: Copy + PartialEq>(
        key: &str,
        some: &[T],
        asked: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<String> {
        if some.len() == asked.len() {
            return None;
        }
        let others: Vec<&T> = asked.iter().filter(|value| !some.contains(value)).collect();
        if let [other] = others[..]
            && some.len() > 2
        {
            return Some(format!("{key}!={}", name(*other)));
        }
        let values: Vec<&str> = some.iter().map(|value| name(*value)).collect();
        Some(format!("{key}={}", values.join("|")))
    }
    // The shutdown action decides last.
    [
        one("panic", &some.panic, &asked.panic, |a| a.name()),
        one("watchdog", &some.watchdog, &asked.watchdog, |a| a.name()),
        one("reboot", &some.reboot, &asked.reboot, |a| a.name()),
        one("shutdown", &some.shutdown, &asked.shutdown, |a| a.name()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether names of point releases stand in a list of releases, so that they want a word.
#[must_use]
pub fn mentions_points(matrix: &Matrix) -> bool {
    matrix.rows.iter().any(|row| {
        let text = releases(&row.releases, &matrix.query.releases);
        text.contains("7.2") || text.contains("9.2")
    })
}

/// What the names of point releases mean.
pub const POINTS: &str =
    "7.2.0 is 7.2.0 to 7.2.8, and 7.2 is 7.2.9 and later; 9.2.0 is that one, and 9.2 is 9.2.1 and later.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_told_in_ranges() {
        let all = Release::WITH_POINTS;
        let from = |first: Release| -> Vec<Release> { all.iter().copied().filter(|r| *r >= first).collect() };
        let before = |end: Release| -> Vec<Release> { all.iter().copied().filter(|r| *r < end).collect() };
        assert_eq!(releases(all, all), "all");
        assert_eq!(releases(&from(Release::V9_0), all), "9.0 and later");
        assert_eq!(releases(&before(Release::V9_0), all), "up to 8.2");
        let mut late = vec![Release::V7_2];
        late.extend(from(Release::V9_0));
        assert_eq!(releases(&late, all), "7.2, 9.0 and later");
        assert_eq!(releases(&[Release::V6_1, Release::V6_2], all), "6.1 to 6.2");
        assert_eq!(releases(&[Release::V6_0], &[Release::V6_0]), "6.0");
    }

    #[test]
    fn states_are_told_by_what_is_shorter() {
        let query = Query::all();
        let all: Vec<usize> = (0..query.situations.len()).collect();
        assert_eq!(states(&all, &query), "any state");
        let place = |name: &str| query.situations.iter().position(|s| s.name == name);
        let (paused, suspended) = (
            place("paused").expect("it is"),
            place("paused-while-suspended").expect("it is"),
        );
        assert_eq!(states(&[paused], &query), "paused");
        assert_eq!(states(&[suspended], &query), "paused (while suspended)");
        let but: Vec<usize> = all.iter().copied().filter(|s| *s != suspended).collect();
        assert_eq!(states(&but, &query), "any but paused (while suspended)");
    }
}
