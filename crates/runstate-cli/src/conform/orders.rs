//! What is nondeterministic in QEMU itself: named, and no more than named.
//!
//! The model gives one order of messages. Where QEMU's threads race, a run of QEMU may give another one of a set; each
//! rule here is such a set.

use runstate::Release;
use runstate_monitor::scenario::Exit;
use runstate_qmp::Value;

use super::drive;
use super::plan::Prediction;

/// A way in which what QEMU says is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// MIGRATION and MIGRATION_PASS come from the migration's thread, in their order, but unordered with what the main
    /// loop says: the replies of commands (`migrate_generate_event()`, migration/migration.c).
    MigrationThread,
    /// How often the migration goes over the memory depends on time and on what the guest writes: there may be any number
    /// of MIGRATION_PASS, counted from 1 (`migration_bitmap_sync_precopy()`, migration/ram.c); since 11.1 from 2
    /// (`migration_iteration_go_next()`, migration/migration.c).
    MigrationPasses,
    /// Until 8.2 a suspended guest is woken when its migration comes to the switchover: WAKEUP comes from the main loop
    /// some time after, before or after the migration's STOP (`migration_completion()`, migration/migration.c, 7.2).
    WakeupAtSwitchover,
    /// A migration that is cancelled, or that breaks when it is told to go on, while the VM stands still for its switchover: its
    /// thread starts the VM again, and RESUME comes before the reply or after it (`migrate_fd_cancel()`,
    /// `qmp_migrate_continue()`, `migration_iteration_finish()`, migration/migration.c, 7.2).
    ResumeAtCancel,
    /// The limit on WATCHDOG counts virtual time under the qtest accelerator, and real time in the QEMU under TCG that
    /// stands in for it: one that was held back may come while the VM is stopped (`monitor_get_event_clock()`,
    /// monitor/monitor.c).
    WatchdogClock,
    /// A command is still answered while QEMU under TCG ends, where the qtest accelerator, for which it stands in, has no vCPU
    /// to wait for and answers nothing more.
    AnswerAtTheEnd,
    /// The migration's thread may abort QEMU before the main loop has sent the answer of the command that ended the
    /// migration (`migration_iteration_finish()`, migration/migration.c).
    AnswerBeforeAbort,
}

/// What decides which rules hold.
#[derive(Clone, Copy, Debug)]
pub struct Leeway {
    /// The release.
    pub release: Release,
    /// A scenario for the qtest accelerator is run under TCG.
    pub tcg_for_qtest: bool,
}

impl Order {
    /// Every rule.
    pub const ALL: [Self; 7] = [
        Self::MigrationThread,
        Self::MigrationPasses,
        Self::WakeupAtSwitchover,
        Self::ResumeAtCancel,
        Self::WatchdogClock,
        Self::AnswerAtTheEnd,
        Self::AnswerBeforeAbort,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MigrationThread => "migration-thread",
            Self::MigrationPasses => "migration-passes",
            Self::WakeupAtSwitchover => "wakeup-at-switchover",
            Self::ResumeAtCancel => "resume-at-cancel",
            Self::WatchdogClock => "watchdog-clock",
            Self::AnswerAtTheEnd => "answer-at-the-end",
            Self::AnswerBeforeAbort => "answer-before-abort",
        }
    }

    /// Whether a message may change its place among the others.
    fn moves(self, message: &Value) -> bool {
        match self {
            Self::MigrationThread => name(message) == Some("MIGRATION"),
            Self::MigrationPasses => name(message) == Some("MIGRATION_PASS"),
            Self::WakeupAtSwitchover => name(message) == Some("WAKEUP"),
            // It only changes places with its neighbour: see `resume_after_reply`.
            Self::ResumeAtCancel => false,
            Self::WatchdogClock => name(message) == Some("WATCHDOG"),
            Self::AnswerAtTheEnd | Self::AnswerBeforeAbort => false,
        }
    }

    /// Whether the rule can apply to these messages at all.
    fn applies(self, leeway: Leeway, messages: &[&Value]) -> bool {
        match self {
            Self::MigrationThread | Self::MigrationPasses | Self::ResumeAtCancel => true,
            // Only a migration stops the VM beside a WAKEUP: the two stand next to each other.
            Self::WakeupAtSwitchover => {
                leeway.release < Release::V9_0
                    && messages.windows(2).any(|pair| {
                        let pair = [name(pair[0]), name(pair[1])];
                        pair.contains(&Some("STOP")) && pair.contains(&Some("WAKEUP"))
                    })
            }
            Self::WatchdogClock => leeway.tcg_for_qtest,
            // They move nothing: see `open_end`.
            Self::AnswerAtTheEnd | Self::AnswerBeforeAbort => false,
        }
    }

    /// Whether the messages that the rule moves are a possible sequence beside the model's.
    fn possible(self, leeway: Leeway, ours: &[&Value], theirs: &[&Value]) -> bool {
        let only = |messages: &[&Value]| -> Vec<Value> {
            let kept = messages.iter().filter(|message| self.moves(message));
            kept.map(|message| (*message).clone()).collect()
        };
        let all = theirs;
        let (ours, theirs) = (only(ours), only(theirs));
        match self {
            Self::WakeupAtSwitchover
            | Self::WatchdogClock
            | Self::AnswerAtTheEnd
            | Self::AnswerBeforeAbort
            | Self::ResumeAtCancel => ours == theirs,
            // A real migration is active at once; the scenario's when the host lets it converge.
            Self::MigrationThread => same_but_active(&ours, &theirs),
            Self::MigrationPasses => {
                let passes = |messages: &[Value]| -> Option<Vec<i64>> {
                    let pass = |message: &Value| message.get("data")?.get("pass")?.as_i64();
                    messages.iter().map(pass).collect()
                };
                let (Some(ours), Some(theirs)) = (passes(&ours), passes(&theirs)) else {
                    return false;
                };
                // Each migration counts from the same number, in steps of 1.
                let first = if leeway.release.pass_counts_iterations() {
                    2
                } else {
                    1
                };
                let begins = |passes: &[i64]| passes.iter().filter(|pass| **pass == first).count();
                let migrations = all
                    .iter()
                    .filter(|message| status(message) == Some("setup"))
                    .count();
                (begins(&ours)..=migrations.max(begins(&ours))).contains(&begins(&theirs))
                    && theirs.first().is_none_or(|pass| *pass == first)
                    && theirs
                        .windows(2)
                        .all(|pair| pair[1] == first || pair[1] == pair[0] + 1)
            }
        }
    }
}

/// Whether the statuses of migrations are the same but for an `active` after `setup` that only QEMU says.
fn same_but_active(ours: &[Value], theirs: &[Value]) -> bool {
    let mut ours = ours.iter().peekable();
    let mut last = None;
    for message in theirs {
        let only_theirs = last == Some("setup") && status(message) == Some("active");
        if ours.next_if_eq(&message).is_none() && !only_theirs {
            return false;
        }
        last = status(message);
    }
    ours.next().is_none()
}

/// The status that a MIGRATION tells.
fn status(message: &Value) -> Option<&str> {
    message.get("data")?.get("status")?.as_str()
}

fn name(message: &Value) -> Option<&str> {
    message.get("event").and_then(Value::as_str)
}

/// How what QEMU did compares with what the model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same, message by message.
    Same,
    /// Another order, which the rules allow.
    Reordered(Vec<Order>),
    /// Different from this message on; the number of messages when QEMU ended otherwise.
    Differs(usize),
}

/// Compares message by message: values, in whatever order of members.
#[must_use]
pub fn compare(model: &Prediction, qemu: &drive::Transcript, leeway: Leeway) -> Comparison {
    let ours: Vec<&Value> = model.heard.iter().map(|(_, message)| message).collect();
    let (heard, turned) = resume_after_reply(model, qemu);
    let theirs: Vec<&Value> = heard.iter().map(|(_, message)| message).collect();
    let same_end = same_end(model, qemu);
    let allowed: Vec<Order> = Order::ALL
        .into_iter()
        .filter(|order| order.applies(leeway, &ours) && order.applies(leeway, &theirs))
        .collect();
    let stays = |message: &Value| !allowed.iter().any(|order| order.moves(message));
    // What does not move comes after the same steps on both sides.
    let our_fixed: Vec<&(usize, Value)> = model.heard.iter().filter(|(_, message)| stays(message)).collect();
    let their_fixed: Vec<&(usize, Value)> = heard.iter().filter(|(_, message)| stays(message)).collect();
    let fixed = our_fixed.len() == their_fixed.len()
        && our_fixed
            .iter()
            .zip(&their_fixed)
            .all(|(ours, theirs)| ours == theirs);
    if same_end && fixed && allowed.iter().all(|order| order.possible(leeway, &ours, &theirs)) {
        if ours == theirs && !turned {
            return Comparison::Same;
        }
        let used = allowed.into_iter().filter(|order| {
            let moved = ours != theirs && theirs.iter().any(|message| order.moves(message));
            moved || (*order == Order::ResumeAtCancel && turned)
        });
        return Comparison::Reordered(used.collect());
    }
    if let Some(order) = open_end(model, &heard, leeway).filter(|_| same_end) {
        return Comparison::Reordered(vec![order]);
    }
    let agree = model
        .heard
        .iter()
        .zip(&heard)
        .take_while(|((step, message), (their_step, theirs))| {
            message == theirs && (step == their_step || !stays(message))
        })
        .count();
    Comparison::Differs(agree)
}

/// QEMU's messages with RESUME after the reply of the command that ended the migration's pause, as the model has it, where but
/// for MIGRATION the two stand side by side; and whether they were turned.
fn resume_after_reply(model: &Prediction, qemu: &drive::Transcript) -> (Vec<(usize, Value)>, bool) {
    let heard = qemu.heard.iter();
    let mut heard: Vec<(usize, Value)> = heard
        .map(|heard| (heard.step, without_size(&heard.message.value)))
        .collect();
    let mut turned = false;
    for at in 1..heard.len() {
        let (step, reply) = &heard[at];
        let step = *step;
        let breaks = model.breaks.contains(&step);
        if reply.get("return").is_none() || !(breaks || model.cancels.contains(&step)) {
            continue;
        }
        let is_migration = |(_, message): &&(usize, Value)| name(message) == Some("MIGRATION");
        let between = heard[..at].iter().rev().take_while(is_migration).count();
        let resumes = |(before, message): &(usize, Value)| *before == step && name(message) == Some("RESUME");
        if let Some(resume) = (at - between)
            .checked_sub(1)
            .filter(|index| resumes(&heard[*index]))
        {
            heard[resume..=at].rotate_left(1);
            // It belongs to the step in which the migration breaks.
            heard[at].0 += usize::from(breaks);
            turned = true;
        }
    }
    (heard, turned)
}

/// Whether the two differ only in the answers that come last, in a way that is open.
fn open_end(model: &Prediction, heard: &[(usize, Value)], leeway: Leeway) -> Option<Order> {
    let is_answer =
        |(_, message): &(usize, Value)| message.get("return").is_some() || message.get("error").is_some();
    if let Some(more) = heard.strip_prefix(&model.heard[..]) {
        let ends = matches!(model.exit, Some((_, Exit::Status(_))));
        return (leeway.tcg_for_qtest && ends && more.iter().all(is_answer)).then_some(Order::AnswerAtTheEnd);
    }
    let missing = model.heard.strip_prefix(heard)?;
    let aborts = matches!(model.exit, Some((_, Exit::Abort))) && leeway.release.reply_after_pass();
    (aborts && missing.len() == 1 && missing.iter().all(is_answer)).then_some(Order::AnswerBeforeAbort)
}

/// The message; a dump that is complete without its size, which is that of the guest's memory: the model has none.
fn without_size(message: &Value) -> Value {
    let complete = || {
        let result = message.get("data")?.get("result")?;
        let all = result.get("completed")? == result.get("total")?;
        Some(all && result.get("status")?.as_str() == Some("completed"))
    };
    if name(message) == Some("DUMP_COMPLETED") && complete() == Some(true) {
        return r#"{"event": "DUMP_COMPLETED", "data": {"result": {"total": 0, "status": "completed", "completed": 0}}}"#
            .parse()
            .expect("it is JSON");
    }
    message.clone()
}

fn same_end(model: &Prediction, qemu: &drive::Transcript) -> bool {
    const SIGABRT: i32 = nix::sys::signal::Signal::SIGABRT as i32;
    match (model.exit, qemu.exit) {
        (None, None) => true,
        (Some((_, Exit::Status(ours))), Some((_, drive::Exit::Status(theirs)))) => i32::from(ours) == theirs,
        (Some((_, Exit::Abort)), Some((_, drive::Exit::Signal(SIGABRT)))) => true,
        (Some(_) | None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conform::drive::{Heard, Transcript};
    use crate::conform::qmp::Message;

    const SETUP: &str = r#"{"event": "MIGRATION", "data": {"status": "setup"}}"#;
    const ACTIVE: &str = r#"{"event": "MIGRATION", "data": {"status": "active"}}"#;
    const CANCELLING: &str = r#"{"event": "MIGRATION", "data": {"status": "cancelling"}}"#;
    const FAILED: &str = r#"{"event": "MIGRATION", "data": {"status": "failed"}}"#;
    const PASS: &str = r#"{"event": "MIGRATION_PASS", "data": {"pass": 1}}"#;
    const PASS2: &str = r#"{"event": "MIGRATION_PASS", "data": {"pass": 2}}"#;
    const PASS3: &str = r#"{"event": "MIGRATION_PASS", "data": {"pass": 3}}"#;
    const WATCHDOG: &str = r#"{"event": "WATCHDOG", "data": {"action": "none"}}"#;
    const RESUME: &str = r#"{"event": "RESUME"}"#;
    const STOP: &str = r#"{"event": "STOP"}"#;
    const WAKEUP: &str = r#"{"event": "WAKEUP"}"#;
    const RETURN: &str = r#"{"return": {}}"#;

    const TCG: Leeway = Leeway {
        release: Release::V7_2,
        tcg_for_qtest: false,
    };

    fn both(ours: &[(usize, &str)], theirs: &[(usize, &str)]) -> Comparison {
        both_with(ours, theirs, TCG)
    }

    fn both_with(ours: &[(usize, &str)], theirs: &[(usize, &str)], leeway: Leeway) -> Comparison {
        let model = Prediction {
            heard: ours
                .iter()
                .map(|(step, text)| (*step, text.parse().expect("JSON")))
                .collect(),
            exit: None,
            cancels: vec![4],
            breaks: vec![6],
        };
        let qemu = Transcript {
            heard: theirs
                .iter()
                .map(|(step, text)| Heard {
                    step: *step,
                    message: Message::parse(text.as_bytes()).expect("JSON"),
                })
                .collect(),
            ..Transcript::default()
        };
        compare(&model, &qemu, leeway)
    }

    #[test]
    fn size_of_a_complete_dump_is_open() {
        let dump = |total, completed| {
            format!(
                r#"{{"event": "DUMP_COMPLETED", "data": {{"result": {{"total": {total}, "status": "completed", "completed": {completed}}}}}}}"#
            )
        };
        let ours = dump(0, 0);
        assert_eq!(both(&[(0, &ours)], &[(0, &dump(4096, 4096))]), Comparison::Same);
        assert_eq!(
            both(&[(0, &ours)], &[(0, &dump(4096, 1))]),
            Comparison::Differs(0)
        );
    }

    #[test]
    fn migration_passes_are_counted_from_two_since_11_1() {
        let since = Leeway {
            release: Release::V11_1,
            ..TCG
        };
        let (ours, theirs) = ([(0, PASS2), (0, STOP)], [(0, PASS2), (0, PASS3), (0, STOP)]);
        let open = Comparison::Reordered(vec![Order::MigrationPasses]);
        assert_eq!(both_with(&ours, &theirs, since), open);
        assert_eq!(both_with(&ours, &theirs, TCG), Comparison::Differs(1));
    }

    #[test]
    fn migration_thread_is_unordered_with_replies_only() {
        let ours = [(0, SETUP), (0, RETURN), (1, ACTIVE), (1, STOP)];
        let theirs = [(0, SETUP), (0, ACTIVE), (0, RETURN), (1, STOP)];
        assert_eq!(
            both(&ours, &theirs),
            Comparison::Reordered(vec![Order::MigrationThread])
        );
        // Its own order is fixed.
        let theirs = [(0, ACTIVE), (0, SETUP), (0, RETURN), (1, STOP)];
        assert_eq!(both(&ours, &theirs), Comparison::Differs(0));
        // So is that of all the rest.
        let theirs = [(0, SETUP), (0, STOP), (0, RETURN), (1, ACTIVE)];
        assert_eq!(both(&ours, &theirs), Comparison::Differs(1));
        // It may come earlier than the model has it, as the same sequence.
        let theirs = [(0, SETUP), (0, RETURN), (0, ACTIVE), (1, STOP)];
        assert_eq!(both(&ours, &theirs), Comparison::Same);
    }

    #[test]
    fn migration_passes_are_counted_from_one() {
        let ours = [(0, PASS), (0, STOP), (0, PASS2)];
        let open = Comparison::Reordered(vec![Order::MigrationPasses]);
        assert_eq!(both(&ours, &[(0, PASS), (0, PASS2), (0, STOP), (0, PASS3)]), open);
        assert_eq!(both(&ours, &[(0, PASS), (0, STOP)]), open);
        assert_eq!(both(&ours, &ours), Comparison::Same);
        assert_eq!(
            both(&ours, &[(0, PASS), (0, STOP), (0, PASS3)]),
            Comparison::Differs(2)
        );
        assert_eq!(both(&ours, &[(0, STOP)]), Comparison::Differs(0));
    }

    #[test]
    fn migration_that_the_host_does_not_let_go_on_is_active_all_the_same() {
        let ours = [(0, SETUP), (0, RETURN)];
        let theirs = [(0, SETUP), (0, RETURN), (0, PASS), (0, ACTIVE)];
        let open = Comparison::Reordered(vec![Order::MigrationThread, Order::MigrationPasses]);
        assert_eq!(both(&ours, &theirs), open);
        let theirs = [(0, SETUP), (0, RETURN), (0, ACTIVE), (0, STOP)];
        assert_eq!(both(&ours, &theirs), Comparison::Differs(2));
        let theirs = [(0, SETUP), (0, RETURN), (0, SETUP)];
        assert_eq!(both(&ours, &theirs), Comparison::Differs(2));
        let ours = [(0, SETUP), (0, RETURN), (1, CANCELLING)];
        let theirs = [(0, SETUP), (0, RETURN), (0, PASS), (0, ACTIVE), (1, CANCELLING)];
        assert_eq!(both(&ours, &theirs), open);
        let theirs = [(0, SETUP), (0, RETURN), (1, CANCELLING), (1, ACTIVE)];
        assert_eq!(both(&ours, &theirs), Comparison::Differs(3));
    }

    #[test]
    fn wakeup_races_with_the_stop_of_the_switchover_only() {
        let (ours, theirs) = ([(0, WAKEUP), (0, STOP)], [(0, STOP), (0, WAKEUP)]);
        let open = Comparison::Reordered(vec![Order::WakeupAtSwitchover]);
        assert_eq!(both(&ours, &theirs), open);
        let later = Leeway {
            release: Release::V9_0,
            ..TCG
        };
        assert_eq!(both_with(&ours, &theirs, later), Comparison::Differs(0));
        assert_eq!(
            both(&[(0, WAKEUP), (0, RETURN)], &[(0, RETURN), (0, WAKEUP)]),
            Comparison::Differs(0)
        );
        assert_eq!(
            both(&[(0, WAKEUP), (0, STOP)], &[(0, STOP)]),
            Comparison::Differs(0)
        );
    }

    #[test]
    fn resume_races_with_the_reply_of_a_cancel_only() {
        let (ours, theirs) = ([(4, RETURN), (4, RESUME)], [(4, RESUME), (4, RETURN)]);
        let open = Comparison::Reordered(vec![Order::ResumeAtCancel]);
        assert_eq!(both(&ours, &theirs), open);
        assert_eq!(both(&ours, &ours), Comparison::Same);
        // Other commands reply in their place, and nothing else changes places.
        assert_eq!(
            both(&[(3, RETURN), (3, RESUME)], &[(3, RESUME), (3, RETURN)]),
            Comparison::Differs(0)
        );
        assert_eq!(
            both(&[(4, RETURN), (4, STOP)], &[(4, STOP), (4, RETURN)]),
            Comparison::Differs(0)
        );
        assert_eq!(both(&ours, &[(4, RESUME)]), Comparison::Differs(0));
        assert_eq!(both(&ours, &[(3, RESUME), (4, RETURN)]), Comparison::Differs(0));
    }

    #[test]
    fn resume_of_a_migration_that_breaks_may_come_before_the_reply_that_has_it_go_on() {
        let ours = [(6, RETURN), (7, FAILED), (7, RESUME)];
        let open = Comparison::Reordered(vec![Order::MigrationThread, Order::ResumeAtCancel]);
        assert_eq!(both(&ours, &[(6, FAILED), (6, RESUME), (6, RETURN)]), open);
        // Since 11.0 `failed` comes after it.
        let ours = [(6, RETURN), (7, RESUME), (7, FAILED)];
        assert_eq!(both(&ours, &[(6, RESUME), (6, FAILED), (6, RETURN)]), open);
        assert_eq!(
            both(&ours, &[(6, RESUME), (6, STOP), (6, FAILED), (6, RETURN)]),
            Comparison::Differs(0)
        );
    }

    #[test]
    fn watchdog_held_back_comes_by_the_real_clock_under_tcg() {
        let ours = [(0, WATCHDOG), (1, STOP), (3, RESUME), (3, WATCHDOG)];
        let theirs = [(0, WATCHDOG), (1, STOP), (2, WATCHDOG), (3, RESUME)];
        assert_eq!(both(&ours, &theirs), Comparison::Differs(2));
        let standing_in = Leeway {
            tcg_for_qtest: true,
            ..TCG
        };
        let open = Comparison::Reordered(vec![Order::WatchdogClock]);
        assert_eq!(both_with(&ours, &theirs, standing_in), open);
        assert_eq!(
            both_with(&ours, &theirs[..2], standing_in),
            Comparison::Differs(2)
        );
    }

    #[test]
    fn a_message_after_another_step_differs() {
        assert_eq!(
            both(&[(0, RETURN), (0, STOP)], &[(0, RETURN), (1, STOP)]),
            Comparison::Differs(1)
        );
        assert_eq!(
            both(&[(0, RETURN), (0, STOP)], &[(0, RETURN), (0, STOP)]),
            Comparison::Same
        );
    }

    #[test]
    fn answers_are_open_at_an_end() {
        let compared = |ours: &[&str], theirs: &[&str], exit, seen, tcg_for_qtest| {
            let model = Prediction {
                heard: ours.iter().map(|text| (0, text.parse().expect("JSON"))).collect(),
                exit: Some((0, exit)),
                cancels: Vec::new(),
                breaks: Vec::new(),
            };
            let heard = |text: &&str| Heard {
                step: 0,
                message: Message::parse(text.as_bytes()).expect("JSON"),
            };
            let qemu = Transcript {
                heard: theirs.iter().map(heard).collect(),
                exit: Some((0, seen)),
                ..Transcript::default()
            };
            let leeway = Leeway { tcg_for_qtest, ..TCG };
            compare(&model, &qemu, leeway)
        };
        let open = |order| Comparison::Reordered(vec![order]);
        let (status, seen) = (Exit::Status(0), drive::Exit::Status(0));
        let answered = [STOP, RETURN];
        assert_eq!(
            compared(&[STOP], &answered, status, seen, true),
            open(Order::AnswerAtTheEnd)
        );
        assert_eq!(
            compared(&[STOP], &answered, status, seen, false),
            Comparison::Differs(1)
        );
        assert_eq!(
            compared(&[STOP], &[STOP, RESUME], status, seen, true),
            Comparison::Differs(1)
        );
        let (abort, seen) = (Exit::Abort, drive::Exit::Signal(6));
        assert_eq!(
            compared(&answered, &[STOP], abort, seen, false),
            open(Order::AnswerBeforeAbort)
        );
        assert_eq!(
            compared(&[STOP, RESUME], &[STOP], abort, seen, false),
            Comparison::Differs(1)
        );
    }

    #[test]
    fn ends_are_compared() {
        let with = |exit| Transcript {
            exit: Some((0, exit)),
            ..Transcript::default()
        };
        let ours = |exit| Prediction {
            exit: Some((0, exit)),
            ..Prediction::default()
        };
        let status = |status| drive::Exit::Status(status);
        assert_eq!(
            compare(&ours(Exit::Status(1)), &with(status(1)), TCG),
            Comparison::Same
        );
        assert_eq!(
            compare(&ours(Exit::Status(1)), &with(status(0)), TCG),
            Comparison::Differs(0)
        );
        assert_eq!(
            compare(&ours(Exit::Abort), &with(drive::Exit::Signal(6)), TCG),
            Comparison::Same
        );
        assert_eq!(
            compare(&ours(Exit::Abort), &with(drive::Exit::Signal(11)), TCG),
            Comparison::Differs(0)
        );
        assert_eq!(
            compare(&ours(Exit::Status(0)), &Transcript::default(), TCG),
            Comparison::Differs(0)
        );
    }
}
