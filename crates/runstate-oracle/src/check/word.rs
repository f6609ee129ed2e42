//! What a step of an automaton makes QEMU say: a few letters in one number.

use super::letter::Letter;

/// At most [`Word::MAX`] letters, the first in the lowest byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Word(u64);

impl Word {
    /// Nothing is said.
    pub(super) const SILENCE: Self = Self(0);
    /// So many letters have room.
    pub(super) const MAX: usize = 8;

    /// One letter more; `None` where there is no room.
    pub(super) const fn with(self, letter: Letter) -> Option<Self> {
        let used = self.len();
        if used == Self::MAX {
            return None;
        }
        Some(Self(self.0 | (letter.index() as u64 + 1) << (8 * used)))
    }

    /// These letters; `None` where there is no room.
    pub(super) fn of(letters: impl IntoIterator<Item = Letter>) -> Option<Self> {
        letters.into_iter().try_fold(Self::SILENCE, Self::with)
    }

    /// How many letters.
    pub(super) const fn len(self) -> usize {
        Self::MAX - self.0.leading_zeros() as usize / 8
    }

    /// Whether nothing is said.
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The first letter and what comes after it.
    pub(super) fn split_first(self) -> Option<(Letter, Self)> {
        let first = Letter::from_index((self.0 & 0xff).checked_sub(1)? as usize)?;
        Some((first, Self(self.0 >> 8)))
    }

    /// The first letter.
    pub(super) fn first(self) -> Option<Letter> {
        self.split_first().map(|(first, _)| first)
    }

    /// The letters in their order.
    pub(super) fn letters(mut self) -> impl Iterator<Item = Letter> {
        core::iter::from_fn(move || {
            let (first, rest) = self.split_first()?;
            self = rest;
            Some(first)
        })
    }

    /// The last letter.
    pub(super) fn last(self) -> Option<Letter> {
        self.letters().last()
    }

    /// This, and then that; `None` where there is no room.
    pub(super) fn then(self, more: Self) -> Option<Self> {
        more.letters().try_fold(self, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_gives_back_its_letters() {
        let letters: Vec<Letter> = Letter::all().take(Word::MAX).collect();
        let word = Word::of(letters.iter().copied()).expect("there is room");
        assert_eq!(word.len(), Word::MAX);
        assert_eq!(word.letters().collect::<Vec<_>>(), letters);
        assert_eq!(word.with(letters[0]), None, "and no more");
        assert_eq!(Word::SILENCE.split_first(), None);
    }
}
