//! The whole matrix, reviewed: every input in every situation, under every combination of actions, on either thread, in every
//! release. Whoever changes a rule sees here all that it changes, and says why in the commit:
//! `RUNSTATE_BLESS=1 cargo test -p runstate-oracle matrix` writes the files anew.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::path::Path;

use runstate_oracle::{
    act::Act,
    explain::label,
    matrix::{Matrix, Query, Row},
    told::Step,
    words,
};

/// One file for each kind of input; lines in the order of the acts.
fn files(matrix: &Matrix) -> BTreeMap<&'static str, String> {
    let mut files: BTreeMap<&'static str, String> = BTreeMap::new();
    for (place, act) in matrix.query.acts.iter().enumerate() {
        let file = files.entry(file_of(act)).or_default();
        writeln!(file, "{}", act.name).expect("a string takes all");
        let mut last = String::new();
        for row in matrix.rows.iter().filter(|row| row.act == place) {
            let states = label::states(&row.situations, &matrix.query);
            if states != last {
                writeln!(file, "  {states}").expect("a string takes all");
            }
            writeln!(file, "    {}", line(matrix, row, act)).expect("a string takes all");
            last = states;
        }
    }
    files
}

fn file_of(act: &Act) -> &'static str {
    if act.is_command() {
        "commands.txt"
    } else if act.name.starts_with("guest ") {
        "guest.txt"
    } else {
        "host.txt"
    }
}

/// `when: what is told`, with each silent change of state as `>state`.
fn line(matrix: &Matrix, row: &Row, act: &Act) -> String {
    let mut when = label::conditions(row, &matrix.query);
    let releases = label::releases(&row.releases, &matrix.query.releases);
    if releases != "all" {
        when.push(releases);
    }
    if when.is_empty() {
        when.push("always".to_owned());
    }
    let told = matrix.outcome(row.outcome).iter().map(|step| match step {
        Step::State(state) => format!(">{state}"),
        Step::Exit(status) => format!("exit {}", status.0),
        Step::Abort(state) => format!("abort on >{state}"),
        Step::Event { .. } | Step::Return(_) | Step::Refused(_) | Step::Impossible(_) => {
            words::step(step, act).expect("these have words")
        }
    });
    let told: Vec<String> = told.collect();
    let told = if told.is_empty() {
        "nothing".to_owned()
    } else {
        told.join(", ")
    };
    format!("{}: {told}", when.join("; "))
}

#[test]
fn the_matrix_is_as_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/matrix");
    let bless = std::env::var_os("RUNSTATE_BLESS").is_some();
    for (name, text) in files(&Matrix::of(Query::all())) {
        let path = folder.join(name);
        if bless {
            std::fs::write(&path, &text).expect("the source tree is writable where tests are blessed");
        }
        let reviewed = std::fs::read_to_string(&path).expect("the reviewed matrix is in the source tree");
        for (number, (now, then)) in text.lines().zip(reviewed.lines()).enumerate() {
            assert_eq!(now, then, "{name}, line {}", number + 1);
        }
        assert_eq!(text.lines().count(), reviewed.lines().count(), "{name}");
    }
}
