//! Cross-entropy and divergence from a teacher's distributions over the rows that carry loss.

use rayon::prelude::*;

use super::lanes::{exp, maximum, sum_by, vectorised};
use crate::divergence::{Divergence, DivergenceKind, Taught};

/// Replaces each row of `logits` `[rows, vocab]` by the gradient of `row weight · scale · ((1 − weight) · cross-entropy + weight · T²
/// · divergence)`, and returns the sum over rows of those losses, not scaled.
pub(crate) fn taught(
    logits: &mut [f32],
    targets: &[u32],
    weights: Option<&[f32]>,
    scale: f32,
    taught: Taught<'_>,
) -> f64 {
    if targets.is_empty() {
        return 0.0;
    }
    let vocab = logits.len() / targets.len();
    let rows = logits.par_chunks_mut(vocab).zip(targets).enumerate();
    let losses: Vec<f64> = rows
        .map(|(i, (row, &target))| {
            let weight = weights.map_or(1.0, |weights| weights[i]);
            f64::from(weight)
                * learned(row, target as usize, f64::from(scale * weight), taught.divergence, taught.row(i))
        })
        .collect();
    losses.iter().sum()
}

/// Replaces one row of logits by `scale` times the gradient of its loss, and returns the loss.
fn learned(row: &mut [f32], target: usize, scale: f64, of: Divergence, (ids, logs): (&[u32], &[f32])) -> f64 {
    let at_target = f64::from(row[target]);
    // The logits of the outcomes: of the teacher's likeliest tokens, then of all others together.
    let mut outcomes: Vec<f64> = ids.iter().map(|&id| f64::from(row[id as usize])).collect();
    let tail_sum = if ids.len() < row.len() {
        for &id in ids {
            row[id as usize] = f32::NEG_INFINITY;
        }
        // The tail has a largest logit of its own, so that it is exact however small its probability is.
        let (shift, sum) = vectorised(
            #[inline(always)]
            || {
                let shift = maximum(row);
                for value in row.iter_mut() {
                    *value = exp(*value - shift);
                }
                (shift, sum_by(row, |v| v))
            },
        );
        outcomes.push(f64::from(shift) + libm::log(f64::from(sum)));
        f64::from(sum)
    } else {
        outcomes.push(f64::NEG_INFINITY);
        1.0
    };
    let mut gradients = vec![0.0; outcomes.len()];
    let divergence = divergence(of.kind, of.temperature, logs, &outcomes, &mut gradients);
    let log_sum = log_sum(&outcomes);
    let rest = 1.0 - of.weight;
    for (gradient, outcome) in gradients.iter_mut().zip(&outcomes) {
        *gradient = scale * (rest * libm::exp(outcome - log_sum) + of.weight * *gradient);
    }
    // The tail's gradient is shared out as its probability is.
    let factor = (gradients[ids.len()] / tail_sum) as f32;
    vectorised(
        #[inline(always)]
        || {
            for value in row.iter_mut() {
                *value *= factor;
            }
        },
    );
    for (&id, gradient) in ids.iter().zip(&gradients) {
        row[id as usize] = *gradient as f32;
    }
    row[target] -= (scale * rest) as f32;
    rest * (log_sum - at_target) + of.weight * divergence
}

/// `T²` times the divergence of the outcomes whose logits are given from those whose logarithms the teacher gives, and its
/// gradient at each logit. An outcome that one of the two cannot have is left out of both.
fn divergence(kind: DivergenceKind, temperature: f64, teacher: &[f32], student: &[f64], gradients: &mut [f64]) -> f64 {
    let possible = |at: &usize| teacher[*at] > f32::NEG_INFINITY && student[*at].to_bits() != IMPOSSIBLE;
    let kept: Vec<usize> = (0..student.len()).filter(possible).collect();
    let tempered = |log: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let logs: Vec<f64> = kept.iter().map(|&at| log(at) / temperature).collect();
        let sum = log_sum(&logs);
        logs.into_iter().map(|log| log - sum).collect()
    };
    let (p, q) = (tempered(&|at| f64::from(teacher[at])), tempered(&|at| student[at]));
    let pairs = || p.iter().copied().zip(q.iter().copied());
    let between = |p: f64, q: f64| p.max(q) + libm::log(0.5 * (1.0 + libm::exp(-(p - q).abs())));
    // What a change of the logarithm of the student's probability is worth, for those that go by the student's own mean.
    let (loss, worth): (f64, Vec<f64>) = match kind {
        DivergenceKind::Forward => {
            let loss: f64 = pairs().map(|(p, q)| libm::exp(p) * (p - q)).sum();
            for (at, (p, q)) in kept.iter().zip(pairs()) {
                gradients[*at] = temperature * (libm::exp(q) - libm::exp(p));
            }
            return temperature * temperature * loss;
        }
        DivergenceKind::Reverse => {
            let worth: Vec<f64> = pairs().map(|(p, q)| q - p).collect();
            (pairs().map(|(p, q)| libm::exp(q) * (q - p)).sum(), worth)
        }
        DivergenceKind::Jsd => {
            let one = |(p, q): (f64, f64)| {
                let m = between(p, q);
                0.5 * (libm::exp(p) * (p - m) + libm::exp(q) * (q - m))
            };
            (pairs().map(one).sum(), pairs().map(|(p, q)| 0.5 * (q - between(p, q))).collect())
        }
    };
    let mean: f64 = q.iter().zip(&worth).map(|(q, worth)| libm::exp(*q) * worth).sum();
    for ((at, q), worth) in kept.iter().zip(&q).zip(&worth) {
        gradients[*at] = temperature * libm::exp(*q) * (worth - mean);
    }
    temperature * temperature * loss
}

/// The bits of the logit of an outcome that no token has.
const IMPOSSIBLE: u64 = f64::NEG_INFINITY.to_bits();

fn log_sum(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // `libm` gives the same bits on every machine.
    most + libm::log(logs.iter().map(|log| libm::exp(log - most)).sum())
}
