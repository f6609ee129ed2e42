//! Every recorded transcript is a scenario, as text and as JSON.

use std::fs;
use std::path::{Path, PathBuf};

use runstate_monitor::scenario::File;

/// The recorded files.
pub(crate) fn recorded() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut files = Vec::new();
    for release in fs::read_dir(root).expect("the transcripts are there") {
        let release = release.expect("a folder that can be listed").path();
        if release.is_dir() {
            let folder = fs::read_dir(release).expect("a folder that can be listed");
            files.extend(folder.map(|file| file.expect("a folder that can be listed").path()));
        }
    }
    files.sort();
    files
}

fn parse(name: &str, text: &str) -> File {
    File::parse(name, text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_transcript_is_read_and_printed_as_it_is() {
    let files = recorded();
    let mut scenarios = 0;
    for path in &files {
        let text = fs::read_to_string(path).expect("a file that can be read");
        // The one word that is quoted without need.
        let text = text.replace("-incoming \"exec:false\"", "-incoming exec:false");
        let file = parse(&path.display().to_string(), &text);
        scenarios += file.scenarios.len();
        for (printed, written) in file.to_string().lines().zip(text.lines()) {
            assert_eq!(printed, written, "{}", path.display());
        }
        assert_eq!(file.to_string().trim_end(), text.trim_end());
    }
    // A corpus that is not found would pass as well.
    assert!(
        files.len() >= 129 && scenarios >= 2282,
        "{} files, {scenarios} scenarios",
        files.len()
    );
}

#[test]
fn every_transcript_survives_json() {
    for path in recorded() {
        let text = fs::read_to_string(&path).expect("a file that can be read");
        let mut file = parse("transcript", &text);
        let lines = file.to_json_lines();
        let mut again = parse("transcript", &lines);
        for (index, scenario) in again.scenarios.iter().enumerate() {
            assert_eq!(scenario.line, index + 1);
            assert!(scenario.steps.iter().all(|step| step.line == index + 1));
        }
        assert_eq!(again.to_json_lines(), lines);
        file.forget_layout();
        file.forget_positions();
        again.forget_positions();
        assert_eq!(again, file, "{}", path.display());
    }
}
