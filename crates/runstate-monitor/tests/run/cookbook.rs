//! The cookbook, `docs/scenarios`: every file holds on every release that it names, says what it is about, and is in the index.

use core::fmt::Write;
use std::{fs, path::PathBuf};

use runstate::Release;
use runstate_monitor::scenario::{
    File, Note, Scenario,
    run::{self, Outcome, Saw},
};
use runstate_qmp::Layout;

/// The index of the cookbook, beside its files.
const INDEX: &str = "README.md";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenarios")
}

/// The files of the cookbook, in order.
pub(crate) fn files() -> Vec<File> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the cookbook is there")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "qmp"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.file_name().expect("it is a file").to_string_lossy();
            let bytes = fs::read(path).expect("it is readable");
            File::parse(&name, &bytes).unwrap_or_else(|error| panic!("{error}"))
        })
        .collect()
}

/// The releases for which a scenario's expectations are meant.
pub(crate) fn releases(scenario: &Scenario) -> impl Iterator<Item = Release> {
    Release::WITH_POINTS
        .iter()
        .copied()
        .filter(|release| scenario.releases.contains(*release))
}

/// The first difference, in a line.
fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::AsExpected => "as expected".to_owned(),
        Outcome::Impossible { line, why } => format!("line {line}: {why:?}"),
        Outcome::Differs(difference) => {
            let expected = difference.expected.as_ref().map_or_else(
                || format!("exit {:?}", difference.expected_exit),
                |value| value.print(Layout::Compact),
            );
            let saw = match &difference.saw {
                Saw::Message(value) => value.print(Layout::Compact),
                Saw::Nothing => "nothing".to_owned(),
                Saw::End(end) => format!("{end:?}"),
            };
            format!("line {}: expected {expected}, saw {saw}", difference.line)
        }
    }
}

fn says_something(notes: &[Note]) -> bool {
    notes
        .iter()
        .any(|note| matches!(note, Note::Comment(text) if !text.is_empty()))
}

#[test]
fn every_page_holds_on_every_release_it_names() {
    let (mut count, mut problems) = (0, String::new());
    for file in files() {
        for scenario in &file.scenarios {
            for release in releases(scenario) {
                count += 1;
                let report = run::run(scenario, release);
                if !report.is_as_expected() {
                    let title = file.title(scenario);
                    let _ = writeln!(
                        problems,
                        "{}, {title}, {release}: {}",
                        file.name,
                        told(&report.outcome)
                    );
                }
            }
        }
    }
    assert!(
        problems.is_empty(),
        "{} of {count}\n{problems}",
        problems.lines().count()
    );
    assert!(count > 1000, "only {count} runs");
}

#[test]
fn every_page_expects_something() {
    for file in files() {
        for scenario in &file.scenarios {
            assert!(
                !scenario.is_script(),
                "{}: {} expects nothing",
                file.name,
                file.title(scenario)
            );
        }
    }
}

#[test]
fn every_page_says_what_it_is_about() {
    for file in files() {
        let first = &file.scenarios[0];
        assert!(
            says_something(&first.above) || says_something(&first.notes),
            "{} has no comment",
            file.name
        );
    }
}

#[test]
fn the_index_lists_every_page_once_and_nothing_else() {
    let index = fs::read_to_string(folder().join(INDEX)).expect("the cookbook has an index");
    let mut listed: Vec<&str> = index
        .lines()
        .filter_map(|line| line.strip_prefix("- [")?.split_once("](")?.1.split_once(')'))
        .map(|(link, _)| link)
        .collect();
    listed.sort_unstable();
    let names: Vec<String> = files().into_iter().map(|file| file.name).collect();
    assert_eq!(listed, names);
    assert!(names.len() >= 70, "the cookbook has only {} pages", names.len());
}
