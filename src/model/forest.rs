//! Sequences that begin alike, computed together once: the tokens of a batch as a forest of their common beginnings.
//!
//! What a transformer computes at a position depends on the positions up to it alone. Where several sequences begin with
//! the same tokens, such as the answers to one question or prompts with one instruction before them, each layer computes
//! those once. Only attention, which costs little beside the products with weights, sees every sequence whole.

use super::layout::Layout;

/// The different beginnings of some sequences, each token of which stands in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forest {
    /// The token of each row.
    pub(crate) ids: Vec<u32>,
    /// The position of each row in its sequences.
    pub(crate) positions: Vec<u32>,
    /// The rows of each sequence, from its first token to its last.
    pub(crate) paths: Vec<Vec<u32>>,
}

impl Forest {
    /// Finds what sequences have in common; each has at least one token.
    pub(crate) fn of(sequences: &[&[u32]]) -> Self {
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by(|a, b| sequences[*a].cmp(sequences[*b]));
        let mut forest = Self { ids: Vec::new(), positions: Vec::new(), paths: vec![Vec::new(); sequences.len()] };
        let mut before: Option<usize> = None;
        for index in order {
            let sequence = sequences[index];
            // In the order of their tokens, the sequence just before has most in common.
            let mut path = before.map_or_else(Vec::new, |before| {
                let common = sequence.iter().zip(sequences[before]).take_while(|(a, b)| a == b).count();
                forest.paths[before][..common].to_vec()
            });
            for (position, id) in sequence.iter().enumerate().skip(path.len()) {
                path.push(forest.ids.len() as u32);
                forest.ids.push(*id);
                forest.positions.push(position as u32);
            }
            forest.paths[index] = path;
            before = Some(index);
        }
        forest
    }

    /// Every sequence whole, as a layout, with the row that each of the layout's rows is of.
    pub(crate) fn spread(&self, ragged: bool) -> (Layout, Vec<u32>) {
        let lens: Vec<usize> = self.paths.iter().map(Vec::len).collect();
        let layout = if ragged { Layout::packed(&lens) } else { Layout::padded_left(&lens) };
        let rows = layout.spread(self.paths.iter().map(Vec::as_slice));
        (layout, rows)
    }

    /// For each row, a row of the layout that [`spread`](Self::spread) gives which holds it.
    pub(crate) fn gathered(&self, layout: &Layout) -> Vec<u32> {
        let mut at = vec![0; self.ids.len()];
        for (span, path) in layout.spans.iter().zip(&self.paths) {
            for (place, row) in span.clone().zip(path) {
                at[*row as usize] = place as u32;
            }
        }
        at
    }

    /// The row of each sequence's last token.
    pub(crate) fn ends(&self) -> Vec<u32> {
        self.paths.iter().filter_map(|path| path.last().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn common_beginnings_stand_once() {
        let sequences: [&[u32]; 4] = [&[1, 2, 3], &[1, 2], &[4], &[1, 2, 5, 6]];
        let forest = Forest::of(&sequences);
        assert_eq!(forest.ids, [1, 2, 3, 5, 6, 4]);
        assert_eq!(forest.positions, [0, 1, 2, 2, 3, 0]);
        assert_eq!(forest.paths, [vec![0, 1, 2], vec![0, 1], vec![5], vec![0, 1, 3, 4]]);
        assert_eq!(forest.ends(), [2, 1, 5, 4]);
    }

    proptest! {
        #[test]
        fn every_sequence_is_found_on_its_path(
            sequences in prop::collection::vec(prop::collection::vec(0u32..3, 1..8), 0..12), ragged: bool,
        ) {
            let slices: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
            let forest = Forest::of(&slices);
            for (sequence, path) in sequences.iter().zip(&forest.paths) {
                let ids: Vec<u32> = path.iter().map(|row| forest.ids[*row as usize]).collect();
                prop_assert_eq!(&ids, sequence);
                let positions: Vec<u32> = path.iter().map(|row| forest.positions[*row as usize]).collect();
                prop_assert_eq!(positions, (0..sequence.len() as u32).collect::<Vec<_>>());
            }
            let mut beginnings: Vec<&[u32]> = slices.iter().flat_map(|s| (1..=s.len()).map(|end| &s[..end])).collect();
            beginnings.sort_unstable();
            beginnings.dedup();
            prop_assert_eq!(forest.ids.len(), beginnings.len());
            let (layout, rows) = forest.spread(ragged);
            for (row, place) in forest.gathered(&layout).into_iter().enumerate() {
                prop_assert_eq!(rows[place as usize] as usize, row);
            }
        }
    }
}
