//! What passages teach: how far each layer is from the model's output, and the gradient of that in its translator.
//!
//! With `m` the largest logit `z` of a row and `s` the sum of `exp(z − m)` over the vocabulary, and `m'` and `s'` those of the
//! output's logits `f`, the divergence has the gradient `exp(z − m) / s − exp(f − m') / s'`. A part of the vocabulary can
//! give its fraction of it once the sums are known. So a vocabulary that is taken in parts is gone through twice: for the sums,
//! which are put together as in reading, and for the gradient.

use super::LensLimits;
use super::head::{Head, parts};
use super::tally::Tally;
use super::translators::{FORM, Held};
use super::tune_recipe::Passage;
use crate::device::DeviceError;
use crate::forward::Pass;
use crate::kernels::{Kernels, Real, RequiresGrad};
use crate::layout::Layout;
use crate::network::Network;
use crate::tensors::Weights;

/// What some places add.
pub(super) struct Gradients<B: Kernels> {
    /// The gradient in each layer's translator.
    pub(super) grads: Vec<Held<B>>,
    /// The sum of each layer's divergences.
    pub(super) divergences: Vec<f64>,
}

/// Runs passages side by side and compares every layer with the output; the gradient is that of `scale` times the sum of all
/// divergences.
pub(super) fn gradients<B: Kernels>(
    network: &Network<B>,
    passages: &[&Passage],
    translators: &[Held<B>],
    limits: &LensLimits,
    scale: f32,
) -> Result<Option<Gradients<B>>, DeviceError> {
    let lens: Vec<usize> = passages.iter().map(|passage| passage.ids.len()).collect();
    let layout = if B::RAGGED { Layout::packed(&lens) } else { Layout::padded_right(&lens) };
    let weights = network.parameters(&network.values);
    let pass = network.pass(&layout, &vec![0; lens.len()]);
    let ids = layout.spread(passages.iter().map(|passage| passage.ids.as_slice()));
    let mut streams = Vec::new();
    let stream = pass.stream::<B>(&weights, B::pick_rows(&weights.token_embedding, &ids));
    let hidden = pass.hidden::<B>(&weights, stream, |stream: &Real<B>| streams.push(stream.clone()));
    let rows: Vec<u32> = (layout.spans.iter().zip(passages))
        .flat_map(|(span, passage)| (span.start + passage.from..span.end).map(|row| row as u32))
        .collect();
    let split = limits.turns(rows.len(), network.config().vocab_size());
    let mut sum = None;
    for rows in rows.chunks(split.places) {
        let own = B::pick_rows(&hidden, rows);
        let places =
            Places { network, pass: &pass, weights: &weights, translators, streams: &streams, own, rows, scale };
        Gradients::add(&mut sum, places.gradients(split.columns)?);
    }
    Ok(sum)
}

/// Some places at which every layer is compared.
struct Places<'a, B: Kernels> {
    network: &'a Network<B>,
    pass: &'a Pass<'a, B>,
    weights: &'a Weights<Real<B>>,
    translators: &'a [Held<B>],
    /// The stream of each layer, of all rows.
    streams: &'a [Real<B>],
    /// What the head reads of the model's output, of the places.
    own: Real<B>,
    /// Which rows of the streams are places.
    rows: &'a [u32],
    scale: f32,
}

/// A layer at some places on its way to the head, `[places, d_model]`.
struct Translated<B: Kernels> {
    /// Before its translator.
    plain: Real<B>,
    /// Behind it.
    moved: Real<B>,
    /// What the final norm's gradient needs, where there is one.
    stats: Option<Real<B>>,
    /// Behind the final norm.
    normed: Real<B>,
    /// As the head reads it: behind a projection, where there is one.
    read: Real<B>,
}

impl<B: Kernels> Places<'_, B> {
    /// Compares every layer, so many columns of the vocabulary at once.
    fn gradients(&self, columns: usize) -> Result<Gradients<B>, DeviceError> {
        let layers = 0..self.streams.len();
        let parts = parts(self.network.config().vocab_size(), columns);
        let normed: Vec<Real<B>> = layers.clone().map(|layer| self.translated(layer).read).collect();
        let mut tallies = vec![vec![Tally::default(); self.rows.len()]; normed.len()];
        let mut gradients: Vec<Option<Real<B>>> = vec![None; normed.len()];
        for part in &parts {
            let head = Head::of(self.network, self.weights, part);
            let finals = head.logits(self.pass, &self.own);
            for layer in layers.clone() {
                let logits = head.logits(self.pass, &normed[layer]);
                // No token is of interest by itself.
                let chosen = B::pick_columns(&logits, &vec![0; self.rows.len()]);
                let said = self.network.read(B::survey(&logits, &finals, &chosen))?;
                Tally::take_rows(&mut tallies[layer], &said, part.len());
                if parts.len() == 1 {
                    gradients[layer] = Some(self.gradient(&head, logits, &finals, &normed[layer], &tallies[layer]));
                }
            }
        }
        for part in parts.iter().filter(|_| parts.len() > 1) {
            let head = Head::of(self.network, self.weights, part);
            let finals = head.logits(self.pass, &self.own);
            for layer in layers.clone() {
                let logits = head.logits(self.pass, &normed[layer]);
                let gradient = self.gradient(&head, logits, &finals, &normed[layer], &tallies[layer]);
                gradients[layer] = Some(match gradients[layer].take() {
                    Some(sum) => B::float_add(sum, gradient),
                    None => gradient,
                });
            }
        }
        let grads = layers.zip(gradients);
        let grads = grads.map(|(layer, gradient)| self.backward(layer, gradient.expect("a vocabulary has a part")));
        Ok(Gradients {
            grads: grads.collect(),
            divergences: tallies.iter().map(|rows| rows.iter().map(Tally::divergence).sum()).collect(),
        })
    }

    fn translated(&self, layer: usize) -> Translated<B> {
        let plain = B::pick_rows(&self.streams[layer], self.rows);
        let moved = self.translators[layer].apply(&plain);
        let (normed, stats) = match &self.weights.norm {
            Some(norm) => {
                let made = B::normalise(&moved, &norm.weight, norm.bias.as_ref(), self.pass.decoder.normal);
                (made.0, Some(made.1))
            }
            None => (moved.clone(), None),
        };
        let read = match &self.weights.project_out {
            Some(project) => B::affine(&normed, &project.weight, self.pass.head_form(), None, None),
            None => normed.clone(),
        };
        Translated { plain, moved, stats, normed, read }
    }

    /// What a part of the vocabulary adds to the gradient of a layer as the head reads it.
    fn gradient(
        &self,
        head: &Head<B>,
        logits: Real<B>,
        finals: &Real<B>,
        normed: &Real<B>,
        tallies: &[Tally],
    ) -> Real<B> {
        let sums = tallies.iter().flat_map(|tally| tally.sums(self.scale)).collect();
        let sums = self.network.upload(sums, &[tallies.len(), 4]);
        // The gradient may use up the logits.
        let kept = self.pass.decoder.shaping().map(|_| logits.clone());
        head.backward(self.pass, B::divergence_backward(logits, finals, &sums), kept.as_ref(), normed)
    }

    /// The gradient in a layer's translator, from that of what the head reads.
    fn backward(&self, layer: usize, mut gradient: Real<B>) -> Held<B> {
        const INPUT: RequiresGrad = RequiresGrad { input: true, weight: false, bias: false };
        const ASKED: &str = "the gradient of the input was asked for";
        let Translated { plain, moved, stats, normed, read: _ } = self.translated(layer);
        if let Some(project) = &self.weights.project_out {
            let made = B::affine_backward(&gradient, &normed, &project.weight, self.pass.head_form(), INPUT);
            gradient = made.input.expect(ASKED);
        }
        if let (Some(norm), Some(stats)) = (&self.weights.norm, stats) {
            let normal = self.pass.decoder.normal;
            gradient = B::normalise_backward(gradient, &moved, &stats, &norm.weight, normal, INPUT).input.expect(ASKED);
        }
        let translator = &self.translators[layer];
        let required = RequiresGrad { input: false, weight: translator.weight.is_some(), bias: true };
        // Without a matrix there is none to ask the gradient of, and none is looked at.
        let matrix = translator.weight.as_ref().unwrap_or(&plain);
        let made = B::affine_backward(&gradient, &plain, matrix, FORM, required);
        Held { weight: made.weight, bias: made.bias.expect("the bias's gradient was asked for") }
    }
}

impl<B: Kernels> Gradients<B> {
    /// Adds what further places add.
    pub(super) fn add(sum: &mut Option<Self>, more: Self) {
        let held = |(a, b): (Held<B>, Held<B>)| Held {
            weight: a.weight.zip(b.weight).map(|(a, b)| B::float_add(a, b)),
            bias: B::float_add(a.bias, b.bias),
        };
        *sum = Some(match sum.take() {
            Some(sum) => Self {
                grads: sum.grads.into_iter().zip(more.grads).map(held).collect(),
                divergences: sum.divergences.iter().zip(&more.divergences).map(|(a, b)| a + b).collect(),
            },
            None => more,
        });
    }

    /// The tensors of the gradient.
    pub(super) fn tensors(&self) -> Vec<Real<B>> {
        self.grads.iter().flat_map(|grad| grad.weight.iter().chain([&grad.bias]).cloned()).collect()
    }
}
