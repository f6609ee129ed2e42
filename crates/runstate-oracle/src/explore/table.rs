//! Dense numbers for sparse keys.

/// Numbers keys 0, 1, 2, .. in the order in which they first come.
///
/// Open addressing with linear probing, at most half full: one cache line a look-up, no buckets, nothing hashed twice.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// A key, and its number plus one; zero is free.
    slots: Vec<(u64, u32)>,
    len: u32,
}

/// Fibonacci hashing: the keys' entropy is spread over the word, and the product's upper bits see all of it.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Numbers {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![(0, 0); 1 << 12],
            len: 0,
        }
    }

    /// The key's number, and whether it is new.
    #[inline]
    pub(crate) fn number(&mut self, key: u64) -> (u32, bool) {
        let mask = self.slots.len() - 1;
        let mut at = self.home(key);
        loop {
            let (found, number) = self.slots[at];
            if number == 0 {
                break;
            }
            if found == key {
                return (number - 1, false);
            }
            at = (at + 1) & mask;
        }
        self.len += 1;
        self.slots[at] = (key, self.len);
        if self.len as usize * 2 > self.slots.len() {
            self.grow();
        }
        (self.len - 1, true)
    }

    fn home(&self, key: u64) -> usize {
        // The length is a power of two, so this keeps as many upper bits as there are slots.
        (key.wrapping_mul(SPREAD) >> (64 - self.slots.len().trailing_zeros())) as usize
    }

    #[cold]
    fn grow(&mut self) {
        let old = core::mem::take(&mut self.slots);
        self.slots = vec![(0, 0); old.len() * 2];
        let mask = self.slots.len() - 1;
        for (key, number) in old {
            if number != 0 {
                let mut at = self.home(key);
                while self.slots[at].1 != 0 {
                    at = (at + 1) & mask;
                }
                self.slots[at] = (key, number);
            }
        }
    }
}

/// A set that is emptied often: what is old has an older stamp.
#[derive(Debug)]
pub(crate) struct Recent {
    /// A key, and the stamp under which it came.
    slots: Vec<(u64, u32)>,
    stamp: u32,
    len: usize,
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![(0, 0); 1 << 8],
            stamp: 1,
            len: 0,
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.stamp = self.stamp.checked_add(1).unwrap_or_else(|| {
            self.slots.fill((0, 0));
            1
        });
    }

    /// Whether the key is new.
    #[inline]
    pub(crate) fn insert(&mut self, key: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = (key.wrapping_mul(SPREAD) >> (64 - self.slots.len().trailing_zeros())) as usize;
        loop {
            let (found, stamp) = self.slots[at];
            if stamp != self.stamp {
                break;
            }
            if found == key {
                return false;
            }
            at = (at + 1) & mask;
        }
        self.slots[at] = (key, self.stamp);
        self.len += 1;
        if self.len * 2 > self.slots.len() {
            self.grow();
        }
        true
    }

    #[cold]
    fn grow(&mut self) {
        let old = core::mem::take(&mut self.slots);
        self.slots = vec![(0, 0); old.len() * 2];
        self.len = 0;
        for (key, stamp) in old {
            if stamp == self.stamp {
                self.insert(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recent_is_known_until_all_is_forgotten() {
        let mut recent = Recent::new();
        recent.stamp = u32::MAX - 2;
        for _ in 0..5 {
            for key in (0..1000).chain([u64::MAX]) {
                assert!(recent.insert(key) && !recent.insert(key));
            }
            recent.clear();
        }
    }

    #[test]
    fn numbers_are_dense_and_stay() {
        let mut numbers = Numbers::new();
        let keys: Vec<u64> = (0..20_000_u64)
            .map(|i| i.wrapping_mul(0x1234_5678_9abc) ^ i << 40)
            .collect();
        for (i, &key) in keys.iter().enumerate() {
            assert_eq!(numbers.number(key), (i as u32, true));
        }
        for (i, &key) in keys.iter().enumerate() {
            assert_eq!(numbers.number(key), (i as u32, false));
        }
    }
}
