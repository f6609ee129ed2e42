//! Differences between releases that are known from QEMU's history are found, and none where there is none.

use runstate::{Release, RunState};
use runstate_oracle::diff::{Diff, Group, Kind, Limits, json, text};

fn diff(from: Release, to: Release) -> Diff {
    Diff::of(from, to, Limits { depth: 2 })
}

fn titled<'a>(diff: &'a Diff, kind: Kind, title: &str) -> &'a Group {
    let found = diff
        .groups
        .iter()
        .find(|group| group.kind == kind && group.title == title);
    found.unwrap_or_else(|| {
        panic!(
            "{kind:?} {title} is not in\n{}",
            text::text(diff, text::Layout::default())
        )
    })
}

#[test]
fn a_release_does_not_differ_from_itself() {
    let same = diff(Release::V9_1, Release::V9_1);
    assert!(same.is_empty(), "{:?}", same.groups);
    assert_eq!(
        text::text(&same, text::Layout::default()),
        "QEMU 9.1 and 9.1 do not differ.\n"
    );
    // A release that brought nothing: 6.2 to 7.0 only removed an option.
    assert!(diff(Release::V6_2, Release::V7_0).is_empty());
}

#[test]
fn the_reply_moved_within_7_2() {
    let moved = diff(Release::V7_2_0, Release::V7_2);
    assert_eq!(
        moved.groups.len(),
        1,
        "{}",
        text::text(&moved, text::Layout::default())
    );
    assert_eq!(moved.groups[0].kind, Kind::Order);
    let sequence = moved.groups[0]
        .sequences
        .first()
        .expect("there is a shortest sequence");
    assert_eq!(sequence.steps.len(), 1);
}

#[test]
fn the_suspended_rework_of_9_0_is_found() {
    let rework = diff(Release::V8_2, Release::V9_0);
    assert!(rework.added.contains(&(RunState::Suspended, RunState::Paused)));
    assert_eq!((rework.added.len(), rework.removed.len()), (8, 0));
    let suspended = titled(&rework, Kind::Behaviour, "in suspended");
    let acts: Vec<&str> = suspended
        .rows
        .iter()
        .map(|row| rework.query.acts[row.act].name.as_str())
        .collect();
    for act in ["stop", "savevm", "loadvm", "host gdb attach", "system_reset"] {
        assert!(acts.contains(&act), "{act} is not in {acts:?}");
    }
    assert_eq!(suspended.since, Some(Release::V9_0));
    titled(
        &rework,
        Kind::Order,
        "the reply comes after what the main loop's next pass says",
    );
    titled(
        &rework,
        Kind::Data,
        "return status, singlestep, running -> return status, running",
    );
    // A race that aborts since: a stop request is pending when the VM becomes suspended.
    let aborts =
        |group: &&Group| group.kind == Kind::Abort && group.title.starts_with("9.0 aborts on going to");
    assert!(rework.groups.iter().any(|group| aborts(&group)));
}

#[test]
fn the_other_way_round_is_the_same_mirrored() {
    let (there, back) = (
        diff(Release::V9_0, Release::V9_1),
        diff(Release::V9_1, Release::V9_0),
    );
    let kinds = |diff: &Diff| -> Vec<(Kind, usize)> {
        diff.groups
            .iter()
            .map(|group| (group.kind, group.rows.len()))
            .collect()
    };
    assert_eq!(kinds(&there), kinds(&back));
    let pvshutdown = titled(&there, Kind::Behaviour, "guest pvshutdown");
    assert_eq!(pvshutdown.since, Some(Release::V9_1));
}

#[test]
fn json_says_what_the_text_says() {
    let panic = diff(Release::V7_0, Release::V7_1);
    let line = json::line(&panic).expect("plain data");
    let value: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!(value["differ"], true);
    assert_eq!(value["names"][0]["name"], "exit-failure");
    assert_eq!(
        value["transitions"]["added"],
        serde_json::json!([["colo", "prelaunch"]])
    );
    assert!(text::text(&panic, text::Layout::default()).contains("colo -> prelaunch"));
}
