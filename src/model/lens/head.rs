//! The head of a model, by parts of the vocabulary.

use std::ops::Range;

use crate::forward::Pass;
use crate::kernels::{Blocks, Kernels, Real, RequiresGrad};
use crate::network::Network;
use crate::tensors::Weights;

/// The head of a part of the vocabulary.
pub(super) struct Head<B: Kernels> {
    weight: Real<B>,
    bias: Option<Real<B>>,
}

/// The parts of so many columns that a vocabulary has.
pub(super) fn parts(vocab: usize, columns: usize) -> Vec<Range<usize>> {
    (0..vocab).step_by(columns).map(|start| start..vocab.min(start + columns)).collect()
}

impl<B: Kernels> Head<B> {
    pub(super) fn of(network: &Network<B>, weights: &Weights<Real<B>>, part: &Range<usize>) -> Self {
        let (weight, bias) = (weights.head().clone(), weights.head_bias.clone());
        let config = network.config();
        if part.len() == config.vocab_size() {
            return Self { weight, bias };
        }
        let rows = || part.clone().into();
        Self {
            weight: B::float_slice(weight, &[rows(), (0..config.embedding_width()).into()]),
            bias: bias.map(|bias| B::float_slice(bias, &[rows()])),
        }
    }

    /// The logits `[rows, part]` of rows as the head reads them.
    pub(super) fn logits(&self, pass: &Pass<'_, B>, hidden: &Real<B>) -> Real<B> {
        let logits = B::affine(hidden, &self.weight, pass.head_form(), self.bias.as_ref(), None);
        let logits = B::shaped(logits, pass.decoder.shaping());
        #[cfg(test)]
        made::note::<B>(&logits);
        logits
    }

    /// The part of the rows' gradient that comes from that of their logits, as [`logits`](Self::logits) gave them.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_, B>,
        gradient: Real<B>,
        logits: Option<&Real<B>>,
        hidden: &Real<B>,
    ) -> Real<B> {
        let required = RequiresGrad { input: true, weight: false, bias: false };
        let gradient = match (pass.decoder.shaping(), logits) {
            (Some(shaping), Some(logits)) => B::shaped_backward(&gradient, logits, shaping),
            _ => gradient,
        };
        let made = B::affine_backward(&gradient, hidden, &self.weight, pass.head_form(), required);
        made.input.expect("the gradient of the input was asked for")
    }
}

/// How large the matrices of logits are that a test sees made.
#[cfg(test)]
pub(super) mod made {
    use std::cell::Cell;

    use burn::tensor::TensorMetadata;

    use super::{Kernels, Real};

    thread_local! {
        static MOST: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn note<B: Kernels>(logits: &Real<B>) {
        MOST.set(MOST.get().max(logits.shape().num_elements()));
    }

    /// The elements of the largest matrix that this thread made since it was last asked.
    pub(in crate::lens) fn most() -> usize {
        MOST.replace(0)
    }
}
