//! Cross-entropy over the rows that carry loss.

use rayon::prelude::*;

use super::lanes::{exp, maximum, sum_by, vectorised};

/// Replaces each row of `logits` `[rows, vocab]` by `weight · scale · (softmax(row) − onehot(target))`, the gradient of
/// `weight · scale · cross-entropy`, and returns the sum over rows of the weighted cross-entropies, not scaled. Without
/// `weights` every row weighs 1.
pub(crate) fn cross_entropy(logits: &mut [f32], targets: &[u32], weights: Option<&[f32]>, scale: f32) -> f64 {
    if targets.is_empty() {
        return 0.0;
    }
    let vocab = logits.len() / targets.len();
    let losses: Vec<f64> = logits
        .par_chunks_mut(vocab)
        .zip(targets)
        .enumerate()
        .map(|(i, (row, &target))| {
            let target = target as usize;
            let weight = weights.map_or(1.0, |weights| weights[i]);
            let scale = scale * weight;
            let (shift, sum, at_target) = vectorised(
                #[inline(always)]
                || {
                    let shift = maximum(row);
                    let at_target = row[target];
                    for value in row.iter_mut() {
                        *value = exp(*value - shift);
                    }
                    let sum = sum_by(row, |v| v);
                    let factor = scale / sum;
                    for value in row.iter_mut() {
                        *value *= factor;
                    }
                    (shift, sum, at_target)
                },
            );
            row[target] -= scale;
            f64::from(weight) * (libm::log(f64::from(sum)) + f64::from(shift) - f64::from(at_target))
        })
        .collect();
    losses.iter().sum()
}

/// The probability of each row's target.
pub(crate) fn target_probabilities(logits: &[f32], targets: &[u32]) -> Vec<f32> {
    if targets.is_empty() {
        return Vec::new();
    }
    let vocab = logits.len() / targets.len();
    let of_row = |(row, &target): (&[f32], &u32)| {
        vectorised(
            #[inline(always)]
            || {
                let shift = maximum(row);
                exp(row[target as usize] - shift) / sum_by(row, |v| exp(v - shift))
            },
        )
    };
    logits.par_chunks(vocab).zip(targets).map(of_row).collect()
}
