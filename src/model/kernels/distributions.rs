//! What rows of logits say of the vocabulary, put together from Burn's own operations, for any backend.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

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

pub(super) fn divergence_backward<B: Backend>(logits: &Real<B>, finals: &Real<B>, sums: &Real<B>) -> Real<B> {
    let sums = open::<B, 2>(sums);
    let probability = |logits: &Real<B>, at: usize| {
        let (most, factor) = (sums.clone().narrow(1, at, 1), sums.clone().narrow(1, at + 1, 1));
        (open::<B, 2>(logits) - most).exp() * factor
    };
    close(probability(logits, 0) - probability(finals, 2))
}
