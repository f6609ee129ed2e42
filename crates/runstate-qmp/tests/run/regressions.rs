//! The inputs that once broke something, or show what the fuzz targets do: tests/data/regressions.

use std::path::Path;

use runstate_qmp::fuzzing;

fn replay(folder: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/regressions")
        .join(folder);
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        target(&std::fs::read(&path).expect("the file can be read"));
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[test]
fn parse() {
    replay("parse", fuzzing::parse);
}

#[test]
fn conversation() {
    replay("conversation", fuzzing::conversation);
}
