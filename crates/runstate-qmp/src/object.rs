//! [`Object`]: members in the order they were inserted, with QEMU's hash bucket beside each key.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::Value;

/// A JSON object: QEMU's QDict.
///
/// Members keep the order in which they were inserted; [`print`](crate::print) puts them in QEMU's order. Two
/// objects are equal when they have equal members, in whatever order.
///
/// Looking a member up takes time linear in the number of members.
#[derive(Clone, Default)]
pub struct Object {
    members: Vec<Member>,
}

/// A key, its bucket in QEMU's hash table, and the value.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: Box<str>,
    pub(crate) bucket: u16,
    pub(crate) value: Value,
}

impl Object {
    /// An object without members.
    #[must_use]
    pub const fn new() -> Self {
        Self { members: Vec::new() }
    }

    /// Puts `value` at `key`. An existing value is replaced in its place and handed back, as `qdict_put_obj()`
    /// (qobject/qdict.c) replaces it.
    pub fn insert(&mut self, key: impl Into<Box<str>>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.position(&key) {
            Some(at) => Some(core::mem::replace(&mut self.members[at].value, value)),
            None => {
                self.push_new(key, value);
                None
            }
        }
    }

    /// [`insert`](Self::insert), for chains: `Object::new().with("running", true)`.
    #[must_use]
    pub fn with(mut self, key: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
        self.insert(key, value);
        self
    }

    /// Takes the member `key` out. The others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.position(key).map(|at| self.members.remove(at).value)
    }

    /// The value at `key`, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.position(key).map(|at| &mut self.members[at].value)
    }

    /// Takes all members out.
    pub fn clear(&mut self) {
        self.members.clear();
    }

    /// The value at `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).map(|at| &self.members[at].value)
    }

    /// Whether there is a member `key`.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members in the order they were inserted.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.members.iter().map(|member| (&*member.key, &member.value))
    }

    /// The keys in the order they were inserted.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|member| &*member.key)
    }

    /// The values in the order they were inserted.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.members.iter().map(|member| &member.value)
    }

    /// The members in the order in which QEMU walks and prints them: by bucket of its hash table, and within a
    /// bucket the last inserted first. `qdict_first()`, `qdict_next()`, qobject/qdict.c.
    pub fn iter_as_qemu(&self) -> impl Iterator<Item = (&str, &Value)> {
        let mut order: Vec<u32> = Vec::new();
        self.order_as_qemu(&mut order);
        order.into_iter().map(|at| {
            let member = &self.members[at as usize];
            (&*member.key, &member.value)
        })
    }

    /// Appends a member whose key is known to be new.
    pub(crate) fn push_new(&mut self, key: Box<str>, value: Value) {
        let bucket = bucket(&key);
        self.members.push(Member { key, bucket, value });
    }

    /// Appends to `order` the places of the members in QEMU's order. Places fit in 32 bits: a member takes at
    /// least 48 bytes.
    pub(crate) fn order_as_qemu(&self, order: &mut Vec<u32>) {
        let from = order.len();
        order.extend((0..self.members.len() as u32).rev());
        // Stable: what is in one bucket stays last-inserted first.
        order[from..].sort_by_key(|at| self.members[*at as usize].bucket);
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.members.iter().position(|member| *member.key == *key)
    }
}

/// The bucket of QEMU's hash table that `key` belongs to, below 512. `tdb_hash()`, qobject/qdict.c.
pub(crate) fn bucket(key: &str) -> u16 {
    const BUCKETS: u32 = 512;

    let (mut length, mut sum, mut shift): (u32, u32, u32) = (0, 0, 0);
    let mut add = |byte: u8| {
        sum = sum.wrapping_add(u32::from(byte) << shift);
        length = length.wrapping_add(1);
        // Five times the place of the byte, modulo 24.
        shift += 5;
        if shift >= 24 {
            shift -= 24;
        }
    };
    for byte in key.bytes() {
        match byte {
            // U+0000 is C0 80.
            0 => [0xC0, 0x80].into_iter().for_each(&mut add),
            _ => add(byte),
        }
    }
    let value = sum.wrapping_add(0x238F_13AF_u32.wrapping_mul(length));
    (value.wrapping_mul(1_103_515_243).wrapping_add(12345) % BUCKETS) as u16
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        if self.len() != other.len() {
            return false;
        }
        if self.len() <= 16 {
            return self.iter().all(|(key, value)| other.get(key) == Some(value));
        }
        let sorted = |object: &Self| {
            let mut order: Vec<usize> = (0..object.len()).collect();
            order.sort_by(|a, b| object.members[*a].key.cmp(&object.members[*b].key));
            order
        };
        sorted(self).into_iter().zip(sorted(other)).all(|(a, b)| {
            let (a, b) = (&self.members[a], &other.members[b]);
            a.key == b.key && a.value == b.value
        })
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Into<Box<str>>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Self {
        let mut object = Self::new();
        object.extend(members);
        object
    }
}

impl<K: Into<Box<str>>, V: Into<Value>> Extend<(K, V)> for Object {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, members: I) {
        for (key, value) in members {
            self.insert(key, value);
        }
    }
}

/// The members of an object, in the order they were inserted.
#[derive(Debug)]
pub struct IntoIter(alloc::vec::IntoIter<Member>);

impl Iterator for IntoIter {
    type Item = (Box<str>, Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|member| (member.key, member.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl IntoIterator for Object {
    type Item = (Box<str>, Value);
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(self.members.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some of the buckets of protocol.md 1.5: computed from the rule there, checked against QEMU's output.
    #[test]
    fn buckets_are_qemus() {
        for (key, expected) in [
            ("core-id", 3),
            ("flags", 20),
            ("timestamp", 26),
            ("QMP", 99),
            ("execute", 299),
            ("return", 401),
            ("reason", 401),
            ("arguments", 447),
            ("id", 486),
            ("error", 489),
            ("data", 505),
        ] {
            assert_eq!(bucket(key), expected, "{key}");
        }
        for n in 1..=5 {
            assert_eq!(bucket(&format!("arg{n}")), 24);
        }
        // A long key, and U+0000, which QEMU holds as two bytes: computed from the rule.
        assert_eq!(bucket("unstable-input-and-a-much-longer-key"), 318);
        assert_eq!(bucket("a\0b"), 344);
    }

    #[test]
    fn order_is_by_bucket_then_last_inserted_first() {
        let object = ["data", "arg1", "arg2", "timestamp"]
            .into_iter()
            .map(|key| (key, 0))
            .collect::<Object>();
        let order: Vec<&str> = object.iter_as_qemu().map(|(key, _)| key).collect();
        assert_eq!(order, ["arg2", "arg1", "timestamp", "data"]);
        assert_eq!(
            object.keys().collect::<Vec<_>>(),
            ["data", "arg1", "arg2", "timestamp"]
        );
    }

    #[test]
    fn replacing_keeps_the_place() {
        let mut object = Object::new().with("a", 1).with("b", 2);
        assert_eq!(object.insert("a", 3), Some(Value::Int(1)));
        assert_eq!(object.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(object.remove("a"), Some(Value::Int(3)));
        assert_eq!(object.remove("a"), None);
        assert_eq!(object.len(), 1);
    }

    #[test]
    fn equality_ignores_order() {
        for n in [3, 40] {
            let forward: Object = (0..n).map(|i| (i.to_string(), i)).collect();
            let backward: Object = (0..n).rev().map(|i| (i.to_string(), i)).collect();
            assert_eq!(forward, backward);
            let mut other = backward;
            other.insert("0", 7);
            assert_ne!(forward, other);
        }
    }
}
