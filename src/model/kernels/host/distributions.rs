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

/// The largest logit of a row, the sum of the exponentials of what each is below it, and that sum's logarithm.
struct Scale {
    shift: f32,
    sum: f32,
    log_sum: f32,
}

#[inline(always)]
fn scale(row: &[f32]) -> Scale {
    let shift = maximum(row);
    let sum = sum_by(
        row,
        #[inline(always)]
        |value| exp(value - shift),
    );
    Scale { shift, sum, log_sum: libm::log(f64::from(sum)) as f32 }
}

/// The Kullback-Leibler divergence of the distribution of `finals` from that of `row`; exactly zero where both are the
/// same.
#[inline(always)]
fn divergence_of(row: &[f32], own: &Scale, finals: &[f32], last: &Scale) -> f32 {
    let weighted = sum_pair_by(
        finals,
        row,
        #[inline(always)]
        |f, z| exp(f - last.shift) * ((f - last.shift - last.log_sum) - (z - own.shift - own.log_sum)),
    );
    (weighted / last.sum).max(0.0)
}

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

/// Replaces each row of `logits` `[rows, vocab]` by `scale · (softmax(row) − softmax(finals))`, the gradient of `scale ·
/// divergence`, and returns the sum of the divergences over rows, not scaled.
pub(crate) fn divergence(logits: &mut [f32], finals: &[f32], vocab: usize, factor: f32) -> f64 {
    let found: Vec<f64> = logits
        .par_chunks_mut(vocab)
        .zip(finals.par_chunks(vocab))
        .map(|(row, finals)| {
            vectorised(
                #[inline(always)]
                || {
                    let (own, last) = (scale(row), scale(finals));
                    let found = divergence_of(row, &own, finals, &last);
                    let (mine, theirs) = (factor / own.sum, factor / last.sum);
                    for (value, &last_value) in row.iter_mut().zip(finals) {
                        *value = exp(*value - own.shift) * mine - exp(last_value - last.shift) * theirs;
                    }
                    f64::from(found)
                },
            )
        })
        .collect();
    found.iter().sum()
}
