//! The matrix as one HTML page that needs nothing else: no server, no network, no other file.
//!
//! The page carries the rows as sets of places and does the rest itself: `page/script.js` says how a row is read.

use std::collections::HashMap;

use serde::Serialize;

use super::label;
use crate::{
    matrix::{Matrix, Row},
    words,
};

/// What the page carries.
#[derive(Serialize)]
struct Data<'a> {
    acts: Vec<(&'a str, &'a str)>,
    /// Name, state, variant, the first release's place, how it is reached.
    states: Vec<(&'a str, &'static str, &'a str, usize, String)>,
    threads: Vec<&'static str>,
    releases: Vec<&'static str>,
    actions: ActionNames,
    words: Vec<String>,
    /// What is said, and the end: places in `words`.
    outcomes: Vec<(Vec<usize>, usize)>,
    rows: Vec<[u32; 10]>,
}

#[derive(Serialize)]
struct ActionNames {
    panic: Vec<&'static str>,
    watchdog: Vec<&'static str>,
    reboot: Vec<&'static str>,
    shutdown: Vec<&'static str>,
}

/// The page.
///
/// # Errors
///
/// Those of serde_json, none of which is expected.
pub fn page(matrix: &Matrix) -> Result<String, serde_json::Error> {
    // In a script element `<` could begin its end tag.
    let data = serde_json::to_string(&data(matrix))?.replace('<', "\\u003c");
    Ok(include_str!("page/page.html")
        .replacen("{{style}}", include_str!("page/style.css"), 1)
        .replacen("{{script}}", include_str!("page/script.js"), 1)
        .replacen("{{points}}", label::POINTS, 1)
        .replacen("{{version}}", env!("CARGO_PKG_VERSION"), 1)
        .replacen("{{data}}", &data, 1))
}

fn data(matrix: &Matrix) -> Data<'_> {
    let query = &matrix.query;
    let newest = query.releases.last().copied().unwrap_or_default();
    let mut known = Known::default();
    let rows = matrix.rows.iter().map(|row| known.row(matrix, row)).collect();
    Data {
        acts: query
            .acts
            .iter()
            .map(|act| (act.name.as_str(), act.note))
            .collect(),
        states: query
            .situations
            .iter()
            .map(|situation| {
                let since = query
                    .releases
                    .iter()
                    .position(|release| *release >= situation.since);
                (
                    situation.name,
                    situation.state.name(),
                    situation.variant,
                    since.unwrap_or(query.releases.len()),
                    situation.steps(newest).join("; "),
                )
            })
            .collect(),
        threads: query
            .threads
            .iter()
            .map(|thread| label::on_thread(*thread))
            .collect(),
        releases: query.releases.iter().map(|release| release.name()).collect(),
        actions: ActionNames {
            panic: query.actions.panic.iter().map(|action| action.name()).collect(),
            watchdog: query
                .actions
                .watchdog
                .iter()
                .map(|action| action.name())
                .collect(),
            reboot: query.actions.reboot.iter().map(|action| action.name()).collect(),
            shutdown: query
                .actions
                .shutdown
                .iter()
                .map(|action| action.name())
                .collect(),
        },
        words: known.words,
        outcomes: known.outcomes,
        rows,
    }
}

/// Words and outcomes met so far, each once.
#[derive(Default)]
struct Known {
    words: Vec<String>,
    word_places: HashMap<String, usize>,
    outcomes: Vec<(Vec<usize>, usize)>,
    outcome_places: HashMap<(Vec<usize>, usize), u32>,
}

impl Known {
    fn row(&mut self, matrix: &Matrix, row: &Row) -> [u32; 10] {
        let q = &matrix.query;
        let told = matrix.outcome(row.outcome);
        let says = words::says(told, &q.acts[row.act]);
        let says = says.into_iter().map(|word| self.word(word)).collect();
        let ends = self.word(words::ends(told));
        let outcome = self.outcome((says, ends));
        let [low, high] = state_sets(&row.situations);
        let act = u32::try_from(row.act).expect("acts are few");
        [
            act,
            low,
            high,
            set(&row.threads, &q.threads),
            set(&row.releases, &q.releases),
            set(&row.actions.panic, &q.actions.panic),
            set(&row.actions.watchdog, &q.actions.watchdog),
            set(&row.actions.reboot, &q.actions.reboot),
            set(&row.actions.shutdown, &q.actions.shutdown),
            outcome,
        ]
    }

    fn word(&mut self, word: String) -> usize {
        *self.word_places.entry(word).or_insert_with_key(|word| {
            self.words.push(word.clone());
            self.words.len() - 1
        })
    }

    fn outcome(&mut self, outcome: (Vec<usize>, usize)) -> u32 {
        *self.outcome_places.entry(outcome).or_insert_with_key(|outcome| {
            self.outcomes.push(outcome.clone());
            u32::try_from(self.outcomes.len() - 1).expect("outcomes are few")
        })
    }
}

/// How many situations fit into one set: JavaScript shifts 32-bit integers with a sign.
const STATES_PER_SET: usize = 30;

fn state_sets(situations: &[usize]) -> [u32; 2] {
    let mut sets = [0; 2];
    for &place in situations {
        sets[place / STATES_PER_SET] |= 1 << (place % STATES_PER_SET);
    }
    sets
}

fn set<T: PartialEq>(some: &[T], all: &[T]) -> u32 {
    let places = all.iter().enumerate().filter(|(_, value)| some.contains(value));
    places.fold(0, |set, (place, _)| set | 1 << place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Detail, Query};

    #[test]
    fn the_page_needs_nothing_else_and_is_small() {
        let mut query = Query::all();
        query.detail = Detail::Visible;
        query
            .acts
            .retain(|act| act.answers_to("panic") || act.name == "cont");
        let page = page(&Matrix::of(query)).expect("plain data");
        for outside in ["http:", "https:", "src=", "@import", "url(", "{{"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.len() < 40_000, "{}", page.len());
        assert!(page.contains("GUEST_PANICKED pause"));
    }

    #[test]
    fn all_situations_fit_into_two_sets() {
        assert!(Query::all().situations.len() <= 2 * STATES_PER_SET);
    }
}
