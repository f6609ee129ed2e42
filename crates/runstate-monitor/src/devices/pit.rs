//! The interval timer's channel 0, as far as a bare `clock_step` sees it. hw/timer/i8254.c.

use super::NANOSECONDS;

/// Cycles a second.
const FREQUENCY: u64 = 1_193_182;
/// Cycles between two edges of the output after power-on: a square wave over 65536.
const HALF_PERIOD: u64 = 0x8000;

/// The timer as it is after power-on; it interrupts, and changes nothing about the run state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pit;

impl Pit {
    /// The next edge after `now`.
    #[expect(clippy::unused_self, reason = "it has no state as long as nobody programs it")]
    pub(super) fn next(self, now: u64) -> u64 {
        let edge = |n: u64| {
            u128::from(n) * u128::from(HALF_PERIOD) * u128::from(NANOSECONDS) / u128::from(FREQUENCY)
        };
        let mut n =
            u128::from(now) * u128::from(FREQUENCY) / u128::from(NANOSECONDS) / u128::from(HALF_PERIOD);
        // The division above rounds down: at most two steps are left.
        loop {
            n += 1;
            let at = edge(u64::try_from(n).unwrap_or(u64::MAX));
            if at > u128::from(now) {
                return u64::try_from(at).unwrap_or(u64::MAX);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_those_recorded() {
        // qtest's `clock_step` answers 27462700 on QEMU 10.0.0.
        assert_eq!(Pit.next(0), 27_462_700);
        assert!(Pit.next(27_462_700) > 27_462_700);
        assert_eq!(Pit.next(u64::MAX), u64::MAX);
    }
}
