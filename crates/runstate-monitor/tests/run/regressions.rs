//! The bodies of the fuzz targets that run a whole QEMU, over what fuzzing has found (tests/regressions) and over the corpus.

use std::fs;
use std::path::Path;

use runstate_monitor::fuzzing;

use crate::scenario::corpus::recorded;

fn replay(folder: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/regressions")
        .join(folder);
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        body(&fs::read(&path).expect("the file can be read"));
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[test]
fn talk() {
    replay("talk", fuzzing::talk);
}

#[test]
fn options() {
    replay("options", fuzzing::options);
}

#[test]
fn run() {
    replay("run", fuzzing::run);
}

/// One file in twenty: all of them run in the corpus's own test.
#[test]
fn what_recorded_scenarios_say_goes_as_it_says() {
    for file in recorded().iter().step_by(20) {
        fuzzing::run(&fs::read(file).expect("the file can be read"));
    }
}
