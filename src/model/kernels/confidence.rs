//! Dynamic fine-tuning (Wu et al. 2025): a target's loss is weighted by the probability that the model gives it, through which
//! no gradient goes.

use burn_tensor::activation;
use burn_tensor::backend::Backend;

use super::Real;
use super::composed::{indices, open};

pub(super) fn target_probabilities<B: Backend>(logits: &Real<B>, targets: &[u32]) -> Vec<f32> {
    let logits = open::<B, 2>(logits);
    let targets = indices::<B>(targets, &logits.device()).unsqueeze_dim::<2>(1);
    activation::log_softmax(logits, 1).gather(1, targets).exp().into_data().iter::<f32>().collect()
}
