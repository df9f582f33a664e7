//! Dynamic fine-tuning (Wu et al. 2025): a target's loss is weighted by the probability that the model gives it, through which
//! no gradient goes.

use burn_tensor::activation;
use burn_tensor::backend::Backend;

use super::composed::{indices, open};
use super::{Kernels, Real, Targets};

/// What each row weighs: its own weight times the probability of its target.
pub(super) fn confident<B: Kernels>(logits: &Real<B>, targets: Targets<'_>) -> Vec<f32> {
    let mut weights = B::target_probabilities(logits, targets.ids);
    if let Some(own) = targets.weights {
        weights.iter_mut().zip(own).for_each(|(weight, own)| *weight *= own);
    }
    weights
}

pub(super) fn target_probabilities<B: Backend>(logits: &Real<B>, targets: &[u32]) -> Vec<f32> {
    let logits = open::<B, 2>(logits);
    let targets = indices::<B>(targets, &logits.device()).unsqueeze_dim::<2>(1);
    activation::log_softmax(logits, 1).gather(1, targets).exp().into_data().iter::<f32>().collect()
}
