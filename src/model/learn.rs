//! One optimiser step: gradients of one or more batches, clipped by their common norm, and AdamW.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::ops::FloatTensorOps;

use super::device::DeviceError;
use super::forward::{Drops, Pass};
use super::kernels::{AdamWStep, Blocks, Kernels, Precision, Real, Targets, Tracked, head_loss};
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
    /// For each sequence, what each of its tokens weighs in the loss; all weigh 1 where this is not given.
    pub(crate) weights: Option<Vec<Vec<f32>>>,
}

/// How a batch lies, and what is predicted from which of its rows.
struct Task {
    /// How the inputs lie: each sequence but its last token, which is a target only.
    layout: Layout,
    /// The rows that predict a target, but for targets that weigh nothing.
    rows: Vec<u32>,
    /// The targets.
    targets: Vec<u32>,
    /// What the targets weigh; `None` where all weigh 1.
    weights: Option<Vec<f32>>,
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
    /// What the weighted sum is divided by; the sum of the weights where this is not given.
    pub(crate) mass: Option<f64>,
}

/// What one optimiser step found.
#[derive(Clone, Debug)]
pub(crate) struct Learned {
    /// Mean cross-entropy over the targets of all batches of the step, each by its weight.
    pub(crate) loss: f64,
    /// The part of each batch in it.
    pub(crate) parts: Vec<f64>,
    /// Norm of the gradient before clipping.
    pub(crate) grad_norm: f64,
}

impl Batch<'_> {
    /// What the tokens that carry loss weigh together: their number, where all weigh 1.
    fn mass(&self) -> f64 {
        let carrying = |i: usize| self.loss_from[i].max(1).min(self.sequences[i].len())..self.sequences[i].len();
        let sequences = 0..self.sequences.len();
        match &self.weights {
            None => sequences.map(carrying).map(|tokens| tokens.len()).sum::<usize>() as f64,
            Some(weights) => sequences.flat_map(|i| &weights[i][carrying(i)]).map(|&weight| f64::from(weight)).sum(),
        }
    }

    /// Number of tokens, padding not counted.
    pub(crate) fn tokens(&self) -> usize {
        self.sequences.iter().map(|ids| ids.len()).sum()
    }

    /// Lays the batch out. A target that weighs nothing is left out, as if it carried no loss.
    fn lay_out(&self, ragged: bool) -> Task {
        let lens: Vec<usize> = self.sequences.iter().map(|ids| ids.len().saturating_sub(1)).collect();
        let layout = if ragged { Layout::packed(&lens) } else { Layout::padded_right(&lens) };
        let (mut rows, mut targets, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (i, (span, ids)) in layout.spans.iter().zip(&self.sequences).enumerate() {
            for at in self.loss_from[i].max(1)..ids.len() {
                let weight = self.weights.as_ref().map_or(1.0, |weights| weights[i][at]);
                if weight > 0.0 {
                    rows.push((span.start + at - 1) as u32);
                    targets.push(ids[at]);
                    kept.push(weight);
                }
            }
        }
        let weighs = kept.iter().any(|weight| weight.to_bits() != 1.0_f32.to_bits());
        Task { layout, rows, targets, weights: weighs.then_some(kept) }
    }
}

impl<B: Kernels> Network<B> {
    /// One step of the optimiser: the gradient of the mean cross-entropy over all targets of `batches`, clipped. The mean
    /// is the sum of weight · cross-entropy over the sum of the weights, both over all batches, or over `update.mass`.
    pub(crate) fn learn(&mut self, batches: &[Batch<'_>], update: &Update) -> Result<Learned, DeviceError> {
        let mass = update.mass.unwrap_or_else(|| batches.iter().map(Batch::mass).sum());
        let scale = 1.0 / if mass > 0.0 { mass as f32 } else { 1.0 };
        let mut parts = Vec::with_capacity(batches.len());
        let mut grads: Vec<Option<Real<B>>> = vec![None; self.values.len()];
        for (i, batch) in batches.iter().enumerate() {
            let drops = update.drops.map(|drops| Drops { seed: drops.seed.wrapping_add(i as u64), ..drops });
            parts.push(self.accumulate(batch, scale, drops, update.precision, &mut grads)?);
        }
        let loss = parts.iter().fold(0.0, |sum, part| sum + part);
        let Some(mut training) = self.training.take() else { return Ok(Learned { loss, parts, grad_norm: 0.0 }) };
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
        Ok(Learned { loss, parts, grad_norm })
    }

    /// Adds the gradients of one batch to `grads` and returns its part of the loss.
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
        let Task { layout, rows, targets, weights: token_weights } = batch.lay_out(B::RAGGED);
        // A sequence's last token is a target only, so it need not run through the blocks.
        let inputs = batch.sequences.iter().map(|ids| &ids[..ids.len().saturating_sub(1)]);
        let ids = layout.spread(inputs);
        // The embeddings of the tokens that occur are a leaf of their own: their gradient is added to that of the table
        // at the end, where a node would make a second table of zeros.
        let embedded = leaf(&B::pick_rows(&self.values[EMBEDDING], &ids), EMBEDDING);
        let pass = Pass { drops, precision, ..self.pass(&layout, &vec![0; layout.spans.len()]) };
        let hidden = pass.hidden::<T<B>>(&weights, pass.stream::<T<B>>(&weights, embedded.clone()), |_| {});
        let chosen = <T<B> as Blocks>::gather(&hidden, &rows);
        let (head, bias) = (weights.head(), weights.head_bias.as_ref());
        let targets = Targets { ids: &targets, weights: token_weights.as_deref(), scale };
        let loss = head_loss::<B>(&chosen, head, bias, pass.head_form(), pass.decoder.shaping(), targets);
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
            let (height, width) = (self.config().vocab_size(), self.config().embedding_width());
            let table = grads[EMBEDDING].take().unwrap_or_else(|| B::zero_rows(height, width, self.device()));
            grads[EMBEDDING] = Some(B::add_rows(table, &grad, &ids));
        }
        Ok(self.read(value)?.first().copied().map_or(f64::NAN, f64::from))
    }
}
