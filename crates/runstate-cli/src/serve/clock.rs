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

/// A time as QEMU prefixes its messages with it: `2026-11-23T07:54:50.917123Z`. `error_vprintf()`, util/error-report.c.
pub(crate) fn iso8601(micros: u64) -> String {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, in cycles of 400: the leap day comes last.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march = (5 * day + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + 400 * era + u64::from(month < 3);
    let day = day - (153 * march + 2) / 5 + 1;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_gregorian() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_795_419_923, "2026-11-23T07:45:23"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!(iso8601(seconds * 1_000_000 + 42), format!("{date}.000042Z"));
        }
    }
}
