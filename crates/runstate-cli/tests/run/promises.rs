//! The book's page of promises: made of what `runstate explore --find broken` finds and of what real QEMUs did, and compared.
//!
//! `RUNSTATE_BLESS=1 cargo test -p runstate-cli --test run promises` writes it anew.

use core::fmt::Write as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use serde_json::Value;

use crate::told::{explored, in_words, inputs, same_as_kept};

const INTRODUCTION: &str = "\
# Promises

What clients rely on and what QEMU's documentation promises, and whether it holds: on every step of every story that the model can tell, in
each release. Where it does not, the shortest counterexample stands beside it; inputs are in the order in which they come. `runstate explore --find
broken --write DIR` writes each as a scenario with all that QEMU says on the way. The page is made from the model and compared with it by the tests.

A promise is taken at its word. Many a counterexample is harmless and shows only that the sentence says too much; some are worth knowing before
one writes a client. The first release is that which promises it, perhaps in other words.

The last column says on which QEMUs the counterexample was seen, by `runstate conform` with every message alike, or, with a star, by hand. What
was seen is in `crates/runstate-cli/tests/data/promises.txt`.
";

/// What was found of one claim.
#[derive(Default)]
struct Found {
    claim: String,
    promise: Option<(String, String)>,
    /// By what came of it: in which releases.
    outcomes: BTreeMap<Option<String>, BTreeSet<usize>>,
}

#[test]
fn the_page_of_promises_is_that_of_the_model() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let data = fs::read_to_string(root.join("tests/data/promises.txt")).expect("it is readable");
    let seen: Vec<Vec<&str>> = data
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split(' ').collect())
        .collect();
    let mut releases: Vec<String> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut all: BTreeMap<String, Found> = BTreeMap::new();
    for line in explored(&["--find", "broken"]) {
        if line["kind"] != "always" {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let release = text(&line["release"]);
        if releases.last() != Some(&release) {
            releases.push(release);
        }
        let name = text(&line["name"]);
        if !all.contains_key(&name) {
            names.push(name.clone());
        }
        let found = all.entry(name).or_default();
        found.claim = text(&line["claim"]);
        found.promise = line["promise"]
            .as_object()
            .map(|promise| (text(&promise["source"]), text(&promise["quote"])));
        let story = (!line["scenario"].is_null()).then(|| inputs(&line["scenario"]));
        found
            .outcomes
            .entry(story)
            .or_default()
            .insert(releases.len() - 1);
    }
    for words in &seen {
        let [_, release, name, how] = words.as_slice() else {
            panic!("version, release, claim and how: {words:?}")
        };
        assert!(matches!(*how, "alike" | "by-hand"), "{words:?}");
        let at = releases.iter().position(|known| known == release);
        let broken = all.get(*name).is_some_and(|found| {
            let broken = found.outcomes.iter().filter(|(story, _)| story.is_some());
            broken.flat_map(|(_, of)| of).any(|of| Some(*of) == at)
        });
        assert!(broken, "it holds, says the model, but was seen broken: {words:?}");
    }
    assert!(names.len() > 80, "{}", names.len());
    let mut page = INTRODUCTION.to_owned();
    let promised = |name: &&String| all[*name].promise.is_some();
    for (heading, of) in [
        (
            "What clients rely on",
            names.iter().filter(|name| !promised(name)).collect(),
        ),
        (
            "What the documentation promises",
            names.iter().filter(promised).collect::<Vec<_>>(),
        ),
    ] {
        let _ = write!(page, "\n## {heading}\n");
        for name in of {
            tell(&mut page, name, &all[name], &releases, &seen);
        }
    }
    same_as_kept("promises.md", &page);
}

fn tell(page: &mut String, name: &str, found: &Found, releases: &[String], seen: &[Vec<&str>]) {
    let claim = &found.claim;
    let _ = write!(page, "\n### `{name}`\n\n");
    if let Some((source, quote)) = &found.promise {
        let quote = quote.replace('<', "&lt;");
        let _ = write!(page, "> {quote}\n>\n> {source}\n\n");
    }
    let mut first = claim.chars();
    let claim = first
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(first).collect());
    let _ = write!(page, "{claim}.\n\n| releases | | seen on |\n|---|---|---|\n");
    let mut rows: Vec<_> = found.outcomes.iter().collect();
    rows.sort_by_key(|(_, of)| of.first().copied());
    for (story, of) in rows {
        let seen = seen.iter().filter(|words| {
            words[2] == name && story.is_some() && of.iter().any(|&at| releases[at] == words[1])
        });
        let seen: Vec<String> = seen
            .map(|words| {
                let star = if words[3] == "by-hand" { "\\*" } else { "" };
                format!("{}{star}", words[0])
            })
            .collect();
        let story = story.as_deref().unwrap_or("holds");
        let _ = writeln!(
            page,
            "| {} | {story} | {} |",
            in_words(of, releases),
            seen.join(", ")
        );
    }
}
