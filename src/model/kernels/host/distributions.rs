//! What rows of logits say of the vocabulary, and how far they are from other rows.

use rayon::prelude::*;

use super::lanes::{exp, maximum, sum_by, sum_pair_by, vectorised};

/// Numbers of one row of a survey: the likeliest token, its probability, the probability of the target, the entropy in
/// nats, the divergence from the row to the final one in nats, and the rank of the target, counted from 1.
pub(crate) const SURVEY: usize = 6;

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

/// Fills `out` `[rows, SURVEY]` with what the rows of `logits` `[rows, vocab]` say.
pub(crate) fn survey(logits: &[f32], finals: &[f32], targets: &[u32], out: &mut [f32]) {
    if targets.is_empty() {
        return;
    }
    let vocab = logits.len() / targets.len();
    let rows = logits.par_chunks(vocab).zip(finals.par_chunks(vocab)).zip(targets);
    out.par_chunks_mut(SURVEY).zip(rows).for_each(|(out, ((row, finals), &target))| {
        let found = vectorised(
            #[inline(always)]
            || {
                let (own, last) = (scale(row), scale(finals));
                let at_target = row[target as usize];
                let weighted = sum_by(
                    row,
                    #[inline(always)]
                    |value| exp(value - own.shift) * (value - own.shift),
                );
                let before = sum_by(
                    row,
                    #[inline(always)]
                    |value| if value > at_target { 1.0 } else { 0.0 },
                );
                let top = row.iter().position(|&value| value >= own.shift).unwrap_or(0);
                [
                    top as f32,
                    1.0 / own.sum,
                    exp(at_target - own.shift) / own.sum,
                    (own.log_sum - weighted / own.sum).max(0.0),
                    divergence_of(row, &own, finals, &last),
                    before + 1.0,
                ]
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
