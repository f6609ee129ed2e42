//! A table of seven axes cut into few blocks of equal value.
//!
//! Values of an axis that behave alike are put together first; what is left is cut axis by axis, in the order that gives the
//! fewest blocks. The first axis (the situation) is always cut first, as a person looks things up by it.

/// A cell that does not exist: it goes with any value.
pub const NO_CELL: u16 = u16::MAX;

/// How many axes a table has.
pub const AXES: usize = 7;

/// The table, the last axis running fastest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    lengths: [usize; AXES],
    values: Vec<u16>,
}

/// A product of sets of places, one set for each axis, all of whose cells have one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The places on each axis, one bit each.
    pub masks: [u64; AXES],
    /// The value.
    pub value: u16,
}

impl Cells {
    /// An empty table with these lengths, none over 64.
    #[must_use]
    pub fn new(lengths: [usize; AXES]) -> Self {
        assert!(lengths.iter().all(|&length| length <= 64), "a mask has 64 bits");
        Self {
            lengths,
            values: Vec::with_capacity(lengths.iter().product()),
        }
    }

    /// The next cell.
    pub fn push(&mut self, value: u16) {
        self.values.push(value);
    }

    /// How many cells one step on `axis` spans, and how many such spans there are before it.
    fn strides(&self, axis: usize) -> (usize, usize) {
        let inner: usize = self.lengths[axis + 1..].iter().product();
        let outer: usize = self.lengths[..axis].iter().product();
        (inner, outer)
    }

    /// The values of one place on an axis.
    fn slice(&self, axis: usize, place: usize) -> Vec<u16> {
        let (inner, outer) = self.strides(axis);
        let length = self.lengths[axis];
        let mut slice = Vec::with_capacity(inner * outer);
        for o in 0..outer {
            let begin = (o * length + place) * inner;
            slice.extend_from_slice(&self.values[begin..begin + inner]);
        }
        slice
    }

    /// The same table with one axis made of these slices.
    fn with_axis(&self, axis: usize, slices: &[Vec<u16>]) -> Self {
        let (inner, outer) = self.strides(axis);
        let mut lengths = self.lengths;
        lengths[axis] = slices.len();
        let mut cells = Self::new(lengths);
        for o in 0..outer {
            for slice in slices {
                cells.values.extend_from_slice(&slice[o * inner..(o + 1) * inner]);
            }
        }
        cells
    }

    fn single_value(&self) -> Option<u16> {
        let mut existing = self.values.iter().filter(|&&value| value != NO_CELL);
        let first = *existing.next().unwrap_or(&NO_CELL);
        existing.all(|&value| value == first).then_some(first)
    }
}

/// A table whose places stand for sets of the original's places.
#[derive(Clone, Debug)]
struct Reduced {
    cells: Cells,
    masks: [Vec<u64>; AXES],
}

impl Reduced {
    fn of(cells: Cells) -> Self {
        let masks = cells
            .lengths
            .map(|length| (0..length).map(|place| 1 << place).collect());
        Self { cells, masks }.reduced()
    }

    /// Puts together the places of each axis that agree wherever both exist, short axes first.
    fn reduced(mut self) -> Self {
        for axis in (0..AXES).rev() {
            let mut slices: Vec<Vec<u16>> = Vec::new();
            let mut masks: Vec<u64> = Vec::new();
            for place in 0..self.cells.lengths[axis] {
                let slice = self.cells.slice(axis, place);
                let mask = self.masks[axis][place];
                match slices.iter().position(|other| agree(other, &slice)) {
                    Some(at) => {
                        for (one, other) in slices[at].iter_mut().zip(&slice) {
                            *one = if *one == NO_CELL { *other } else { *one };
                        }
                        masks[at] |= mask;
                    }
                    None => {
                        slices.push(slice);
                        masks.push(mask);
                    }
                }
            }
            if slices.len() < self.cells.lengths[axis] {
                self.cells = self.cells.with_axis(axis, &slices);
                self.masks[axis] = masks;
            }
        }
        self
    }

    /// The part of the table at one place of an axis.
    fn at(&self, axis: usize, place: usize) -> Self {
        let mut masks = self.masks.clone();
        masks[axis] = vec![self.masks[axis][place]];
        Self {
            cells: self.cells.with_axis(axis, &[self.cells.slice(axis, place)]),
            masks,
        }
    }

    /// The fewest blocks found, by trying each axis as the next to be cut.
    fn cut(self) -> Vec<Block> {
        let this = self.reduced();
        if let Some(value) = this.cells.single_value() {
            let masks = this
                .masks
                .map(|masks| masks.iter().fold(0, |all, mask| all | mask));
            return if value == NO_CELL {
                Vec::new()
            } else {
                vec![Block { masks, value }]
            };
        }
        let mut best: Option<Vec<Block>> = None;
        for axis in 0..AXES {
            if this.cells.lengths[axis] < 2 {
                continue;
            }
            let blocks = this.cut_along(axis);
            if best.as_ref().is_none_or(|best| blocks.len() < best.len()) {
                best = Some(blocks);
            }
        }
        best.unwrap_or_default()
    }

    fn cut_along(&self, axis: usize) -> Vec<Block> {
        let places = 0..self.cells.lengths[axis];
        places.flat_map(|place| self.at(axis, place).cut()).collect()
    }
}

fn agree(one: &[u16], other: &[u16]) -> bool {
    one.iter()
        .zip(other)
        .all(|(a, b)| a == b || *a == NO_CELL || *b == NO_CELL)
}

/// Cuts a table into blocks that cover each existing cell once.
#[must_use]
pub fn blocks(cells: &Cells) -> Vec<Block> {
    Reduced::of(cells.clone()).cut_along(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lengths: [usize; AXES], value: impl Fn([usize; AXES]) -> u16) -> Cells {
        let mut cells = Cells::new(lengths);
        let count: usize = lengths.iter().product();
        for i in 0..count {
            let (mut rest, mut places) = (i, [0; AXES]);
            for axis in (0..AXES).rev() {
                places[axis] = rest % lengths[axis];
                rest /= lengths[axis];
            }
            cells.push(value(places));
        }
        cells
    }

    #[test]
    fn one_value_is_one_block() {
        let cells = table([3, 2, 4, 1, 1, 2, 1], |_| 7);
        let masks = [0b111, 0b11, 0b1111, 1, 1, 0b11, 1];
        assert_eq!(blocks(&cells), [Block { masks, value: 7 }]);
    }

    #[test]
    fn what_depends_on_one_axis_is_cut_along_it() {
        let cells = table([2, 2, 4, 2, 2, 2, 7], |p| u16::from(p[2] >= 3));
        assert_eq!(blocks(&cells).len(), 2);
        let two = table([2, 2, 4, 2, 2, 2, 7], |p| u16::from(p[2] >= 3 && p[4] == 1));
        assert_eq!(blocks(&two).len(), 3);
    }

    #[test]
    fn what_does_not_exist_goes_with_anything() {
        let cells = table([1, 1, 3, 1, 1, 2, 1], |p| match (p[2], p[5]) {
            (0, 1) => NO_CELL,
            (_, panic) => u16::try_from(panic).expect("small"),
        });
        let blocks = blocks(&cells);
        assert_eq!(blocks.len(), 2);
        assert!(blocks.iter().all(|block| block.masks[2] == 0b111));
    }

    #[test]
    fn every_cell_is_in_one_block() {
        let lengths = [3, 2, 5, 2, 2, 4, 3];
        let value = |p: [usize; AXES]| u16::try_from((p[0] * 7 + p[2] * p[5] + p[6] % 2) % 4).expect("small");
        let blocks = blocks(&table(lengths, value));
        let covered: u32 = blocks
            .iter()
            .map(|b| b.masks.iter().map(|mask| mask.count_ones()).product::<u32>())
            .sum();
        assert_eq!(covered, lengths.iter().product::<usize>() as u32);
    }
}
