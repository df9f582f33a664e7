//! One optimiser step: gradients of one or more batches, clipped by their common norm, and AdamW.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::ops::FloatTensorOps;

use super::device::DeviceError;
use super::forward::{Drops, Pass};
use super::kernels::{AdamWStep, Blocks, Kernels, Precision, Real, Tracked, head_loss};
use super::layout::Layout;
use super::network::Network;

/// The index of the token embedding among a model's tensors.
const EMBEDDING: usize = 0;

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
    /// What is dropped in the first batch; each that follows has the next seed.
    pub(crate) drops: Option<Drops>,
    /// The precision of matrix products.
    pub(crate) precision: Precision,
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
        for (i, batch) in batches.iter().enumerate() {
            let drops = update.drops.map(|drops| Drops { seed: drops.seed.wrapping_add(i as u64), ..drops });
            loss += self.accumulate(batch, scale, drops, update.precision, &mut grads)?;
        }
        let Some(mut training) = self.training.take() else { return Ok(Learned { loss, grad_norm: 0.0 }) };
        let learned = match &training.adaptation {
            Some(adaptation) => {
                grads = adaptation.gradients(&training.learned, &grads);
                std::mem::take(&mut training.learned)
            }
            None => std::mem::take(&mut self.values),
        };
        let flat: Vec<Real<B>> = grads.iter().flatten().cloned().collect();
        let grad_norm = B::sum_squares(&flat).sqrt();
        drop(flat);
        let grad_scale = update.max_grad_norm.map_or(1.0, |max| (max / (grad_norm as f32 + 1e-6)).min(1.0));
        let specs = training.adaptation.as_ref().map_or_else(|| self.config().tensors(), |all| all.specs().to_vec());
        let moments = std::mem::take(&mut training.moments);
        let mut next = Vec::with_capacity(learned.len());
        for (((spec, weight), (first, second)), grad) in specs.iter().zip(learned).zip(moments).zip(grads) {
            let mut step = AdamWStep { grad_scale, ..update.adamw };
            if update.exempt && spec.exempt {
                step.decay = 0.0;
            }
            let (weight, first, second) = match grad {
                Some(grad) => B::adamw(weight, &grad, first, second, &step),
                None => (weight, first, second),
            };
            next.push(weight);
            training.moments.push((first, second));
        }
        self.training = Some(training);
        self.learn_as(next);
        Ok(Learned { loss, grad_norm })
    }

    /// Adds the gradients of one batch to `grads` and returns its share of the loss.
    fn accumulate(
        &self,
        batch: &Batch<'_>,
        scale: f32,
        drops: Option<Drops>,
        precision: Precision,
        grads: &mut [Option<Real<B>>],
    ) -> Result<f64, DeviceError> {
        type T<B> = Tracked<B>;
        let adaptation = self.training.as_ref().and_then(|training| training.adaptation.as_ref());
        let learned = |i: usize| adaptation.is_none_or(|adaptation| adaptation.adapts(i));
        let leaf =
            |value: &Real<B>, i: usize| T::<B>::float_set_require_grad(T::<B>::from_inner(value.clone()), learned(i));
        let leaves: Vec<Real<T<B>>> = self.values.iter().enumerate().map(|(i, value)| leaf(value, i)).collect();
        let weights = self.parameters(&leaves);
        let (layout, rows, targets) = batch.lay_out(B::RAGGED);
        // A sequence's last token is a target only, so it need not run through the blocks.
        let inputs = batch.sequences.iter().map(|ids| &ids[..ids.len().saturating_sub(1)]);
        let ids = layout.spread(inputs);
        // The embeddings of the tokens that occur are a leaf of their own: their gradient is added to that of the table
        // at the end, where a node would make a second table of zeros.
        let embedded = leaf(&B::pick_rows(&self.values[EMBEDDING], &ids), EMBEDDING);
        let pass = Pass { drops, precision, ..self.pass(&layout, &vec![0; layout.spans.len()]) };
        let hidden = pass.hidden::<T<B>>(&weights, pass.stream::<T<B>>(&weights, embedded.clone()), |_| {});
        let chosen = <T<B> as Blocks>::gather(&hidden, &rows);
        let loss =
            head_loss::<B>(&chosen, weights.head(), weights.head_bias.as_ref(), pass.head_form(), &targets, scale);
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
        if let Some(grad) = T::<B>::grad_remove(&embedded, &mut made) {
            let (height, width) = (self.config().vocab_size(), self.config().d_model());
            let table = grads[EMBEDDING].take().unwrap_or_else(|| B::zero_rows(height, width, self.device()));
            grads[EMBEDDING] = Some(B::add_rows(table, &grad, &ids));
        }
        Ok(self.read(value)?.first().copied().map_or(f64::NAN, f64::from))
    }
}
