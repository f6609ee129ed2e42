//! What is nondeterministic in QEMU itself: named, and no more than named.
//!
//! The model gives one order of messages. Where QEMU's threads race, a run of QEMU may give another one of a set; each
//! rule here is such a set.

use runstate_monitor::scenario::Exit;
use runstate_qmp::Value;

use super::drive;
use super::plan::Prediction;

/// A way in which QEMU's order of messages is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// MIGRATION and MIGRATION_PASS come from the migration's thread, in their order, but unordered with what the main
    /// loop says: the replies of commands (`migrate_generate_event()`, migration/migration.c).
    MigrationThread,
    /// Until 8.2 a suspended guest is woken when its migration comes to the switchover: WAKEUP comes from the main loop
    /// some time after, before or after the migration's STOP (`migration_completion()`, migration/migration.c, 7.2).
    WakeupAtSwitchover,
}

impl Order {
    /// Every rule.
    pub const ALL: [Self; 2] = [Self::MigrationThread, Self::WakeupAtSwitchover];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MigrationThread => "migration-thread",
            Self::WakeupAtSwitchover => "wakeup-at-switchover",
        }
    }

    /// Whether a message may change its place among the others.
    fn moves(self, message: &Value) -> bool {
        let Some(event) = message.get("event").and_then(Value::as_str) else {
            return false;
        };
        match self {
            Self::MigrationThread => matches!(event, "MIGRATION" | "MIGRATION_PASS"),
            Self::WakeupAtSwitchover => event == "WAKEUP",
        }
    }

    /// Whether the rule can apply to these messages at all.
    fn applies(self, messages: &[&Value]) -> bool {
        match self {
            Self::MigrationThread => true,
            // Only a migration stops the VM beside a WAKEUP: the two stand next to each other.
            Self::WakeupAtSwitchover => messages.windows(2).any(|pair| {
                let name = |message: &Value| message.get("event").and_then(Value::as_str).map(str::to_owned);
                let pair = [name(pair[0]), name(pair[1])];
                pair.iter().any(|name| name.as_deref() == Some("STOP"))
                    && pair.iter().any(|name| name.as_deref() == Some("WAKEUP"))
            }),
        }
    }
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
pub fn compare(model: &Prediction, qemu: &drive::Transcript) -> Comparison {
    let ours: Vec<&Value> = model.heard.iter().map(|(_, message)| message).collect();
    let theirs: Vec<&Value> = qemu.heard.iter().map(|heard| &heard.message.value).collect();
    let same_end = same_end(model, qemu);
    if ours == theirs {
        let first_moved = model
            .heard
            .iter()
            .zip(&qemu.heard)
            .position(|((step, message), heard)| {
                *step != heard.step && !Order::MigrationThread.moves(message)
            });
        return match first_moved {
            Some(at) => Comparison::Differs(at),
            None if same_end => Comparison::Same,
            None => Comparison::Differs(ours.len()),
        };
    }
    let allowed: Vec<Order> = Order::ALL
        .into_iter()
        .filter(|order| order.applies(&ours) && order.applies(&theirs))
        .collect();
    let moves = |message: &&Value| allowed.iter().any(|order| order.moves(message));
    let part = |messages: &[&Value], moving: bool| -> Vec<Value> {
        let kept = messages.iter().filter(|message| moves(message) == moving);
        kept.map(|message| (*message).clone()).collect()
    };
    let one_by_one = allowed.iter().all(|order| {
        let only = |messages: &[&Value]| -> Vec<Value> {
            let kept = messages.iter().filter(|message| order.moves(message));
            kept.map(|message| (*message).clone()).collect()
        };
        only(&ours) == only(&theirs)
    });
    if same_end && one_by_one && part(&ours, false) == part(&theirs, false) {
        let used = allowed
            .into_iter()
            .filter(|order| ours.iter().any(|message| order.moves(message)));
        return Comparison::Reordered(used.collect());
    }
    let agree = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    Comparison::Differs(agree)
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
    const PASS: &str = r#"{"event": "MIGRATION_PASS", "data": {"pass": 1}}"#;
    const STOP: &str = r#"{"event": "STOP"}"#;
    const WAKEUP: &str = r#"{"event": "WAKEUP"}"#;
    const RETURN: &str = r#"{"return": {}}"#;

    fn both(ours: &[(usize, &str)], theirs: &[(usize, &str)]) -> Comparison {
        let model = Prediction {
            heard: ours
                .iter()
                .map(|(step, text)| (*step, text.parse().expect("JSON")))
                .collect(),
            exit: None,
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
        compare(&model, &qemu)
    }

    #[test]
    fn migration_thread_is_unordered_with_replies_only() {
        let ours = [(0, SETUP), (0, RETURN), (1, PASS), (1, ACTIVE), (1, STOP)];
        let theirs = [(0, SETUP), (0, PASS), (0, RETURN), (0, ACTIVE), (1, STOP)];
        assert_eq!(
            both(&ours, &theirs),
            Comparison::Reordered(vec![Order::MigrationThread])
        );
        // Its own order is fixed.
        let theirs = [(0, SETUP), (0, ACTIVE), (0, RETURN), (0, PASS), (1, STOP)];
        assert_eq!(both(&ours, &theirs), Comparison::Differs(1));
        // So is that of all the rest.
        let theirs = [(0, SETUP), (0, STOP), (0, RETURN), (0, PASS), (1, ACTIVE)];
        assert_eq!(both(&ours, &theirs), Comparison::Differs(1));
        // It may come earlier than the model has it, as the same sequence.
        let theirs = [(0, SETUP), (0, RETURN), (0, PASS), (0, ACTIVE), (1, STOP)];
        assert_eq!(both(&ours, &theirs), Comparison::Same);
    }

    #[test]
    fn wakeup_races_with_the_stop_of_the_switchover_only() {
        assert_eq!(
            both(&[(0, WAKEUP), (0, STOP)], &[(0, STOP), (0, WAKEUP)]),
            Comparison::Reordered(vec![Order::WakeupAtSwitchover])
        );
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
    fn ends_are_compared() {
        let with = |exit| Transcript {
            exit: Some((0, exit)),
            ..Transcript::default()
        };
        let ours = |exit| Prediction {
            heard: Vec::new(),
            exit: Some((0, exit)),
        };
        let status = |status| drive::Exit::Status(status);
        assert_eq!(
            compare(&ours(Exit::Status(1)), &with(status(1))),
            Comparison::Same
        );
        assert_eq!(
            compare(&ours(Exit::Status(1)), &with(status(0))),
            Comparison::Differs(0)
        );
        assert_eq!(
            compare(&ours(Exit::Abort), &with(drive::Exit::Signal(6))),
            Comparison::Same
        );
        assert_eq!(
            compare(&ours(Exit::Abort), &with(drive::Exit::Signal(11))),
            Comparison::Differs(0)
        );
        assert_eq!(
            compare(&ours(Exit::Status(0)), &Transcript::default()),
            Comparison::Differs(0)
        );
    }
}
