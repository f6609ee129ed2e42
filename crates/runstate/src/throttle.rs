//! The rate limit of events: at most one a second; of those that come too soon only the last is kept, and sent when the second
//! is over, which begins a new one.
//!
//! `monitor_qapi_event_queue_no_reenter()`, `monitor_qapi_event_handler()`, `monitor_qapi_event_conf[]`, monitor/monitor.c.
//! WATCHDOG in all releases, BLOCK_IO_ERROR per QOM path since 9.2. Only the event waits; what it tells of has happened.

use crate::{Event, Release, Time};

/// The limit of one kind of event. What is kept back is the caller's: the event with its data and its own timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Throttle<T> {
    window: Option<(Time, Option<T>)>,
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Throttled<T> {
    /// Send it now.
    Now(T),
    /// It is kept; it replaces what was kept before.
    Kept,
}

impl<T> Default for Throttle<T> {
    fn default() -> Self {
        Self { window: None }
    }
}

impl<T> Throttle<T> {
    /// How long a window is: a second of the realtime clock, or with `-accel qtest` of the virtual one.
    pub const WINDOW: Time = Time::SECOND;

    /// An event comes at `now`.
    pub fn event(&mut self, event: T, now: Time) -> Throttled<T> {
        if let Some((_, kept)) = &mut self.window {
            *kept = Some(event);
            return Throttled::Kept;
        }
        self.window = Some((now.plus(Self::WINDOW), None));
        Throttled::Now(event)
    }

    /// When [`expire`](Self::expire) has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.window.as_ref().map(|(end, _)| *end)
    }

    /// The clock has reached `now`: what was kept is to be sent, if the window is over.
    pub fn expire(&mut self, now: Time) -> Option<T> {
        let (end, kept) = self.window.as_mut()?;
        if now < *end {
            return None;
        }
        let sent = kept.take();
        // The event that is sent late opens the next window.
        if sent.is_some() {
            *end = now.plus(Self::WINDOW);
        } else {
            self.window = None;
        }
        sent
    }
}

impl Event {
    /// Whether the event's rate is limited in that release.
    #[must_use]
    pub const fn is_throttled(self, release: Release) -> bool {
        match self {
            Self::Watchdog(_) => true,
            Self::BlockIoError(action) => release.throttles_block_io_error(action),
            Self::Shutdown(_)
            | Self::Powerdown
            | Self::Reset(_)
            | Self::Stop
            | Self::Resume
            | Self::Suspend
            | Self::SuspendDisk
            | Self::Wakeup
            | Self::GuestPanicked(_)
            | Self::GuestCrashloaded(_)
            | Self::GuestPvshutdown
            | Self::MemoryFailure(_)
            | Self::Migration(_)
            | Self::MigrationPass(_)
            | Self::ColoExit(..)
            | Self::DumpCompleted
            | Self::JobStatusChange(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_of_a_window_is_sent_at_its_end() {
        let mut throttle = Throttle::default();
        let at = Time::from_millis;
        assert_eq!(throttle.event('a', at(100)), Throttled::Now('a'));
        assert_eq!(throttle.event('b', at(200)), Throttled::Kept);
        assert_eq!(throttle.event('c', at(300)), Throttled::Kept);
        assert_eq!(throttle.expire(at(1099)), None);
        assert_eq!(throttle.expire(at(1100)), Some('c'));
        // The late one has opened a window of its own.
        assert_eq!(throttle.event('d', at(1200)), Throttled::Kept);
        assert_eq!(throttle.expire(at(2100)), Some('d'));
        assert_eq!(throttle.expire(at(3100)), None);
        assert_eq!(throttle.event('e', at(3200)), Throttled::Now('e'));
    }
}
