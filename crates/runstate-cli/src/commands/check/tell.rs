//! A verdict in words, and as JSON.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use runstate::Release;
use runstate_oracle::check::{Contradiction, Happened, Verdict};
use serde_json::{Value, json};

use crate::names::in_words;

pub(super) fn as_text(name: &str, vm: &str, verdict: &Verdict, explain: bool) -> String {
    let mut text = name.to_owned();
    if !vm.is_empty() {
        let _ = write!(text, " [{vm}]");
    }
    if verdict.is_possible() {
        let states: Vec<&str> = verdict.states.iter().map(|state| state.name()).collect();
        let end = if verdict.gone {
            "QEMU has gone".to_owned()
        } else if states.len() > 4 {
            "the VM can be in many states".to_owned()
        } else {
            format!("the VM is {}", states.join(" or "))
        };
        let _ = writeln!(
            text,
            ": possible; {} heard, consistent with {}; {end}",
            verdict.letters,
            ranges(&verdict.releases)
        );
        if explain {
            text += &account(verdict);
        }
        return text;
    }
    let _ = writeln!(
        text,
        ": impossible, {} time{}",
        verdict.contradictions,
        if verdict.contradictions == 1 { "" } else { "s" }
    );
    for contradiction in &verdict.first {
        text += &contradicted(name, contradiction);
    }
    text
}

fn contradicted(name: &str, contradiction: &Contradiction) -> String {
    let mut text = format!("  {name}:{}: byte {}: ", contradiction.line, contradiction.offset);
    if let Some(why) = &contradiction.why {
        let _ = writeln!(text, "{why}");
        return text;
    }
    let _ = writeln!(text, "{} cannot come here", contradiction.heard);
    let believed: Vec<&str> = contradiction.believed.iter().map(|state| state.name()).collect();
    let gone = if contradiction.gone {
        "; QEMU must have gone by then"
    } else {
        ""
    };
    let _ = writeln!(text, "    believed: {}{gone}", believed.join(", "));
    let _ = writeln!(
        text,
        "    so far consistent with {}",
        ranges(&contradiction.releases)
    );
    let could: Vec<String> = contradiction
        .could_come
        .iter()
        .filter(|letter| letter.as_status().is_none())
        .map(ToString::to_string)
        .collect();
    let _ = writeln!(
        text,
        "    could have come: {}",
        if could.is_empty() {
            "nothing".to_owned()
        } else {
            could.join(", ")
        }
    );
    text
}

fn account(verdict: &Verdict) -> String {
    let mut text = String::new();
    let lines = || {
        verdict.explanation.iter().filter_map(|happened| match happened {
            Happened::Heard { line, .. } => Some(line),
            Happened::Begins { .. } | Happened::Inferred(_) => None,
        })
    };
    if verdict.explained < verdict.letters
        && let (Some(first), Some(last)) = (lines().min(), lines().max())
    {
        let _ = writeln!(
            text,
            "  from line {first} to line {last}, {} of {} heard:",
            verdict.explained, verdict.letters
        );
    }
    for happened in &verdict.explanation {
        let _ = match happened {
            Happened::Begins { state, options } if options.is_empty() => {
                writeln!(text, "  the VM is {state}")
            }
            Happened::Begins { state, options } => writeln!(text, "  the VM is {state}, QEMU has {options}"),
            Happened::Inferred(deed) => writeln!(text, "  {deed}"),
            Happened::Heard { line, letter } => writeln!(text, "    {line}: {letter}"),
        };
    }
    text
}

pub(super) fn as_json(name: &str, vm: &str, lines: u64, verdict: &Verdict) -> Value {
    let releases: Vec<&str> = verdict.releases.iter().map(|release| release.name()).collect();
    let states: Vec<&str> = verdict.states.iter().map(|state| state.name()).collect();
    let contradictions: Vec<Value> = verdict
        .first
        .iter()
        .map(|contradiction| {
            json!({
                "line": contradiction.line,
                "offset": contradiction.offset,
                "heard": contradiction.heard,
                "why": contradiction.why,
                "believed": contradiction.believed.iter().map(|state| state.name()).collect::<Vec<_>>(),
                "gone": contradiction.gone,
                "releases": contradiction.releases.iter().map(|release| release.name()).collect::<Vec<_>>(),
                "could-come": contradiction.could_come.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        })
        .collect();
    let explanation: Vec<Value> = verdict
        .explanation
        .iter()
        .map(|happened| match happened {
            Happened::Begins { state, options } => json!({ "begins": state.name(), "options": options }),
            Happened::Inferred(deed) => json!({ "inferred": deed }),
            Happened::Heard { line, letter } => json!({ "heard": letter.to_string(), "line": line }),
        })
        .collect();
    json!({
        "log": name,
        "vm": vm,
        "lines": lines,
        "possible": verdict.is_possible(),
        "heard": verdict.letters,
        "releases": releases,
        "states": states,
        "gone": verdict.gone,
        "contradictions": verdict.contradictions,
        "first": contradictions,
        "explained": verdict.explained,
        "explanation": explanation,
    })
}

fn ranges(releases: &BTreeSet<Release>) -> String {
    if releases.is_empty() {
        return "no release".to_owned();
    }
    let words = in_words(releases.iter().copied(), Release::WITH_POINTS);
    if releases.len() == Release::WITH_POINTS.len() {
        format!("every release from {words}")
    } else {
        format!("{words} only")
    }
}
