//! One optimiser step: gradients of one or more batches, clipped by their common norm, and AdamW.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::ops::FloatTensorOps;

use super::device::DeviceError;
use super::forward::{Drops, Pass};
use super::kernels::{AdamWStep, Blocks, Kernels, Precision, Real, Targets, Tracked, chunked_head_loss, head_loss};
use super::layout::Layout;
use super::network::Network;
use super::tensors::Weights;

/// The index of the token embedding among a model's tensors.
pub(super) const EMBEDDING: usize = 0;

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
    /// How gradients are made.
    pub(crate) way: Way,
    /// What the weighted sum is divided by; the sum of the weights where this is not given.
    pub(crate) mass: Option<f64>,
}

/// How the gradients of a batch are made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    /// Whether the backward pass runs each block once more, rather than keep all that it needs of every block.
    pub(crate) checkpointing: bool,
    /// Rows whose logits are there at once; those of all where this is not given.
    pub(crate) chunk: Option<usize>,
    /// Whether each target weighs its probability as well.
    pub(crate) by_confidence: bool,
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
            parts.push(self.accumulate(batch, scale, drops, update, &mut grads)?);
        }
        let loss = parts.iter().fold(0.0, |sum, part| sum + part);
        let Some(mut training) = self.training.take() else { return Ok(Learned { loss, parts, grad_norm: 0.0 }) };
        // What does not learn keeps its place.
        let mut values: Vec<Option<Real<B>>> = Vec::new();
        let learned: Vec<Real<B>> = if let Some(adaptation) = &training.adaptation {
            grads = adaptation.gradients(&training.learned, &grads);
            std::mem::take(&mut training.learned)
        } else {
            values.extend(std::mem::take(&mut self.values).into_iter().map(Some));
            grads = training.places.iter().map(|&place| grads[place].take()).collect();
            training.places.iter().filter_map(|&place| values[place].take()).collect()
        };
        let flat: Vec<Real<B>> = grads.iter().flatten().cloned().collect();
        let grad_norm = B::sum_squares(&flat).sqrt();
        drop(flat);
        let grad_scale = update.max_grad_norm.map_or(1.0, |max| (max / (grad_norm as f32 + 1e-6)).min(1.0));
        let specs = training.specs(self.config());
        let mut next = Vec::with_capacity(learned.len());
        for (((spec, weight), moments), grad) in specs.iter().zip(learned).zip(&mut training.moments).zip(grads) {
            let mut step = AdamWStep { grad_scale, ..update.adamw };
            if update.exempt && spec.exempt {
                step.decay = 0.0;
            }
            next.push(match grad {
                Some(grad) => moments.step(weight, &grad, &step),
                None => weight,
            });
        }
        if training.adaptation.is_none() {
            for (&place, weight) in training.places.iter().zip(next.drain(..)) {
                values[place] = Some(weight);
            }
            self.values = values.into_iter().flatten().collect();
        }
        let adapts = training.adaptation.is_some();
        self.training = Some(training);
        if adapts {
            self.learn_as(next);
        }
        Ok(Learned { loss, parts, grad_norm })
    }

    /// Whether weight `i` has a gradient that something is learned from.
    pub(super) fn learns(&self, i: usize) -> bool {
        self.training.as_ref().is_none_or(|training| training.learns(i))
    }

    /// Weight `i` as a leaf of a graph.
    pub(super) fn leaf(&self, i: usize) -> Real<Tracked<B>> {
        leaf::<B>(&self.values[i], self.learns(i))
    }

    /// Adds the gradients of one batch to `grads` and returns its part of the loss.
    fn accumulate(
        &self,
        batch: &Batch<'_>,
        scale: f32,
        drops: Option<Drops>,
        update: &Update,
        grads: &mut [Option<Real<B>>],
    ) -> Result<f64, DeviceError> {
        type T<B> = Tracked<B>;
        let Way { checkpointing, chunk, by_confidence } = update.way;
        let Task { layout, rows, targets, weights: token_weights } = batch.lay_out(B::RAGGED);
        // A sequence's last token is a target only, so it need not run through the blocks.
        let inputs = batch.sequences.iter().map(|ids| &ids[..ids.len().saturating_sub(1)]);
        let ids = layout.spread(inputs);
        let pass = Pass { drops, precision: update.precision, ..self.pass(&layout, &vec![0; layout.spans.len()]) };
        let targets = Targets { ids: &targets, by_confidence, weights: token_weights.as_deref(), scale };
        let carrying = Carrying { rows: &rows, targets, chunk };
        if checkpointing {
            return self.accumulate_by_blocks(&pass, &ids, carrying, grads);
        }
        let leaves: Vec<Real<T<B>>> = (0..self.values.len()).map(|i| self.leaf(i)).collect();
        let weights = self.parameters(&leaves);
        // The embeddings of the tokens that occur are a leaf of their own: their gradient is added to that of the table
        // at the end, where a node would make a second table of zeros.
        let embedded = leaf::<B>(&B::pick_rows(&self.values[EMBEDDING], &ids), self.learns(EMBEDDING));
        let hidden = pass.hidden::<T<B>>(&weights, pass.stream::<T<B>>(&weights, embedded.clone()), |_| {});
        let loss = carrying.loss::<B>(&pass, &weights, &hidden);
        drop((hidden, weights));
        let value = loss.primitive.clone();
        let mut made = T::<B>::backward(loss);
        for (slot, leaf) in grads.iter_mut().zip(&leaves) {
            add_to::<B>(slot, T::<B>::grad_remove(leaf, &mut made));
        }
        if let Some(grad) = T::<B>::grad_remove(&embedded, &mut made) {
            self.add_embedded(&grad, &ids, grads);
        }
        Ok(self.read(value)?.first().copied().map_or(f64::NAN, f64::from))
    }

    /// Adds the gradient of the embeddings of tokens to that of the table.
    pub(super) fn add_embedded(&self, grad: &Real<B>, ids: &[u32], grads: &mut [Option<Real<B>>]) {
        let (height, width) = (self.config().vocab_size(), self.config().embedding_width());
        let table = grads[EMBEDDING].take().unwrap_or_else(|| B::zero_rows(height, width, self.device()));
        grads[EMBEDDING] = Some(B::add_rows(table, grad, ids));
    }
}

/// The rows of a batch that carry loss.
#[derive(Clone, Copy)]
pub(super) struct Carrying<'a> {
    rows: &'a [u32],
    targets: Targets<'a>,
    chunk: Option<usize>,
}

impl Carrying<'_> {
    /// The loss, from what the head reads of all rows.
    pub(super) fn loss<B: Kernels>(
        &self,
        pass: &Pass<'_, B>,
        weights: &Weights<Real<Tracked<B>>>,
        hidden: &Real<Tracked<B>>,
    ) -> Real<Tracked<B>> {
        let chosen = <Tracked<B> as Blocks>::gather(hidden, self.rows);
        let (head, bias) = (weights.head(), weights.head_bias.as_ref());
        let (form, shaping) = (pass.head_form(), pass.decoder.shaping());
        match self.chunk {
            None => head_loss::<B>(&chosen, head, bias, form, shaping, self.targets),
            Some(chunk) => chunked_head_loss::<B>(&chosen, head, bias, form, shaping, self.targets, chunk),
        }
    }
}

/// A tensor as a leaf of a graph, which has a gradient where it learns.
pub(super) fn leaf<B: Kernels>(value: &Real<B>, learns: bool) -> Real<Tracked<B>> {
    Tracked::<B>::float_set_require_grad(Tracked::<B>::from_inner(value.clone()), learns)
}

/// Adds a gradient to what is there.
pub(super) fn add_to<B: Kernels>(slot: &mut Option<Real<B>>, grad: Option<Real<B>>) {
    let Some(grad) = grad else { return };
    *slot = Some(match slot.take() {
        Some(sum) => B::float_add(sum, grad),
        None => grad,
    });
}
