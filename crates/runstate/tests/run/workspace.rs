//! The house as the design has it: who may know whom, and on what terms others come in.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .and_then(Path::parent)
        .expect("the crate is in crates/")
}

/// The machine this was built on. What only other machines need has never been downloaded here.
fn host() -> String {
    let output = Command::new(env!("CARGO"))
        .args(["version", "--verbose"])
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(output.stdout).expect("cargo prints text");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("cargo names its host").to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The arrows of the design. Tests and benches may look further.
#[test]
fn arrows_point_one_way() {
    let allowed: &[(&str, &[&str])] = &[
        ("runstate", &[]),
        ("runstate-qmp", &[]),
        ("runstate-monitor", &["runstate", "runstate-qmp"]),
        ("runstate-oracle", &["runstate"]),
        (
            "runstate-cli",
            &["runstate", "runstate-qmp", "runstate-monitor", "runstate-oracle"],
        ),
    ];
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("there are packages");
    for (name, allowed) in allowed {
        let package = packages
            .iter()
            .find(|package| text(package, "name") == *name)
            .expect(name);
        for dependency in package["dependencies"].as_array().expect("a list") {
            let to = text(dependency, "name");
            if dependency["kind"].is_null() && to.starts_with("runstate") {
                assert!(allowed.contains(&to), "{name} must not know {to}");
            }
        }
    }
}

/// No dependency unless asked for, no heap, no standard library.
#[test]
fn the_core_stands_alone() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("there are packages");
    let core = packages
        .iter()
        .find(|package| text(package, "name") == "runstate")
        .expect("the core");
    for dependency in core["dependencies"].as_array().expect("a list") {
        let normal = dependency["kind"].is_null();
        assert!(
            !normal || dependency["optional"] == true,
            "the core depends on {}",
            text(dependency, "name")
        );
    }
    let lib = fs::read_to_string(root().join("crates/runstate/src/lib.rs")).expect("it is there");
    assert!(lib.contains("#![no_std]"));
    for file in sources(&root().join("crates/runstate/src")) {
        let source = fs::read_to_string(&file).expect("it is readable");
        assert!(
            !source.contains("extern crate"),
            "{} would bring in a heap",
            file.display()
        );
    }
}

/// One door: nobody else writes the run state.
#[test]
fn the_run_state_has_one_writer() {
    let writers: usize = sources(&root().join("crates/runstate/src"))
        .iter()
        .map(|file| {
            fs::read_to_string(file)
                .expect("it is readable")
                .matches("self.run = ")
                .count()
        })
        .sum();
    assert_eq!(writers, 1, "the run state is written in Vm::set and nowhere else");
}

/// Every licence is one that deny.toml allows, and every crate comes from the registry or from here.
#[test]
fn others_come_in_on_our_terms() {
    let deny = fs::read_to_string(root().join("deny.toml")).expect("it is there");
    let allowed: BTreeSet<&str> = deny
        .lines()
        .find_map(|line| line.strip_prefix("allow = ["))
        .expect("deny.toml lists licences")
        .split('"')
        .collect();
    for package in metadata()["packages"].as_array().expect("there are packages") {
        let (name, licence) = (text(package, "name"), text(package, "license"));
        let words = licence
            .replace(" WITH ", " WITH~")
            .replace(['(', ')'], " ")
            .replace('/', " OR ");
        let one_of = |choice: &str| {
            choice
                .split(" AND ")
                .all(|word| allowed.contains(word.trim().replace(" WITH~", " WITH ").as_str()))
        };
        assert!(words.split(" OR ").any(one_of), "{name} is licensed {licence}");
        let source = text(package, "source");
        assert!(
            source.is_empty() || source.starts_with("registry+"),
            "{name} comes from {source}"
        );
    }
}

/// No file over 600 lines: look for the second room in it.
#[test]
fn files_are_small() {
    for folder in ["crates", "benches", "fuzz"] {
        for file in sources(&root().join(folder)) {
            let lines = fs::read_to_string(&file).expect("it is readable").lines().count();
            assert!(lines <= 600, "{} has {lines} lines", file.display());
        }
    }
}

fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
