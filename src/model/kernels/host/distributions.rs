//! What rows of logits say of the vocabulary, and how far they are from other rows.

use rayon::prelude::*;

use super::lanes::{exp, maximum, sum_by, sum_pair_by, vectorised};

/// Columns of a block: sums run over one block at a time, so that they do not depend on how much of a vocabulary is there
/// at once.
pub(crate) const BLOCK: usize = 1_024;

/// Numbers of one block of a row in a survey: the index of the likeliest token in what is surveyed, its logit, the sum of
/// the exponentials of what each logit is below that, the same sum with each term times what it is below, the largest logit
/// of the final row, the sum of its exponentials, the sum of those times the difference of the two rows (each from its
/// largest), how many logits are above the target's, and the target's.
pub(crate) const SURVEY: usize = 9;

/// Fills `out` `[rows, blocks, SURVEY]` with what the rows of `logits` `[rows, columns]` say, block by block.
pub(crate) fn survey(logits: &[f32], finals: &[f32], chosen: &[f32], columns: usize, out: &mut [f32]) {
    let blocks = columns.div_ceil(BLOCK);
    out.par_chunks_mut(SURVEY).enumerate().for_each(|(index, out)| {
        let (row, first) = (index / blocks, index % blocks * BLOCK);
        let block = row * columns + first..row * columns + columns.min(first + BLOCK);
        let (logits, finals, chosen) = (&logits[block.clone()], &finals[block], chosen[row]);
        let found = vectorised(
            #[inline(always)]
            || {
                let (shift, last_shift) = (maximum(logits), maximum(finals));
                let sum = sum_by(
                    logits,
                    #[inline(always)]
                    |value| exp(value - shift),
                );
                let weighted = sum_by(
                    logits,
                    #[inline(always)]
                    |value| exp(value - shift) * (value - shift),
                );
                let last_sum = sum_by(
                    finals,
                    #[inline(always)]
                    |value| exp(value - last_shift),
                );
                let distance = sum_pair_by(
                    finals,
                    logits,
                    #[inline(always)]
                    |last, value| exp(last - last_shift) * ((last - last_shift) - (value - shift)),
                );
                let above = sum_by(
                    logits,
                    #[inline(always)]
                    |value| if value > chosen { 1.0 } else { 0.0 },
                );
                let top = logits.iter().position(|&value| value >= shift).unwrap_or(0) + first;
                [top as f32, shift, sum, weighted, last_shift, last_sum, distance, above, chosen]
            },
        );
        out.copy_from_slice(&found);
    });
}

/// Replaces `logits` `[rows, columns]` by the gradient of the divergence of `finals` from them; `sums` `[rows, 4]` has of each
/// row of both the largest logit and the factor of the exponentials below it.
pub(crate) fn divergence_backward(logits: &mut [f32], finals: &[f32], sums: &[f32], columns: usize) {
    let rows = logits.par_chunks_mut(columns).zip(finals.par_chunks(columns)).zip(sums.par_chunks(4));
    rows.for_each(|((row, finals), sums)| {
        let &[most, factor, last_most, last_factor] = sums else { unreachable!("a row has four numbers") };
        vectorised(
            #[inline(always)]
            || {
                for (value, &last) in row.iter_mut().zip(finals) {
                    *value = exp(*value - most) * factor - exp(last - last_most) * last_factor;
                }
            },
        );
    });
}
