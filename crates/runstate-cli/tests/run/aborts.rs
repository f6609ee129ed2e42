//! The book's page of aborts: made of what `runstate explore --find abort` finds and of what real QEMUs did, and compared.
//!
//! `RUNSTATE_BLESS=1 cargo test -p runstate-cli --test run aborts` writes it anew.

use core::fmt::Write as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use serde_json::Value;

use crate::told::{explored, in_words, inputs, same_as_kept};

/// What takes the same, in the order of the page: its name in the report, its heading.
const TAKES: &[(&str, &str)] = &[
    ("guest", "The guest alone"),
    ("guest-race", "The guest alone, by a race of its vCPUs"),
    ("host", "With somebody on the host"),
    ("host-race", "With somebody on the host, by a race"),
    ("colo", "With a COLO pair"),
    ("debugger", "With a debugger"),
    ("debugger-race", "With a debugger, by a race"),
    ("main-loop", "Guest actions on the main loop (qtest, HMP's o)"),
];

/// What happened on a real QEMU, a line of `tests/data/aborts.txt`.
struct Tried<'a> {
    version: &'a str,
    release: &'a str,
    pair: (&'a str, &'a str),
    outcome: &'a str,
    why: &'a str,
}

fn tried(text: &str) -> Vec<Tried<'_>> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.splitn(6, ' ');
            let mut word = || words.next().unwrap_or_default();
            Tried {
                version: word(),
                release: word(),
                pair: (word(), word()),
                outcome: word(),
                why: word(),
            }
        })
        .collect()
}

fn page(found: &[Value], tried: &[Tried<'_>]) -> String {
    let mut releases: Vec<String> = Vec::new();
    // By what it takes, pair and inputs: in which releases.
    let mut rows: BTreeMap<(usize, String, String, String), BTreeSet<usize>> = BTreeMap::new();
    for abort in found {
        let text = |key: &str| abort[key].as_str().expect("it is a name").to_owned();
        let release = text("release");
        if releases.last() != Some(&release) {
            releases.push(release);
        }
        let takes = text("takes");
        let takes = TAKES.iter().position(|(name, _)| *name == takes);
        let takes = takes.expect("the page has a heading for it");
        let key = (takes, text("from"), text("to"), inputs(&abort["scenario"]));
        rows.entry(key).or_default().insert(releases.len() - 1);
    }
    let mut page = INTRODUCTION.to_owned();
    for (takes, (_, heading)) in TAKES.iter().enumerate() {
        let rows: Vec<_> = rows.iter().filter(|((t, ..), _)| *t == takes).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(
            page,
            "\n## {heading}\n\n| from | to | releases | inputs | seen on |\n|---|---|---|---|---|\n"
        );
        for ((_, from, to, inputs), of) in rows {
            let seen = tried
                .iter()
                .filter(|t| t.pair == (from, to) && of.iter().any(|&at| releases[at] == t.release));
            let seen: Vec<String> = seen
                .filter_map(|t| match t.outcome {
                    "alike" => Some(t.version.to_owned()),
                    "alike-qtest" => Some(format!("{}q", t.version)),
                    "sometimes" => Some(format!("{}s", t.version)),
                    "pair" => Some(format!("{}p", t.version)),
                    "abort" => Some(format!("{}\\*", t.version)),
                    _ => None,
                })
                .collect();
            let _ = writeln!(
                page,
                "| {from} | {to} | {} | {inputs} | {} |",
                in_words(of, &releases),
                seen.join(", ")
            );
        }
    }
    page + &left_out(tried)
}

/// Why the others were not seen, with how many there are of each.
fn left_out(tried: &[Tried<'_>]) -> String {
    let mut versions: Vec<&str> = tried.iter().map(|t| t.version).collect();
    versions.dedup();
    let mut reasons: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for t in tried.iter().filter(|t| {
        !matches!(
            t.outcome,
            "alike" | "alike-qtest" | "sometimes" | "pair" | "abort"
        )
    }) {
        *reasons.entry(t.why).or_default().entry(t.version).or_default() += 1;
    }
    let mut text = format!(
        "\n## Not seen\n\nHow many were tried on each QEMU and not seen, and why.\n\n| why | {} |\n|---|{}\n",
        versions.join(" | "),
        "---|".repeat(versions.len())
    );
    for (why, counts) in reasons {
        let counts: Vec<String> = versions
            .iter()
            .map(|version| counts.get(version).map(usize::to_string).unwrap_or_default())
            .collect();
        let _ = writeln!(text, "| {why} | {} |", counts.join(" | "));
    }
    text
}

const INTRODUCTION: &str = "\
# Aborts

QEMU aborts, and takes the guest with it, when it is asked for a change of its run state that its table does not have: \"invalid runstate
transition\". `runstate explore --find abort` finds every pair of states for which that can be brought about, and the shortest scenario that
does. This page lists them all. It is made from the model and compared with it by the tests. Where both states are the same, what fails is an
assertion about something else.

Inputs are in the order in which they come; one that ends in ` &` is not followed by a pass of the main loop. `--write DIR` writes each as a
scenario with all that QEMU says on the way.

The last column says on which QEMUs the scenario was replayed by `runstate conform` with the same end, every message alike; with a q, by
`--inject qtest`, for a guest that waits for its incoming stream has no program that could act; with an s, when the dump was not done too
soon; with a p, in one of two QEMUs that were set up as a COLO pair by hand, the guest acting by qtest; with a star, the abort was the same and
another message was not. QEMU 11.1.3 stands for 11.0 here. The scenarios that were alike on Debian 12's QEMU are replayed by every run of CI. What was tried is in `crates/runstate-cli/tests/data/aborts.txt`.
";

#[test]
fn the_page_of_aborts_is_that_of_the_model() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let data = fs::read_to_string(root.join("tests/data/aborts.txt")).expect("it is readable");
    let tried = tried(&data);
    let found = explored(&["--find", "abort"]);
    assert!(found.len() > 1000, "{}", found.len());
    for t in &tried {
        assert!(
            found.iter().any(|abort| {
                abort["release"] == t.release && abort["from"] == t.pair.0 && abort["to"] == t.pair.1
            }),
            "nothing aborts there, says the model, but a QEMU was tried: {} {:?}",
            t.release,
            t.pair
        );
    }
    let page = page(&found, &tried);
    same_as_kept("aborts.md", &page);
}

#[test]
fn what_is_written_replays_in_the_model() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let dir = folder.path().to_str().expect("its name is text");
    let tool = || Command::new(env!("CARGO_BIN_EXE_runstate"));
    let arguments = [
        "explore",
        "--find",
        "abort",
        "--release",
        "7.2",
        "--write",
        dir,
        "--output=json",
    ];
    let output = tool().args(arguments).output().expect("the tool starts");
    assert!(output.status.success(), "{output:?}");
    let files = fs::read_dir(folder.path().join("7.2"))
        .expect("it was written")
        .count();
    let (mut found, mut left) = (0, 0);
    for line in output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let abort: Value = serde_json::from_slice(line).expect("a line is JSON");
        found += 1;
        if abort["replays"] == false {
            // It says so itself: what QEMU does by itself cannot be made slower by a scenario.
            let name = abort["scenario"]["name"].as_str().expect("it has a name");
            let file = folder.path().join("7.2").join(name).with_extension("qmp");
            fs::remove_file(file).expect("it was written");
            left += 1;
        }
    }
    assert_eq!(found, files);
    assert!(left * 10 < files && files > 50, "{left} of {files}");
    let ran = tool()
        .args(["run", "--quiet", dir])
        .output()
        .expect("the tool starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
