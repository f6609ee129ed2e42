//! What the explorer finds, told in the pages of the book that are made of it.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use serde_json::Value;

/// What `runstate explore` finds, a line of JSON each.
pub(crate) fn explored(arguments: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runstate"));
    command.args(["explore", "--output=json"]).args(arguments);
    let output = command.output().expect("the tool starts");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let lines = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).expect("a line is JSON"))
        .collect()
}

/// What is done, without what QEMU says: `-S; migrate; converges`.
pub(crate) fn inputs(scenario: &Value) -> String {
    let options: Vec<&str> = texts(&scenario["qemu"]).collect();
    let mut said = Vec::new();
    if !options.is_empty() {
        said.push(format!("`{}`", options.join(" ")));
    }
    for step in scenario["steps"].as_array().into_iter().flatten() {
        let mut one = if let Some(guest) = step["guest"].as_str() {
            format!("guest {guest}")
        } else if let Some(host) = step["host"].as_str() {
            let status = step["data"]["status"]
                .as_str()
                .map(|status| format!(" ({status}"))
                .unwrap_or_default();
            let suspended = if step["data"]["suspended"] == true {
                ", suspended"
            } else {
                ""
            };
            let end = if status.is_empty() { "" } else { ")" };
            format!(
                "{}{status}{suspended}{end}",
                host.replacen("incoming ", "stream ", 1)
            )
        } else if let Some(command) = step["send"]["execute"].as_str() {
            command_in_words(command, &step["send"]["arguments"])
        } else {
            continue;
        };
        if step["hold"] == true {
            one.push_str(" &");
        }
        said.push(one);
    }
    said.join("; ")
}

fn command_in_words(command: &str, arguments: &Value) -> String {
    match command {
        "human-monitor-command" => arguments["command-line"].as_str().unwrap_or_default().to_owned(),
        "migrate-set-capabilities" => {
            // The last one is what it is about; return-path comes along with x-colo.
            let all = arguments["capabilities"].as_array();
            let one = all.and_then(|all| all.last()).unwrap_or(&Value::Null);
            let on = if one["state"] == true { "on" } else { "off" };
            format!("{} {on}", one["capability"].as_str().unwrap_or_default())
        }
        _ => command.to_owned(),
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// `6.0 to 8.2, 9.1`: releases as the tool lists them, oldest first.
pub(crate) fn in_words(of: &BTreeSet<usize>, releases: &[String]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &at in of {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == at => *last = at,
            Some(_) | None => runs.push((at, at)),
        }
    }
    let words = runs.iter().map(|&(first, last)| {
        if first == last {
            releases[first].clone()
        } else {
            format!("{} to {}", releases[first], releases[last])
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Compares a page of the book with what it should be; `RUNSTATE_BLESS=1` writes it anew.
pub(crate) fn same_as_kept(name: &str, page: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/src")
        .join(name);
    if std::env::var_os("RUNSTATE_BLESS").is_some() {
        fs::write(&path, page).expect("the source tree is writable where tests are blessed");
    }
    let pinned = fs::read_to_string(&path).unwrap_or_default();
    for (made, kept) in page.lines().zip(pinned.lines()) {
        assert_eq!(made, kept, "RUNSTATE_BLESS=1 writes the page anew");
    }
    assert_eq!(page.lines().count(), pinned.lines().count());
}
