//! The transcripts of real QEMU against the model. What differs is in `tests/differences.txt`, each with its reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use runstate::Release;
use runstate_monitor::scenario::{File, run};

/// What differs, and why: `RELEASE/FILE SCENARIO: reason`, one a line.
const DIFFERENCES: &str = include_str!("../differences.txt");

/// The point release of a reason `recorded on X.Y.Z, ..`: there it holds.
fn recorded_on(reason: &str) -> Option<Release> {
    let (release, _) = reason.strip_prefix("recorded on ")?.split_once(',')?;
    Release::from_name(release)
}

fn listed() -> BTreeMap<String, &'static str> {
    DIFFERENCES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (key, reason) = line
                .split_once(": ")
                .expect("a difference is `RELEASE/FILE SCENARIO: reason`");
            (key.to_owned(), reason)
        })
        .collect()
}

/// Every file of recordings, with the release it was recorded on, in order.
pub(crate) fn files() -> Vec<(Release, File)> {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut files = Vec::new();
    for folder in fs::read_dir(&recorded)
        .expect("the recordings are there")
        .flatten()
    {
        let folder_name = folder.file_name().to_string_lossy().into_owned();
        let Some(release) = Release::from_name(&folder_name) else {
            continue;
        };
        let mut paths: Vec<_> = fs::read_dir(folder.path())
            .expect("a folder")
            .flatten()
            .map(|file| file.path())
            .collect();
        paths.sort();
        for path in paths {
            let name = path
                .file_name()
                .expect("it is a file")
                .to_string_lossy()
                .into_owned();
            let file =
                File::parse(&name, &fs::read(&path).expect("it is readable")).expect("recordings parse");
            files.push((release, file));
        }
    }
    files
}

#[test]
fn recorded_transcripts_hold() {
    let mut listed = listed();
    let (mut count, mut problems) = (0, String::new());
    for (release, file) in files() {
        for scenario in &file.scenarios {
            count += 1;
            let key = format!("{release}/{} {}", file.name, file.title(scenario));
            let report = run::run(scenario, release);
            match (report.is_as_expected(), listed.remove(&key)) {
                (true, None) => {}
                (false, Some(reason)) => {
                    if let Some(point) = recorded_on(reason)
                        && !run::run(scenario, point).is_as_expected()
                    {
                        problems += &format!("{key} does not hold on {point} either\n");
                    }
                }
                (true, Some(reason)) => {
                    problems += &format!("{key} is listed and does not differ: {reason}\n");
                }
                (false, None) => problems += &format!("{key}: {:?}\n", report.outcome),
            }
        }
    }
    for (key, _) in listed {
        problems += &format!("{key} is listed and does not exist\n");
    }
    assert!(count > 2200, "only {count} scenarios were found");
    assert!(
        problems.is_empty(),
        "{} of {count}\n{problems}",
        problems.lines().count()
    );
}

/// What a newer QEMU says as an older one did: scenarios of the older one's files.
const SAME_ON_11_1: &str = include_str!("../recorded/same-on-11.1.txt");

#[test]
fn what_11_1_says_as_10_0_did_holds() {
    let listed: BTreeSet<&str> = SAME_ON_11_1
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let (mut count, mut problems) = (0, String::new());
    for (_, file) in files().iter().filter(|(release, _)| *release == Release::V10_0) {
        for scenario in &file.scenarios {
            let key = format!("{} {}", file.name, file.title(scenario));
            if !listed.contains(&*key) {
                continue;
            }
            count += 1;
            let report = run::run(scenario, Release::V11_1);
            if !report.is_as_expected() {
                problems += &format!("{key}: {:?}\n", report.outcome);
            }
        }
    }
    assert_eq!(count, listed.len(), "each that is listed exists");
    assert!(count > 650 && problems.is_empty(), "of {count}:\n{problems}");
}
