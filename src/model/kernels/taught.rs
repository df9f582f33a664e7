//! Cross-entropy and divergence from a teacher's distributions, put together from Burn's own operations, for any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{IndexingUpdateOp, Tensor, TensorData, activation};

use super::composed::{close, indices, open};
use super::{Real, Targets};
use crate::divergence::{Divergence, DivergenceKind, Taught};

/// The logit of what cannot be, and of what is left out.
const IMPOSSIBLE: f32 = -1e30;

/// The least that a logarithm is taken of.
const LEAST: f32 = 1e-37;

/// As [`Kernels::taught`](super::Kernels::taught).
pub(crate) fn taught<B: Backend>(
    logits: &Real<B>,
    targets: Targets<'_>,
    Taught { divergence, top, ids, logs }: Taught<'_>,
) -> (Real<B>, Real<B>) {
    let logits = open::<B, 2>(logits);
    let device = logits.device();
    let [rows, vocab] = logits.dims();
    let Divergence { kind, weight, temperature } = divergence;
    let (weight, rest, heat) = (weight as f32, (1.0 - weight) as f32, temperature as f32);
    let column =
        |values: Vec<f32>, width: usize| Tensor::<B, 2>::from_data(TensorData::new(values, [rows, width]), &device);
    let (ids, chosen) = (indices::<B>(ids, &device).reshape([rows, top]), indices::<B>(targets.ids, &device));
    let chosen = chosen.unsqueeze_dim::<2>(1);
    let at_target = logits.clone().gather(1, chosen.clone());
    let likeliest = logits.clone().gather(1, ids.clone());
    let hide = likeliest.clone().neg() + IMPOSSIBLE;
    let others = logits.scatter(1, ids.clone(), hide, IndexingUpdateOp::Add);
    // The tail has a largest logit of its own, so that it is exact however small its probability is.
    let shift = others.clone().max_dim(1);
    let mass = (others - shift.clone()).exp();
    let sum = mass.clone().sum_dim(1);
    let outcomes = Tensor::cat(vec![likeliest, shift + sum.clone().log()], 1);
    // An outcome that one of the two cannot have is left out of both.
    let possible = |(at, log): (usize, &f32)| log.is_finite() && (top < vocab || at % (top + 1) < top);
    let live = logs.iter().enumerate().map(|it| if possible(it) { 1.0 } else { 0.0 }).collect();
    let told = logs.iter().map(|log| log.max(IMPOSSIBLE)).collect();
    let (told, live) = (column(told, top + 1), column(live, top + 1));
    let dead = (live.clone().neg() + 1.0) * IMPOSSIBLE;
    let p = activation::log_softmax(told / heat, 1);
    let q = activation::log_softmax((outcomes.clone() * live.clone() + dead) / heat, 1);
    let (p_own, q_own) = (p.clone().exp(), q.clone().exp());
    let (loss, gradient) = match kind {
        DivergenceKind::Forward => ((p_own.clone() * (p - q)).sum_dim(1), q_own - p_own),
        DivergenceKind::Reverse => {
            let worth = q - p;
            let loss = (q_own.clone() * worth.clone()).sum_dim(1);
            (loss.clone(), q_own * (worth - loss))
        }
        DivergenceKind::Jsd => {
            let middle = ((p_own.clone() + q_own.clone()) * 0.5).clamp_min(LEAST).log();
            let worth = (q.clone() - middle.clone()) * 0.5;
            let mean = (q_own.clone() * worth.clone()).sum_dim(1);
            let loss = ((p_own * (p - middle)).sum_dim(1)) * 0.5 + mean.clone();
            (loss, q_own * (worth - mean))
        }
    };
    let fraction = activation::softmax(outcomes.clone(), 1);
    let gradient = fraction * rest + gradient * live * (weight * heat);
    let (of_top, of_tail) = (gradient.clone().narrow(1, 0, top), gradient.narrow(1, top, 1));
    let gradient = (mass * (of_tail / sum)).scatter(1, ids, of_top, IndexingUpdateOp::Add);
    let gradient = gradient.scatter(1, chosen, column(vec![-rest; rows], 1), IndexingUpdateOp::Add);
    let most = outcomes.clone().max_dim(1);
    let log_sum = (outcomes - most.clone()).exp().sum_dim(1).log() + most;
    let loss = (log_sum - at_target) * rest + loss * (weight * heat * heat);
    let (loss, gradient) = match targets.weights {
        Some(weights) => {
            let weights = column(weights.to_vec(), 1);
            (loss * weights.clone(), gradient * weights)
        }
        None => (loss, gradient),
    };
    (close(loss.sum() * targets.scale), close(gradient * targets.scale))
}
