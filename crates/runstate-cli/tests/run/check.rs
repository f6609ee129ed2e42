//! Several logs at once, on all cores.

use std::process::Command;

/// The logs are told in the order of the arguments, however long each takes.
#[test]
fn logs_are_told_in_the_order_given() {
    let folder = tempfile::tempdir().expect("there is room");
    // The first takes the longest: what comes behind it is done before.
    let stops = [40_000, 1, 2_000, 3, 4, 20_000, 5, 6, 7, 8];
    let names: Vec<String> = (0..stops.len()).map(|at| format!("{at}.qmp")).collect();
    for (name, count) in names.iter().zip(stops) {
        let log = "{\"event\": \"STOP\"}\n{\"event\": \"RESUME\"}\n".repeat(count);
        std::fs::write(folder.path().join(name), log).expect("there is room");
    }
    let told = |form: &str, number: &dyn Fn(&str) -> String| {
        let output = Command::new(env!("CARGO_BIN_EXE_runstate"))
            .args(["check", form])
            .args(&names)
            .current_dir(folder.path())
            .output()
            .expect("the tool starts");
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).expect("it prints text");
        text.lines().map(number).collect::<Vec<_>>()
    };
    let expected: Vec<String> = names
        .iter()
        .zip(stops)
        .map(|(name, count)| format!("{name} {}", 2 * count))
        .collect();
    let text = told("--output=text", &|line| {
        let (name, rest) = line.split_once(": possible; ").expect("they are possible");
        format!("{name} {}", rest.split(' ').next().expect("a number"))
    });
    assert_eq!(text, expected);
    let json = told("--output=json", &|line| {
        let verdict: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let name = verdict["log"].as_str().expect("the log's name");
        format!("{name} {}", verdict["heard"])
    });
    assert_eq!(json, expected);
}
