//! The rate limits of the events that have one, each with what it holds back.

use std::collections::{BTreeMap, VecDeque};

use runstate::{Event, Throttle, Throttled, Time};

use super::Message;

/// WATCHDOG has one limit, BLOCK_IO_ERROR one per QOM path.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    watchdog: Throttle<Message>,
    block_io_error: BTreeMap<String, Throttle<Message>>,
}

impl Limits {
    /// The message, if it may go out now.
    pub(super) fn event(&mut self, event: Event, message: Message, now: Time) -> Option<Message> {
        let throttle = if matches!(event, Event::Watchdog(_)) {
            &mut self.watchdog
        } else {
            let path = message
                .data
                .as_ref()
                .and_then(|data| data.get("qom-path")?.as_str())
                .unwrap_or_default();
            if !self.block_io_error.contains_key(path) {
                // As QEMU frees the state of a window that is over: what does not wait is not kept.
                self.block_io_error
                    .retain(|_, throttle| throttle.deadline().is_some());
            }
            self.block_io_error.entry(path.to_owned()).or_default()
        };
        match throttle.event(message, now) {
            Throttled::Now(message) => Some(message),
            Throttled::Kept => None,
        }
    }

    /// When a window ends.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.block_io_error
            .values()
            .chain([&self.watchdog])
            .filter_map(Throttle::deadline)
            .min()
    }

    /// What is due at `now` goes out.
    pub(super) fn expire(&mut self, now: Time, messages: &mut VecDeque<Message>) {
        messages.extend(self.watchdog.expire(now));
        for throttle in self.block_io_error.values_mut() {
            messages.extend(throttle.expire(now));
        }
    }
}
