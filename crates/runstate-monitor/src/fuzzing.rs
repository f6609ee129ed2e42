//! The bodies of the fuzz targets: ordinary functions, which `cargo test` runs over kept inputs.

mod qemu;

pub use qemu::{options, talk};

use crate::scenario::run::{self, Outcome};
use crate::scenario::{Error, File};

/// Any bytes are scenarios or have an error with a place in them, and scenarios print as what they are, as text and as
/// JSON.
///
/// # Panics
///
/// It is not so.
pub fn scenario(bytes: &[u8]) {
    let mut file = match File::parse("input", bytes) {
        Ok(file) => file,
        Err(error) => return has_a_place(&error, bytes),
    };
    let text = file.to_string();
    let lines = file.to_json_lines();
    file.forget_positions();

    let mut again = File::parse("input", text.as_bytes()).expect("what prints parses");
    assert_eq!(again.to_string(), text, "what parses prints the same");
    again.forget_positions();
    assert_eq!(again, file, "what prints parses to the same");

    let mut again = match File::parse("input", lines.as_bytes()) {
        Ok(again) => again,
        // A document has its steps three deep, so it has no place for the deepest messages.
        Err(error) if error.message().contains("nesting depth") => return,
        Err(error) => panic!("what prints parses:\n{error}"),
    };
    assert_eq!(again.to_json_lines(), lines, "what parses prints the same");
    again.forget_positions();
    let mut plain = file;
    plain.forget_layout();
    assert_eq!(again, plain, "what prints parses to the same");
}

/// Runs scenarios. What one says is itself a scenario, which goes as it expects.
///
/// # Panics
///
/// It is not so.
pub fn run(bytes: &[u8]) {
    let Ok(file) = File::parse("input", bytes) else {
        return;
    };
    for scenario in file.scenarios.iter().take(4) {
        let release = scenario.releases.nearest();
        let report = scenario.transcribe(release);
        if matches!(report.outcome, Outcome::Impossible { .. }) {
            continue;
        }
        let mut transcript = file.clone();
        transcript.scenarios = vec![report.transcript];
        let text = transcript.to_string();
        let again = File::parse("transcript", text.as_bytes()).expect("a transcript is a scenario");
        for scenario in &again.scenarios {
            let outcome = run::run(scenario, release).outcome;
            assert_eq!(outcome, Outcome::AsExpected, "{text}");
        }
    }
}

fn has_a_place(error: &Error, bytes: &[u8]) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    assert!((1..=lines).contains(&error.line()), "there is such a line");
    assert!(
        (1..=bytes.len() + 1).contains(&error.column()),
        "there is such a column"
    );
    let shown = error.to_string();
    assert!(shown.len() < 4096, "a message is short");
    assert!(
        !shown.chars().any(|char| char.is_control() && char != '\n'),
        "a message does not command the terminal"
    );
}
