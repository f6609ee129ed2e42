//! What belongs together: rows and sequences that a person would call one difference.
//!
//! Replies that moved are one; the same new words are one; the same new member is one. An input that differs nearly everywhere
//! is one difference, of that input; what is left belongs to the state in which it differs.

use std::collections::{BTreeMap, BTreeSet};

use runstate::Release;

use super::{Kind, Row, Sequence, Told, kind};
use crate::{act::Act, explain::label, matrix::Query, told::Step, words};

/// One difference.
#[derive(Clone, Debug)]
pub struct Group {
    /// What kind.
    pub kind: Kind,
    /// The release that brought it, where one input alone shows it.
    pub since: Option<Release>,
    /// What it is about, in words.
    pub title: String,
    /// Whether the rows are of one input; otherwise of one state.
    pub of_input: bool,
    /// Where it shows with one input; none if it takes a sequence.
    pub rows: Vec<Row>,
    /// The shortest sequences that show it, the shortest first.
    pub sequences: Vec<Sequence>,
}

/// From how many situations on a difference is the input's and not the state's.
const MANY_SITUATIONS: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: Kind,
    since: Option<Release>,
    of_input: bool,
    title: String,
}

pub(super) fn groups(query: &Query, rows: Vec<Row>, sequences: Vec<Sequence>) -> Vec<Group> {
    let wide = wide_acts(&rows);
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    for row in rows {
        let key = key(query, &row, &wide);
        groups
            .entry(key.clone())
            .or_insert_with(|| empty(key))
            .rows
            .push(row);
    }
    for sequence in sequences {
        let key = sequence_key(query, &sequence);
        // The same input says it alone; or another input, of which the same is missing.
        let shown = groups.iter().find_map(|(known, group)| {
            let same = known.kind == key.kind && group.rows.iter().any(|row| shows(row, &sequence));
            same.then(|| known.clone())
        });
        let alike = || {
            groups.iter().find_map(|(known, group)| {
                let same = known.kind == key.kind
                    && (known.title == key.title
                        || group
                            .rows
                            .iter()
                            .any(|row| edit(query, row.act, &row.from, &row.to) == key.title));
                same.then(|| known.clone())
            })
        };
        // An input that differs nearly everywhere differs in company too.
        let of_input = || {
            let act = sequence.act.filter(|act| wide.contains(act))?;
            let title = &query.acts[act].name;
            groups
                .keys()
                .find(|known| known.of_input && known.title == *title)
                .cloned()
        };
        let key = shown.or_else(of_input).or_else(alike).unwrap_or(key);
        groups
            .entry(key.clone())
            .or_insert_with(|| empty(key))
            .sequences
            .push(sequence);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    for group in &mut groups {
        group
            .sequences
            .sort_by_key(|s| (s.steps.len(), s.launch.len(), s.steps.clone()));
    }
    groups
}

fn empty(key: Key) -> Group {
    Group {
        kind: key.kind,
        since: key.since,
        title: key.title,
        of_input: key.of_input,
        rows: Vec::new(),
        sequences: Vec::new(),
    }
}

fn shows(row: &Row, sequence: &Sequence) -> bool {
    Some(row.act) == sequence.act && row.from == sequence.from && row.to == sequence.to
}

/// The acts that behave differently in many situations.
fn wide_acts(rows: &[Row]) -> BTreeSet<usize> {
    let mut situations: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for row in rows
        .iter()
        .filter(|row| kind(&row.from.0, &row.to.0) >= Kind::Abort)
    {
        situations.entry(row.act).or_default().extend(&row.situations);
    }
    let many = situations
        .into_iter()
        .filter(|(_, there)| there.len() >= MANY_SITUATIONS);
    many.map(|(act, _)| act).collect()
}

fn key(query: &Query, row: &Row, wide: &BTreeSet<usize>) -> Key {
    let kind = kind(&row.from.0, &row.to.0);
    let act = &query.acts[row.act];
    let (of_input, title) = match kind {
        Kind::Order => (false, order_title(&row.to)),
        Kind::Data | Kind::Words => (false, changed_words(&row.from, &row.to, act)),
        Kind::Abort | Kind::Behaviour if wide.contains(&row.act) => (true, act.name.clone()),
        Kind::Abort | Kind::Behaviour => (false, format!("in {}", states_of(query, &row.situations))),
    };
    Key {
        kind,
        since: Some(row.since),
        of_input,
        title,
    }
}

fn sequence_key(query: &Query, sequence: &Sequence) -> Key {
    let kind = kind(&sequence.from.0, &sequence.to.0);
    let act = act_of(query, sequence);
    let title = match kind {
        Kind::Order => order_title(&sequence.to),
        Kind::Data | Kind::Words => changed_words(&sequence.from, &sequence.to, &act),
        Kind::Abort | Kind::Behaviour => edit_of(query, &act, &sequence.from, &sequence.to),
    };
    Key {
        kind,
        since: None,
        of_input: false,
        title,
    }
}

/// The act whose outcome a sequence shows; a launch has none, and stands for something that QEMU does not refuse.
pub(super) fn act_of(query: &Query, sequence: &Sequence) -> Act {
    let launch = || Act {
        name: "launch".to_owned(),
        input: runstate::Input::Host(runstate::Host::Signal),
        note: "",
    };
    sequence.act.map_or_else(launch, |act| query.acts[act].clone())
}

fn edit(query: &Query, act: usize, from: &Told, to: &Told) -> String {
    edit_of(query, &query.acts[act], from, to)
}

/// What one says and the other does not, whatever else both say; or who aborts.
fn edit_of(query: &Query, act: &Act, from: &Told, to: &Told) -> String {
    let aborts = |told: &Told| {
        told.0.iter().find_map(|step| match step {
            Step::Abort(state) => Some(*state),
            Step::Event { .. }
            | Step::State(_)
            | Step::Return(_)
            | Step::Refused(_)
            | Step::Impossible(_)
            | Step::Exit(_) => None,
        })
    };
    let [one, other] = [query.releases[0], query.releases[1]];
    match (aborts(from), aborts(to)) {
        (Some(state), None) => return format!("{one} aborts on going to {state}"),
        (None, Some(state)) => return format!("{other} aborts on going to {state}"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let (said, says) = (words::says(&from.0, act), words::says(&to.0, act));
    let (less, more) = (missing(&said, &says), missing(&says, &said));
    match (less.is_empty(), more.is_empty()) {
        (true, true) => format!("{} or {}", words::ends(&from.0), words::ends(&to.0)),
        (true, false) => format!("{other} says also {}", more.join(", ")),
        (false, true) => format!("{one} says also {}", less.join(", ")),
        (false, false) => format!("{} or {}", less.join(", "), more.join(", ")),
    }
}

/// What the first has more often than the second.
fn missing(some: &[String], others: &[String]) -> Vec<String> {
    let mut others = others.to_vec();
    let mut left = Vec::new();
    for word in some {
        match others.iter().position(|other| other == word) {
            Some(at) => {
                others.swap_remove(at);
            }
            None => left.push(word.clone()),
        }
    }
    left
}

fn order_title(to: &Told) -> String {
    let replies = |step: &&Step| matches!(step, Step::Return(_) | Step::Refused(_));
    let early = to.0.first().as_ref().is_some_and(replies);
    let side = if early { "before" } else { "after" };
    format!("the reply comes {side} what the main loop's next pass says")
}

/// The run states of some situations, each once.
fn states_of(query: &Query, situations: &[usize]) -> String {
    let mut names: Vec<&str> = situations
        .iter()
        .map(|&s| query.situations[s].state.name())
        .collect();
    names.dedup();
    names.join(", ")
}

/// What is said, in words.
pub(super) fn said(told: &Told, act: &Act) -> String {
    let says = words::says(&told.0, act);
    if says.is_empty() {
        "nothing".to_owned()
    } else {
        says.join(", ")
    }
}

/// What is said and how it ends.
pub(super) fn said_and_ends(told: &Told, act: &Act) -> String {
    let ends = words::ends(&told.0);
    if ends.is_empty() {
        said(told, act)
    } else {
        format!("{}; {ends}", said(told, act))
    }
}

/// The first words that differ.
fn changed_words(from: &Told, to: &Told, act: &Act) -> String {
    let (from, to) = (words::says(&from.0, act), words::says(&to.0, act));
    let differing = from.iter().zip(&to).find(|(one, other)| one != other);
    differing.map_or_else(String::new, |(one, other)| format!("{one} -> {other}"))
}

/// Under what a row differs.
pub(super) fn conditions(query: &Query, row: &Row) -> String {
    let mut words = label::actions(&row.actions, &query.actions);
    if row.threads.len() < query.threads.len() {
        words.extend(
            row.threads
                .iter()
                .map(|thread| label::on_thread(*thread).to_owned()),
        );
    }
    words.join(" ")
}
