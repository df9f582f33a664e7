//! What rows of logits say of the vocabulary, put together from Burn's own operations, for any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};

use super::Real;
use super::composed::{close, indices, open};

/// All of the columns are one block.
pub(super) fn survey<B: Backend>(logits: &Real<B>, finals: &Real<B>, chosen: &Real<B>) -> Real<B> {
    let (logits, finals, chosen) = (open::<B, 2>(logits), open::<B, 2>(finals), open::<B, 2>(chosen));
    let (shift, last_shift) = (logits.clone().max_dim(1), finals.clone().max_dim(1));
    let below = logits.clone() - shift.clone();
    let last_below = finals - last_shift.clone();
    let (mass, last_mass) = (below.clone().exp(), last_below.clone().exp());
    let columns = vec![
        logits.clone().argmax(1).float(),
        shift,
        mass.clone().sum_dim(1),
        (mass * below.clone()).sum_dim(1),
        last_shift,
        last_mass.clone().sum_dim(1),
        (last_mass * (last_below - below)).sum_dim(1),
        (logits - chosen.clone()).greater_elem(0.0).int().sum_dim(1).float(),
        chosen,
    ];
    close(Tensor::cat(columns, 1))
}

pub(super) fn pick_columns<B: Backend>(x: &Real<B>, columns: &[u32]) -> Real<B> {
    let columns = indices::<B>(columns, &B::float_device(x)).unsqueeze_dim::<2>(1);
    close(open::<B, 2>(x).gather(1, columns))
}

pub(super) fn divergence<B: Backend>(logits: &Real<B>, finals: &Real<B>, scale: f32) -> (Real<B>, Real<B>) {
    let own = activation::log_softmax(open::<B, 2>(logits), 1);
    let last = activation::log_softmax(open::<B, 2>(finals), 1);
    let probabilities = last.clone().exp();
    let slope = (own.clone().exp() - probabilities.clone()) * scale;
    (close((probabilities * (last - own)).sum() * scale), close(slope))
}
