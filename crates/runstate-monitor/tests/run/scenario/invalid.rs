//! What is wrong with a scenario is said as `tests/invalid/*.stderr` says it.
//!
//! `BLESS=1 cargo test` writes the messages; then they are to be read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use runstate_monitor::scenario::File;

#[test]
fn every_invalid_scenario_is_refused_with_its_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let mut names = BTreeSet::new();
    let mut stale = BTreeSet::new();
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("a folder that can be listed").path();
        let stem = path
            .file_stem()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("qmp") => assert!(names.insert(stem)),
            Some("stderr") => assert!(stale.insert(stem)),
            Some(_) | None => panic!("{} is neither a scenario nor its message", path.display()),
        }
    }
    let mut wrong = Vec::new();
    for name in &names {
        let input = fs::read(folder.join(name).with_extension("qmp")).expect("a file that can be read");
        let said = match File::parse(&format!("{name}.qmp"), &input) {
            Ok(file) => format!("no error:\n{file}"),
            Err(error) => format!("Error: {error}\n"),
        };
        let expected = folder.join(name).with_extension("stderr");
        if std::env::var_os("BLESS").is_some() {
            fs::write(expected, said).expect("a file that can be written");
        } else if fs::read_to_string(expected).ok().as_ref() != Some(&said) {
            wrong.push(said);
        }
        stale.remove(name);
    }
    assert!(
        wrong.is_empty(),
        "{} messages differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(stale.is_empty(), "messages of no scenario: {stale:?}");
    assert!(names.len() >= 100, "{} invalid scenarios", names.len());
}
