//! Where the sequences of a batch lie in a token matrix `[tokens, width]`.

use std::ops::Range;

/// The rows of a token matrix that belong to each sequence. Rows in no sequence are padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// One run of rows per sequence, ascending.
    pub(crate) spans: Vec<Range<usize>>,
    /// Rows in all, padding included.
    pub(crate) tokens: usize,
    /// Rows per sequence, padding included, where that is the same for all: sequence `b` then lies within
    /// `b * width..(b + 1) * width`.
    pub(crate) width: Option<usize>,
}

impl Layout {
    /// Sequences one after the other without padding.
    pub(crate) fn packed(lens: &[usize]) -> Self {
        let mut at = 0;
        let spans = lens
            .iter()
            .map(|len| {
                at += len;
                at - len..at
            })
            .collect();
        let width = lens.first().copied().filter(|first| lens.iter().all(|len| len == first));
        Self { spans, tokens: at, width }
    }

    /// Sequences padded behind to the longest.
    pub(crate) fn padded_right(lens: &[usize]) -> Self {
        let width = lens.iter().copied().max().unwrap_or(0);
        let spans = lens.iter().enumerate().map(|(b, len)| b * width..b * width + len).collect();
        Self { spans, tokens: width * lens.len(), width: Some(width) }
    }

    /// Sequences padded in front to the longest.
    pub(crate) fn padded_left(lens: &[usize]) -> Self {
        let width = lens.iter().copied().max().unwrap_or(0);
        let spans = lens.iter().enumerate().map(|(b, len)| (b + 1) * width - len..(b + 1) * width).collect();
        Self { spans, tokens: width * lens.len(), width: Some(width) }
    }

    /// For each sequence of a padded layout, the number of padding rows before it.
    pub(crate) fn pads(&self) -> Vec<usize> {
        let width = self.width.unwrap_or(0);
        self.spans.iter().enumerate().map(|(b, span)| span.start - b * width).collect()
    }

    /// Spreads one value per token of each sequence over the rows of the matrix; padding gets zero.
    pub(crate) fn spread<'a>(&self, sequences: impl Iterator<Item = &'a [u32]>) -> Vec<u32> {
        let mut rows = vec![0; self.tokens];
        for (span, sequence) in self.spans.iter().zip(sequences) {
            rows[span.clone()].copy_from_slice(sequence);
        }
        rows
    }

    /// The position of every row in its sequence, counted from `past[b]` in sequence `b`; padding gets zero.
    pub(crate) fn positions(&self, past: &[usize]) -> Vec<u32> {
        let mut rows = vec![0; self.tokens];
        for (span, past) in self.spans.iter().zip(past) {
            for (i, row) in rows[span.clone()].iter_mut().enumerate() {
                *row = (past + i) as u32;
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_place_sequences() {
        let lens = [3, 1, 2];
        assert_eq!(Layout::packed(&lens).spans, vec![0..3, 3..4, 4..6]);
        assert_eq!(Layout::packed(&lens).width, None);
        assert_eq!(Layout::padded_right(&lens).spans, vec![0..3, 3..4, 6..8]);
        let left = Layout::padded_left(&lens);
        assert_eq!(left.spans, vec![0..3, 5..6, 7..9]);
        assert_eq!(left.pads(), vec![0, 2, 1]);
        assert_eq!(left.positions(&[0, 4, 0]), vec![0, 1, 2, 0, 0, 4, 0, 0, 1]);
        let ids: [&[u32]; 3] = [&[7, 8, 9], &[5], &[1, 2]];
        assert_eq!(left.spread(ids.into_iter()), vec![7, 8, 9, 0, 0, 5, 0, 1, 2]);
    }
}
