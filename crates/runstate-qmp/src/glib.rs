//! The order of a GLib hash table of strings: it decides which of several unexpected arguments QEMU reports.
//!
//! Rebuilt from glib/ghash.c (`g_hash_table_hash_to_index()`, `g_hash_table_maybe_resize()`,
//! `g_hash_table_resize()`) and glib/gstring.c (`g_str_hash()`), and compared with GLib 2.74.6.

use alloc::vec::Vec;

use crate::unicode;

/// The table starts with 8 slots and never has fewer: `HASH_TABLE_MIN_SHIFT`.
const MIN_SHIFT: usize = 3;

/// For each size 2^n the modulus that takes a hash to a slot: `prime_mod`, as far as it is needed here.
const MODULUS: [u32; 14] = [1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191];

/// With more keys than this the order is not computed: keys that collide would take quadratic time.
pub(crate) const MAX_KEYS: usize = 4096;

/// The first key, in the order of the table, that is left when all of `keys` have been put in and all of `removed`
/// taken out, both in the order given.
///
/// # Panics
///
/// If there are more than [`MAX_KEYS`] keys.
pub(crate) fn first_left<'a>(
    keys: impl Iterator<Item = &'a str>,
    removed: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let mut table = Table {
        slots: vec![Slot::Unused; 1 << MIN_SHIFT],
        shift: MIN_SHIFT,
        keys: 0,
        occupied: 0,
    };
    for key in keys {
        table.insert(key);
    }
    for key in removed {
        table.remove(key);
    }
    table.slots.iter().find_map(|slot| slot.key())
}

struct Table<'a> {
    slots: Vec<Slot<'a>>,
    /// There are 2^shift slots.
    shift: usize,
    /// How many slots hold a key.
    keys: usize,
    /// How many slots hold a key or held one.
    occupied: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Slot<'a> {
    Unused,
    /// The key that was here has been removed.
    Tombstone,
    Key(&'a str),
}

impl<'a> Slot<'a> {
    const fn key(self) -> Option<&'a str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Unused | Self::Tombstone => None,
        }
    }
}

impl<'a> Table<'a> {
    fn insert(&mut self, key: &'a str) {
        let at = self.find(key);
        let before = core::mem::replace(&mut self.slots[at], Slot::Key(key));
        self.keys += 1;
        if before == Slot::Unused {
            self.occupied += 1;
            self.maybe_resize();
        }
    }

    fn remove(&mut self, key: &str) {
        let at = self.find(key);
        if self.slots[at].key() == Some(key) {
            self.slots[at] = Slot::Tombstone;
            self.keys -= 1;
            self.maybe_resize();
        }
    }

    /// Where `key` is, or where it would be put. `g_hash_table_lookup_node()`.
    fn find(&self, key: &str) -> usize {
        let mut at = self.index(key);
        let mut free = None;
        for step in 1.. {
            match self.slots[at] {
                Slot::Unused => return free.unwrap_or(at),
                Slot::Tombstone => free = free.or(Some(at)),
                Slot::Key(other) if other == key => return at,
                Slot::Key(_) => {}
            }
            at = (at + step) % self.slots.len();
        }
        unreachable!("a table always has an unused slot")
    }

    fn index(&self, key: &str) -> usize {
        (hash(key).wrapping_mul(11) % MODULUS[self.shift]) as usize
    }

    fn maybe_resize(&mut self) {
        let size = self.slots.len();
        if (size > self.keys * 4 && self.shift > MIN_SHIFT) || size <= self.occupied + self.occupied / 16 {
            self.resize();
        }
    }

    /// Each key goes to its place in the table of the new size; one that is in the way is moved next.
    fn resize(&mut self) {
        let wanted = (self.keys as f64 * 1.333) as usize;
        self.shift = MIN_SHIFT.max((usize::BITS - wanted.leading_zeros()) as usize);
        let (old, new) = (self.slots.len(), 1 << self.shift);
        self.slots.resize(old.max(new), Slot::Unused);
        let mut placed = vec![false; self.slots.len()];
        for from in 0..old {
            if placed[from] {
                continue;
            }
            let mut moving = core::mem::replace(&mut self.slots[from], Slot::Unused);
            while let Slot::Key(key) = moving {
                let mut at = self.index(key);
                let mut step = 0;
                while placed[at] {
                    step += 1;
                    at = (at + step) % new;
                }
                placed[at] = true;
                moving = core::mem::replace(&mut self.slots[at], moving);
            }
        }
        self.slots.truncate(new);
        self.occupied = self.keys;
    }
}

/// `g_str_hash()`; 0 and 1 mark unused slots and tombstones, and become 2.
fn hash(key: &str) -> u32 {
    let hash = unicode::modified_utf8(key).fold(5381_u32, |hash, byte| {
        // The byte is a `signed char`.
        hash.wrapping_mul(33)
            .wrapping_add_signed(i32::from(byte.cast_signed()))
    });
    hash.max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys put in, keys taken out, and the first that is left, as a program that calls GLib 2.74.6 found.
    const GLIB: [&str; 25] = [
        "a b c |  | b",
        "device bar |  | bar",
        "shutdown name | shutdown | name",
        "guest z | guest | z",
        "reboot key reason |  | reason",
        "y enable reason | y | reason",
        "panic guest path | panic | guest",
        "z panic reason key foo |  | z",
        "path name key reason shutdown | path | reason",
        "path reason z bar id | bar reason | path",
        "z foo key id type baz été |  | z",
        "key type name enable reboot foo guest | reboot | foo",
        "reason value enable x z panic device | x z device | reason",
        "reboot id path baz name guest été x |  | path",
        "device watchdog id value guest foo y panic | id | foo",
        "device bar x panic reason guest type y | guest reason panic type | bar",
        "watchdog guest été node-name x name reason id device |  | id",
        "key été watchdog id shutdown reboot action name baz | watchdog | baz",
        "value foo x reason enable id bar path key | bar path value foo | reason",
        "watchdog shutdown z node-name bar panic value name baz device enable foo |  | bar",
        "bar guest baz type path key action x panic id été value | path | bar",
        "action bar panic z reboot device été reason path name shutdown value | path été shutdown name value action | bar",
        "x name shutdown reason enable guest key watchdog z value baz id action panic device type bar node-name path été |  | watchdog",
        "guest enable value shutdown bar node-name reboot y path reason panic watchdog x device id key action name été type | path | watchdog",
        "x baz y action enable name reboot bar z node-name value panic type reason device été id guest key path | bar reboot path type guest action z été name x | baz",
    ];

    #[test]
    fn the_first_left_is_glibs() {
        let none: [&str; 0] = [];
        let left = |keys: &[&'static str], removed: &[&'static str]| {
            first_left(keys.iter().copied(), removed.iter().copied())
        };
        for row in GLIB {
            let mut columns = row
                .split('|')
                .map(|column| column.split_whitespace().collect::<Vec<_>>());
            let mut column = || columns.next().expect("three columns");
            let (keys, removed, first) = (column(), column(), column());
            assert_eq!(
                first_left(keys.into_iter(), removed.into_iter()).as_slice(),
                first,
                "{row}"
            );
        }
        assert_eq!(left(&none, &none), None);
        assert_eq!(left(&["a"], &["a"]), None);
        let many: Vec<String> = (0..300).map(|n| format!("k{n}")).collect();
        let left = |removed| {
            first_left(
                many.iter().map(String::as_str),
                many[..removed].iter().map(String::as_str),
            )
        };
        assert_eq!(left(0), Some("k7"));
        assert_eq!(left(290), Some("k292"));
    }
}
