//! The guest's memory: pages come into being when they are written.

use std::collections::BTreeMap;

const PAGE: usize = 4096;

/// The most pages one VM keeps, 64 MiB: no client may use up the host's memory. Writes beyond are lost.
const MOST_PAGES: usize = 16384;

/// Sparse memory. What was never written reads as zero, and so does what lies beyond its size.
#[derive(Clone, Debug)]
pub struct Memory {
    size: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

impl Memory {
    /// Memory of a size in bytes.
    #[must_use]
    pub const fn new(size: u64) -> Self {
        Self {
            size,
            pages: BTreeMap::new(),
        }
    }

    /// Whether there is memory at the address.
    #[must_use]
    pub const fn holds(&self, address: u64) -> bool {
        address < self.size
    }

    /// Reads.
    pub fn read(&self, address: u64, bytes: &mut [u8]) {
        for (page, offset, part) in pieces(address, bytes.len() as u64) {
            let target = &mut bytes[part.clone()];
            match self.pages.get(&page) {
                Some(data) => target.copy_from_slice(&data[offset..offset + part.len()]),
                None => target.fill(0),
            }
        }
    }

    /// Writes.
    pub fn write(&mut self, address: u64, bytes: &[u8]) {
        for (page, offset, part) in pieces(address, bytes.len() as u64) {
            if let Some(data) = self.page(page) {
                data[offset..offset + part.len()].copy_from_slice(&bytes[part]);
            }
        }
    }

    /// Writes one value many times. Zeros make no pages.
    pub fn fill(&mut self, address: u64, size: u64, value: u8) {
        let end = address.saturating_add(size).min(self.size);
        let mut at = address;
        while at < end {
            let (page, offset) = split(at);
            let length = (PAGE - offset).min(usize::try_from(end - at).unwrap_or(PAGE));
            let exists = self.pages.contains_key(&page);
            if value != 0 && !exists && self.pages.len() >= MOST_PAGES {
                return;
            }
            if (value != 0 || exists)
                && let Some(data) = self.page(page)
            {
                data[offset..offset + length].fill(value);
            }
            at += length as u64;
        }
    }

    fn page(&mut self, page: u64) -> Option<&mut [u8; PAGE]> {
        let full = self.pages.len() >= MOST_PAGES && !self.pages.contains_key(&page);
        if full || page.saturating_mul(PAGE as u64) >= self.size {
            return None;
        }
        Some(self.pages.entry(page).or_insert_with(|| Box::new([0; PAGE])))
    }
}

fn split(address: u64) -> (u64, usize) {
    let offset = address % PAGE as u64;
    (
        address / PAGE as u64,
        usize::try_from(offset).expect("less than a page"),
    )
}

/// The parts of an access, page by page: page, offset in it, part of the buffer.
fn pieces(address: u64, length: u64) -> impl Iterator<Item = (u64, usize, core::ops::Range<usize>)> {
    let mut done = 0;
    core::iter::from_fn(move || {
        if done >= length {
            return None;
        }
        let (page, offset) = split(address.wrapping_add(done));
        let start = usize::try_from(done).ok()?;
        let end = usize::try_from(length.min(done + (PAGE - offset) as u64)).ok()?;
        done = end as u64;
        Some((page, offset, start..end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_crossed() {
        let mut memory = Memory::new(1 << 20);
        memory.write(4094, &[1, 2, 3, 4]);
        let mut bytes = [9; 6];
        memory.read(4093, &mut bytes);
        assert_eq!(bytes, [0, 1, 2, 3, 4, 0]);
    }

    #[test]
    fn it_is_bounded() {
        let mut memory = Memory::new(u64::MAX);
        memory.fill(0, u64::MAX, 1);
        assert_eq!(memory.pages.len(), MOST_PAGES);
        memory.write(u64::MAX - 1, &[1, 2, 3]);
        let mut bytes = [9; 3];
        memory.read(u64::MAX - 1, &mut bytes);
        assert_eq!(
            bytes,
            [0, 0, 3],
            "addresses wrap, and no page is left for the rest"
        );
    }
}
