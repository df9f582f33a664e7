//! One optimiser step: gradients of one or more batches, clipped by their common norm, and AdamW.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::ops::FloatTensorOps;

use super::device::DeviceError;
use super::kernels::{AdamWStep, Blocks, Kernels, Real, Tracked, head_loss};
use super::layout::Layout;
use super::network::Network;

/// Sequences to learn from at once.
pub(crate) struct Batch<'a> {
    /// The tokens of each sequence.
    pub(crate) sequences: Vec<&'a [u32]>,
    /// For each sequence, the first token that carries loss, at least 1.
    pub(crate) loss_from: Vec<usize>,
}

/// The numbers of one optimiser step that do not depend on the tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update {
    /// The step of AdamW with the decay of tensors that are not exempt; the factor on the gradient is set by clipping.
    pub(crate) adamw: AdamWStep,
    /// Whether biases and normalisation are exempt from decay.
    pub(crate) exempt: bool,
    /// The largest norm of the gradient over all tensors.
    pub(crate) max_grad_norm: Option<f32>,
}

/// What one optimiser step found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learned {
    /// Mean cross-entropy over the targets of all batches of the step.
    pub(crate) loss: f64,
    /// Norm of the gradient before clipping.
    pub(crate) grad_norm: f64,
}

impl Batch<'_> {
    /// Number of tokens that carry loss.
    pub(crate) fn targets(&self) -> usize {
        self.sequences.iter().zip(&self.loss_from).map(|(ids, &from)| ids.len().saturating_sub(from.max(1))).sum()
    }

    /// Number of tokens, padding not counted.
    pub(crate) fn tokens(&self) -> usize {
        self.sequences.iter().map(|ids| ids.len()).sum()
    }

    /// How the inputs (each sequence but its last token) lie, the rows that predict a target, and the targets.
    fn lay_out(&self, ragged: bool) -> (Layout, Vec<u32>, Vec<u32>) {
        let lens: Vec<usize> = self.sequences.iter().map(|ids| ids.len().saturating_sub(1)).collect();
        let layout = if ragged { Layout::packed(&lens) } else { Layout::padded_right(&lens) };
        let mut rows = Vec::new();
        let mut targets = Vec::new();
        for ((span, ids), &from) in layout.spans.iter().zip(&self.sequences).zip(&self.loss_from) {
            let from = from.max(1);
            if from < ids.len() {
                rows.extend((span.start + from - 1..span.end).map(|row| row as u32));
                targets.extend_from_slice(&ids[from..]);
            }
        }
        (layout, rows, targets)
    }
}

impl<B: Kernels> Network<B> {
    /// One step of the optimiser: the gradient of the mean cross-entropy over all targets of `batches`, clipped.
    pub(crate) fn learn(&mut self, batches: &[Batch<'_>], update: &Update) -> Result<Learned, DeviceError> {
        let targets: usize = batches.iter().map(Batch::targets).sum();
        let scale = 1.0 / targets.max(1) as f32;
        let mut loss = 0.0;
        let mut grads: Vec<Option<Real<B>>> = vec![None; self.values.len()];
        for batch in batches {
            loss += self.accumulate(batch, scale, &mut grads)?;
        }
        let flat: Vec<Real<B>> = grads.iter().flatten().cloned().collect();
        let grad_norm = B::sum_squares(&flat).sqrt();
        drop(flat);
        let grad_scale = update.max_grad_norm.map_or(1.0, |max| (max / (grad_norm as f32 + 1e-6)).min(1.0));
        let specs = self.config().tensors();
        let weights = std::mem::take(&mut self.values).into_iter();
        let moments = std::mem::take(&mut self.moments).into_iter();
        for (((spec, weight), (first, second)), grad) in specs.iter().zip(weights).zip(moments).zip(grads) {
            let mut step = AdamWStep { grad_scale, ..update.adamw };
            if update.exempt && spec.exempt {
                step.decay = 0.0;
            }
            let (weight, first, second) = match grad {
                Some(grad) => B::adamw(weight, &grad, first, second, &step),
                None => (weight, first, second),
            };
            self.values.push(weight);
            self.moments.push((first, second));
        }
        Ok(Learned { loss, grad_norm })
    }

    /// Adds the gradients of one batch to `grads` and returns its share of the loss.
    fn accumulate(&self, batch: &Batch<'_>, scale: f32, grads: &mut [Option<Real<B>>]) -> Result<f64, DeviceError> {
        type T<B> = Tracked<B>;
        let leaves: Vec<Real<T<B>>> = self
            .values
            .iter()
            .map(|value| T::<B>::float_set_require_grad(T::<B>::from_inner(value.clone()), true))
            .collect();
        let (layout, rows, targets) = batch.lay_out(B::RAGGED);
        // A sequence's last token is a target only, so it need not run through the blocks.
        let inputs = batch.sequences.iter().map(|ids| &ids[..ids.len().saturating_sub(1)]);
        let ids = layout.spread(inputs);
        let hidden = self.hidden::<T<B>>(&leaves, &ids, &layout, |_| {});
        let weights = self.parameters(&leaves);
        let chosen = <T<B> as Blocks>::gather(&hidden, &rows);
        let loss = head_loss::<B>(&chosen, weights.head(), &targets, scale);
        drop((hidden, chosen, weights));
        let value = loss.primitive.clone();
        let mut made = T::<B>::backward(loss);
        for (slot, leaf) in grads.iter_mut().zip(&leaves) {
            if let Some(grad) = T::<B>::grad_remove(leaf, &mut made) {
                *slot = Some(match slot.take() {
                    Some(sum) => B::float_add(sum, grad),
                    None => grad,
                });
            }
        }
        Ok(self.read(value)?.first().copied().map_or(f64::NAN, f64::from))
    }
}
