//! The host's clocks.

use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use runstate::Time;

/// Time since a start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts now.
    pub(crate) fn new() -> Self {
        Self { start: instant() }
    }

    /// The time since the start; 2^64 nanoseconds are 584 years.
    pub(crate) fn now(self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// When a time on this clock is; far away where the host cannot say.
    pub(crate) fn instant(self, time: Time) -> Instant {
        let far = || self.start + Duration::from_secs(u32::MAX.into());
        self.start
            .checked_add(Duration::from_nanos(time.0))
            .unwrap_or_else(far)
    }
}

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the tool looks at the clock"
)]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Microseconds since 1970; 0 on a host whose clock is before that.
#[must_use]
pub fn epoch_micros() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "events carry the host's time")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
