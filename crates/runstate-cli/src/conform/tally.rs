//! What came of many scenarios.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use runstate::Release;

use super::orders::Order;
use super::trial::Verdict;
use crate::exit::Outcome;

/// Counts.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    agree: usize,
    messages: usize,
    differ: usize,
    failed: usize,
    again: usize,
    other_release: usize,
    orders: BTreeMap<Order, usize>,
    undrivable: BTreeMap<String, usize>,
    mistaken: usize,
}

impl Tally {
    /// Counts one; `None` is a scenario for another release.
    pub fn count(&mut self, verdict: Option<Verdict>) {
        match verdict {
            None => self.other_release += 1,
            Some(Verdict::Agrees {
                messages,
                orders,
                again,
            }) => {
                self.agree += 1;
                self.messages += messages;
                self.again += again;
                for order in orders {
                    *self.orders.entry(order).or_default() += 1;
                }
            }
            Some(Verdict::Differs(_)) => self.differ += 1,
            Some(Verdict::Mistaken(_)) => self.mistaken += 1,
            Some(Verdict::Undrivable(reason)) => *self.undrivable.entry(reason).or_default() += 1,
            Some(Verdict::Failed(_)) => self.failed += 1,
        }
    }

    /// How the command ends.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        if self.failed > 0 || self.mistaken > 0 {
            Outcome::Trouble
        } else if self.differ > 0 {
            Outcome::Differs
        } else {
            Outcome::AsExpected
        }
    }

    /// In words.
    #[must_use]
    pub fn summary(&self, (major, minor, micro): (u64, u64, u64), release: Release) -> String {
        let mut text = format!(
            "{} scenarios with {} messages: QEMU {major}.{minor}.{micro} and the model of {release} agree\n",
            self.agree, self.messages
        );
        let mut line = |count: usize, what: &str| {
            if count > 0 {
                let _ = writeln!(text, "{count} {what}");
            }
        };
        line(self.differ, "differ");
        line(self.failed, "failed in QEMU");
        line(self.mistaken, "ask for what cannot happen");
        line(self.other_release, "are for other releases");
        line(
            self.again,
            "runs were repeated, since real time ran away from a rate limit",
        );
        for (order, count) in &self.orders {
            let name = order.name();
            line(
                *count,
                &format!("agree but for an order that is open in QEMU: {name}"),
            );
        }
        let reasons: usize = self.undrivable.values().sum();
        line(reasons, "cannot be driven:");
        for (reason, count) in &self.undrivable {
            let _ = writeln!(text, "    {count:>4}  {reason}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conform::failure::Failure;

    #[test]
    fn summary_counts_what_there_is() {
        let mut tally = Tally::default();
        tally.count(Some(Verdict::Agrees {
            messages: 7,
            orders: vec![Order::MigrationThread],
            again: 0,
        }));
        assert_eq!(tally.outcome(), Outcome::AsExpected);
        tally.count(Some(Verdict::Undrivable("no window".to_owned())));
        tally.count(None);
        assert_eq!(
            tally.summary((7, 2, 22), Release::V7_2),
            "1 scenarios with 7 messages: QEMU 7.2.22 and the model of 7.2 agree\n\
             1 are for other releases\n\
             1 agree but for an order that is open in QEMU: migration-thread\n\
             1 cannot be driven:\n       1  no window\n"
        );
        tally.count(Some(Verdict::Failed(Failure::qemu("it hangs"))));
        assert_eq!(tally.outcome(), Outcome::Trouble);
    }
}
