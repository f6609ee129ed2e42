//! Pictures of the transition graph: of a release's whole table, of one state's neighbourhood, of what one set of actions allows.
//!
//! The graph is dense (85 pairs over 16 states), so the picture of all of it is a matrix and not a net. One format a file, each a
//! [`Format`].

pub mod dot;
pub mod json;
pub mod mermaid;
mod neighbours;
mod square;
pub mod svg;
pub mod text;

use runstate::{Actions, ExitStatus, Release, RunState, Thread};

use crate::{
    explore::untaken,
    matrix::{ActionSets, Query, Starts},
    told::{Step, perform},
};

/// A way to write a picture down.
pub trait Format {
    /// The picture in this format.
    fn draw(&self, picture: &Picture) -> String;
}

/// What a picture shows.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it is of, in words.
    pub title: String,
    /// The release.
    pub release: Release,
    /// The state whose neighbourhood it is, if it is one.
    pub around: Option<RunState>,
    /// The pairs, in schema order.
    pub edges: Vec<Edge>,
    /// Where inputs end QEMU, in schema order.
    pub ends: Vec<Ending>,
}

/// A pair of states that the table allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The state before.
    pub from: RunState,
    /// The state after.
    pub to: RunState,
    /// The first release that allows it.
    pub since: Release,
    /// Why nothing is known to take it, if nothing is.
    pub untaken: Option<&'static str>,
    /// The inputs that take it, each alone; none if it takes more than one.
    pub by: Vec<String>,
}

/// Inputs that end QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The state before.
    pub from: RunState,
    /// How it ends.
    pub end: End,
    /// The inputs.
    pub by: Vec<String>,
}

/// How QEMU ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// It exits.
    Exit(ExitStatus),
    /// It aborts for it cannot go to this state.
    Abort(RunState),
}

impl End {
    /// In words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Exit(status) => format!("exits {}", status.0),
            Self::Abort(to) => format!("aborts (-> {to})"),
        }
    }
}

/// The states as they belong together, for rows and clusters.
pub const GROUPS: &[(&str, &[RunState])] = &[
    ("alive", &[RunState::Running, RunState::Suspended]),
    (
        "stopped by the host",
        &[RunState::Prelaunch, RunState::Paused, RunState::Debug],
    ),
    (
        "stopped by what happened",
        &[
            RunState::Shutdown,
            RunState::GuestPanicked,
            RunState::Watchdog,
            RunState::IoError,
            RunState::InternalError,
        ],
    ),
    (
        "on the move",
        &[
            RunState::Inmigrate,
            RunState::FinishMigrate,
            RunState::Postmigrate,
            RunState::SaveVm,
            RunState::RestoreVm,
            RunState::Colo,
        ],
    ),
];

/// The states in the order of [`GROUPS`].
pub fn grouped_states() -> impl Iterator<Item = RunState> {
    GROUPS.iter().flat_map(|(_, states)| states.iter().copied())
}

impl Picture {
    /// The whole table of a release, and which inputs take each pair under any actions.
    #[must_use]
    pub fn of(release: Release) -> Self {
        let mut picture = Self::table(release);
        picture.title = format!(
            "Run states of QEMU {release}: {} transitions",
            picture.edges.len()
        );
        picture.add_inputs(ActionSets::all());
        // Of all actions at once nearly every input ends QEMU in nearly every state: that says nothing.
        picture.ends.clear();
        picture
    }

    /// What happens under these actions: only the pairs that one input takes, and the ends.
    #[must_use]
    pub fn under(release: Release, actions: Actions) -> Self {
        let mut picture = Self::table(release);
        picture.title = format!("QEMU {release} with -action {actions}");
        picture.add_inputs(sets_of(actions));
        picture.edges.retain(|edge| !edge.by.is_empty());
        picture
    }

    /// One state, what leads there and where it leads, under these actions or any.
    #[must_use]
    pub fn around(release: Release, state: RunState, actions: Option<Actions>) -> Self {
        let mut picture = Self::table(release);
        let under = actions.map_or_else(String::new, |actions| format!(" with -action {actions}"));
        picture.title = format!("{state} in QEMU {release}{under}");
        picture.around = Some(state);
        picture
            .edges
            .retain(|edge| edge.from == state || edge.to == state);
        picture.add_inputs(actions.map_or_else(ActionSets::all, sets_of));
        picture.ends.retain(|ending| ending.from == state);
        if actions.is_some() {
            picture.edges.retain(|edge| !edge.by.is_empty());
        }
        picture
    }

    fn table(release: Release) -> Self {
        let untaken: Vec<_> = untaken()
            .filter(|pair| (pair.since..=pair.until).contains(&release))
            .collect();
        let edges = release.graph().transitions().map(|(from, to)| Edge {
            from,
            to,
            since: since(from, to, release),
            untaken: untaken
                .iter()
                .find(|pair| (pair.from, pair.to) == (from, to))
                .map(|pair| pair.why),
            by: Vec::new(),
        });
        Self {
            title: String::new(),
            release,
            around: None,
            edges: edges.collect(),
            ends: Vec::new(),
        }
    }

    /// Runs every input in every situation, and notes which pairs it goes through and how it ends.
    fn add_inputs(&mut self, actions: ActionSets) {
        let mut query = Query::all();
        query.releases = vec![self.release];
        query.threads = vec![Thread::Vcpu];
        query.actions = actions;
        let starts = Starts::reach(&query);
        let mut told = Vec::new();
        for act in &query.acts {
            for mut vm in starts.vms.iter().flatten().copied() {
                told.clear();
                let before = vm.run_state();
                perform(&mut vm, act.input, &mut told);
                self.note(before, &told, &act.name);
            }
        }
    }

    fn note(&mut self, before: RunState, told: &[Step], name: &str) {
        let mut at = before;
        for step in told {
            let end = match step {
                Step::State(to) => {
                    let edge = self
                        .edges
                        .iter_mut()
                        .find(|edge| (edge.from, edge.to) == (at, *to));
                    // An edited stream takes nearly all; that is not counted, as the reason says.
                    if let Some(edge) = edge.filter(|edge| edge.untaken.is_none()) {
                        add(&mut edge.by, name);
                    }
                    at = *to;
                    continue;
                }
                Step::Exit(status) => End::Exit(*status),
                Step::Abort(to) => End::Abort(*to),
                Step::Event { .. } | Step::Return(_) | Step::Refused(_) | Step::Impossible(_) => continue,
            };
            let known = self
                .ends
                .iter_mut()
                .find(|ending| (ending.from, ending.end) == (before, end));
            match known {
                Some(ending) => add(&mut ending.by, name),
                None => self.ends.push(Ending {
                    from: before,
                    end,
                    by: vec![name.to_owned()],
                }),
            }
        }
        self.ends.sort_by_key(|ending| (ending.from, ending.end));
    }

    /// The pair of these states, if the picture has it.
    #[must_use]
    pub fn edge(&self, from: RunState, to: RunState) -> Option<&Edge> {
        self.edges.iter().find(|edge| (edge.from, edge.to) == (from, to))
    }
}

fn add(by: &mut Vec<String>, name: &str) {
    if !by.iter().any(|known| known == name) {
        by.push(name.to_owned());
    }
}

fn sets_of(actions: Actions) -> ActionSets {
    ActionSets {
        reboot: vec![actions.reboot()],
        shutdown: vec![actions.shutdown()],
        panic: vec![actions.panic()],
        watchdog: vec![actions.watchdog()],
    }
}

/// The first release whose table has the pair.
fn since(from: RunState, to: RunState, release: Release) -> Release {
    let mut all = Release::WITH_POINTS.iter().copied();
    all.find(|release| release.graph().successors(from).contains(to))
        .unwrap_or(release)
}

/// A pair's inputs in few words: the first ones, and how many more.
#[must_use]
pub fn by_words(by: &[String], most: usize) -> String {
    let mut words = by
        .iter()
        .take(most)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("; ");
    if by.len() > most {
        words.push_str(&format!("; and {} more", by.len() - most));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_hold_each_state_once() {
        let mut states: Vec<RunState> = grouped_states().collect();
        states.sort();
        assert_eq!(states, RunState::ALL);
    }

    #[test]
    fn inputs_are_found_for_what_is_known() {
        let picture = Picture::around(Release::V10_0, RunState::Paused, None);
        let by = |from, to| {
            picture
                .edge(from, to)
                .map(|edge| edge.by.clone())
                .unwrap_or_default()
        };
        assert!(by(RunState::Running, RunState::Paused).contains(&"stop".to_owned()));
        assert!(by(RunState::Paused, RunState::Prelaunch).contains(&"system_reset".to_owned()));
        assert!(picture.edge(RunState::Running, RunState::Suspended).is_none());
        let suspended = picture
            .edge(RunState::Paused, RunState::Suspended)
            .expect("9.0 brought it");
        assert_eq!(suspended.since, Release::V9_0);
    }

    #[test]
    fn what_nothing_takes_has_no_input() {
        for release in [Release::V6_0, Release::V8_2, Release::V11_0] {
            let picture = Picture::of(release);
            assert_eq!(picture.edges.len(), release.graph().len());
            for edge in &picture.edges {
                assert!(edge.untaken.is_none() || edge.by.is_empty(), "{edge:?}");
            }
        }
    }

    #[test]
    fn one_set_of_actions_shows_its_own_transitions() {
        let default = Picture::under(Release::V10_0, Actions::DEFAULT);
        assert!(default.edge(RunState::Running, RunState::GuestPanicked).is_none());
        let exits =
            |ending: &&Ending| ending.from == RunState::Running && ending.end == End::Exit(ExitStatus(0));
        let exits = default.ends.iter().find(exits).expect("a panic ends it");
        assert!(exits.by.contains(&"guest panic".to_owned()));
    }
}
