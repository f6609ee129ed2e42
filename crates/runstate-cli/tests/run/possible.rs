//! What a QEMU has said, or would say, is never called impossible: the recorded transcripts, the cookbook and random scenarios, as
//! logs of which the checker hears the messages alone.

use std::{fs, path::Path};

use runstate::Release;
use runstate_monitor::scenario::{
    Action, File, Scenario,
    random::{Profile, Wish, generate},
};
use runstate_oracle::{
    check::{Checker, Verdict},
    log::{Format, Reader},
};

/// The messages of a scenario as a transcript.
fn log(scenario: &Scenario) -> String {
    use core::fmt::Write as _;
    let mut log = String::new();
    for step in &scenario.steps {
        match &step.action {
            Action::Send(message) => writeln!(log, "-> {message}").expect("memory"),
            Action::Expect(message) => writeln!(log, "<- {message}").expect("memory"),
            Action::Guest { .. } | Action::Host { .. } | Action::Wait(_) | Action::Exit(_) => {}
        }
    }
    log
}

fn check(checker: &mut Checker, log: &str) -> Option<Verdict> {
    let mut reader = Reader::new(Some(Format::Transcript));
    reader.feed(log.as_bytes(), &mut |record| checker.hear(record));
    reader.finish(&mut |record| checker.hear(record));
    checker.finish().pop()
}

/// What is wrong with the verdict on something that this release has said.
fn wrong(checker: &mut Checker, name: &str, release: Release, scenario: &Scenario) -> Option<String> {
    let log = log(scenario);
    let verdict = check(checker, &log)?;
    let same = |known: &Release| known.name().starts_with(release.name());
    if verdict.is_possible() && verdict.releases.iter().any(same) {
        return None;
    }
    Some(format!(
        "{name} on {release}: {:?}, {:?}\n{scenario}\n",
        verdict
            .first
            .first()
            .map(|first| (first.line, &first.heard, &first.why)),
        verdict.releases
    ))
}

fn none(wrong: &[String], of: usize) {
    let shown: Vec<&str> = wrong.iter().take(8).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} of {of} are called impossible\n{}",
        wrong.len(),
        shown.join("\n")
    );
}

fn scenarios(folder: &Path) -> Vec<File> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "qmp"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.display().to_string();
            File::parse(&name, &fs::read(path).expect("it is readable")).expect("scenarios parse")
        })
        .collect()
}

#[test]
fn what_was_recorded_is_possible() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runstate-monitor/tests/recorded");
    let (mut checker, mut problems, mut count) = (Checker::new(), Vec::new(), 0);
    for folder in ["7.2", "9.2", "10.0", "11.1"] {
        let release = Release::from_name(folder).expect("a release");
        for file in scenarios(&recorded.join(folder)) {
            for scenario in &file.scenarios {
                count += 1;
                problems.extend(wrong(&mut checker, file.title(scenario), release, scenario));
            }
        }
    }
    assert!(count >= 2258, "{count}");
    none(&problems, count);
}

#[test]
fn the_cookbook_is_possible() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenarios");
    let (mut checker, mut problems, mut count) = (Checker::new(), Vec::new(), 0);
    for file in scenarios(&folder) {
        for scenario in &file.scenarios {
            for &release in Release::ALL {
                if scenario.releases.contains(release) {
                    count += 1;
                    let said = scenario.transcribe(release).transcript;
                    problems.extend(wrong(&mut checker, file.title(scenario), release, &said));
                }
            }
        }
    }
    assert!(count > 1000, "{count}");
    none(&problems, count);
}

#[test]
fn what_the_model_says_is_possible() {
    let (mut checker, mut problems, mut count) = (Checker::new(), Vec::new(), 0);
    for &release in Release::ALL {
        for profile in Profile::ALL {
            for seed in 0..40 {
                let scenario = generate(Wish {
                    seed,
                    steps: 12,
                    profile,
                    release,
                    acting: None,
                });
                let said = scenario.transcribe(release).transcript;
                count += 1;
                let name = format!("{} {seed}", profile.name());
                problems.extend(wrong(&mut checker, &name, release, &said));
            }
        }
    }
    none(&problems, count);
}

/// Logs of real programs; how they were made is told beside them.
#[test]
fn real_logs_read_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/logs");
    let (vms, possible) = [
        ("libvirtd-9.0-two-domains.log.gz", 2),
        ("qemu-7.2.22-qmp.log", 1),
        ("qemu-7.2.22-trace.log", 1),
        ("qemu-7.2.22-trace-timestamps.log", 1),
        ("qemu-11.1.3-trace.log", 1),
        ("qemu-7.2.22-cancelled-twice.log", 1),
        ("qemu-11.1.3-cancelled-twice.log", 1),
        ("qemu-11.1.3-postcopy-fails.log", 1),
    ]
    .into_iter()
    .fold((0, 0), |(vms, possible), (name, count)| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_runstate"))
            .args(["check", "--output=json"])
            .arg(folder.join(name))
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{name}: {text}");
        (
            vms + count,
            possible
                + text
                    .lines()
                    .filter(|line| line.contains("\"possible\":true"))
                    .count(),
        )
    });
    assert_eq!(possible, vms);
}
