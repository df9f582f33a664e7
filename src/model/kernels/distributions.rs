//! What rows of logits say of the vocabulary, put together from Burn's own operations, for any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};

use super::Real;
use super::composed::{close, indices, open};

pub(super) fn survey<B: Backend>(logits: &Real<B>, finals: &Real<B>, targets: &[u32]) -> Real<B> {
    let device = B::float_device(logits);
    let targets = indices::<B>(targets, &device).unsqueeze_dim::<2>(1);
    let logits = open::<B, 2>(logits);
    let own = activation::log_softmax(logits.clone(), 1);
    let last = activation::log_softmax(open::<B, 2>(finals), 1);
    let top = logits.clone().argmax(1);
    let rank = (logits.clone() - logits.gather(1, targets.clone())).greater_elem(0.0).int().sum_dim(1).float() + 1.0;
    let columns = vec![
        top.clone().float(),
        own.clone().gather(1, top).exp(),
        own.clone().gather(1, targets).exp(),
        (own.clone().exp() * own.clone()).sum_dim(1).neg(),
        (last.clone().exp() * (last - own)).sum_dim(1).clamp_min(0.0),
        rank,
    ];
    close(Tensor::cat(columns, 1))
}

pub(super) fn divergence<B: Backend>(logits: &Real<B>, finals: &Real<B>, scale: f32) -> (Real<B>, Real<B>) {
    let own = activation::log_softmax(open::<B, 2>(logits), 1);
    let last = activation::log_softmax(open::<B, 2>(finals), 1);
    let probabilities = last.clone().exp();
    let slope = (own.clone().exp() - probabilities.clone()) * scale;
    (close((probabilities * (last - own)).sum() * scale), close(slope))
}
