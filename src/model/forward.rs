//! The way through a decoder: embeddings to residual stream, blocks, final norm. Written once for all architectures, for
//! tensors that are tracked or not, with and without memory of earlier positions.

use super::decoder::{Decoder, DropoutRates, Norms, Sublayers};
use super::forest::Forest;
use super::init::Random;
use super::kernels::{Blocks, Dropout, Form, Heads, Kernels, Major, Precision, Real, Rotation};
use super::layout::Layout;
use super::tensors::{Affine, Block, Weights};

/// What is the same in all layers of one pass over backend `P`.
pub(crate) struct Pass<'a, P: Kernels> {
    pub(super) decoder: &'a Decoder,
    pub(super) layout: &'a Layout,
    /// The position of each row in its sequence.
    pub(super) positions: Vec<u32>,
    /// The angles of each row, where positions enter by angles.
    pub(super) rotations: Rotations<P>,
    /// What is dropped; nothing but while training.
    pub(super) drops: Option<Drops>,
    /// The precision of matrix products.
    pub(super) precision: Precision,
    /// Whether it is a step of generation.
    pub(super) generating: bool,
}

/// The angles of each row, by kind of layer.
pub(crate) struct Rotations<P: Kernels> {
    /// Those of all layers.
    pub(super) whole: Option<Rotation<P>>,
    /// Those of layers with a window, where they are others.
    pub(super) windowed: Option<Rotation<P>>,
}

/// What one pass drops: a pure function of its seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drops {
    /// The fractions.
    pub(crate) rates: DropoutRates,
    /// Decides which elements.
    pub(crate) seed: u64,
}

/// Where in a decoder elements are dropped.
#[derive(Clone, Copy)]
enum Site {
    Embedding,
    Attention(usize),
    AttentionOut(usize),
    MlpOut(usize),
}

impl Drops {
    /// The dropout at one site; `None` where its fraction is zero.
    fn at(self, site: Site) -> Option<Dropout> {
        let (rate, kind, layer) = match site {
            Site::Embedding => (self.rates.embedding, 0_u8, 0),
            Site::Attention(layer) => (self.rates.attention, 1, layer),
            Site::AttentionOut(layer) => (self.rates.residual, 2, layer),
            Site::MlpOut(layer) => (self.rates.residual, 3, layer),
        };
        (rate > 0.0).then(|| {
            let label = [&[kind][..], &(layer as u64).to_le_bytes()].concat();
            Dropout { rate: rate as f32, seed: Random::new("retort 2026 dropout", self.seed, &label).bits() }
        })
    }
}

impl<P: Kernels> Pass<'_, P> {
    /// The residual stream `[tokens, d_model]` before the first block, from embeddings of the tokens.
    pub(crate) fn stream<B: Blocks<Plain = P>>(&self, weights: &Weights<Real<B>>, embedded: Real<B>) -> Real<B> {
        let mut stream = scaled::<B>(embedded, self.decoder.embedding_scale);
        if let Some(project) = &weights.project_in {
            stream = self.linear::<B>(&stream, project, None);
        }
        if let Some(table) = &weights.position_embedding {
            let from = self.decoder.positions_from as u32;
            let rows: Vec<u32> = self.positions.iter().map(|position| position + from).collect();
            stream = B::add(stream, B::gather(table, &rows));
        }
        self.dropped::<B>(stream, Site::Embedding)
    }

    /// Runs the blocks and the final norm on the residual stream, to what the head reads; `seen` is shown the stream before
    /// each block.
    pub(crate) fn hidden<B: Blocks<Plain = P>>(
        &self,
        weights: &Weights<Real<B>>,
        stream: Real<B>,
        seen: impl FnMut(&Real<B>),
    ) -> Real<B> {
        let attend = |layer, heads, qkv| {
            <B as Blocks>::attention(&qkv, heads, self.layout, self.drop_at(Site::Attention(layer)))
        };
        self.blocks::<B>(weights, stream, None, seen, attend)
    }

    /// As [`hidden`](Self::hidden), for positions that follow those in `memory`, one per block.
    pub(crate) fn hidden_cached(
        &self,
        weights: &Weights<Real<P>>,
        stream: Real<P>,
        memory: &mut [P::Memory],
    ) -> Real<P> {
        let attend = |layer: usize, heads, qkv| P::attend_cached(&qkv, heads, self.layout, &mut memory[layer]);
        self.blocks::<P>(weights, stream, None, |_| {}, attend)
    }

    /// As [`hidden_cached`](Self::hidden_cached), of the rows of a forest whose sequences lie in full as the layout says;
    /// `spread` is what it was made with. Of the last block and the final norm only the rows at `wanted` are made.
    pub(crate) fn hidden_shared(
        &self,
        weights: &Weights<Real<P>>,
        stream: Real<P>,
        (forest, spread): (&Forest, &[u32]),
        wanted: &[u32],
        memory: &mut [P::Memory],
    ) -> Real<P> {
        let gathered = forest.gathered(self.layout);
        let attend = |layer: usize, heads, qkv: Real<P>| {
            let whole = P::pick_rows(&qkv, spread);
            P::pick_rows(&P::attend_cached(&whole, heads, self.layout, &mut memory[layer]), &gathered)
        };
        self.blocks::<P>(weights, stream, Some(wanted), |_| {}, attend)
    }

    /// As [`hidden`](Self::hidden), of plain tensors; `seen` is shown the queries, keys and values of each block as its
    /// attention takes them, and the sizes of that.
    pub(crate) fn attended(
        &self,
        weights: &Weights<Real<P>>,
        stream: Real<P>,
        mut seen: impl FnMut(&Real<P>, Heads),
    ) -> Real<P> {
        self.blocks::<P>(
            weights,
            stream,
            None,
            |_| {},
            |_, heads, qkv| {
                seen(&qkv, heads);
                <P as Blocks>::attention(&qkv, heads, self.layout, None)
            },
        )
    }

    /// Runs the blocks, the final norm and what leads from there to the head; after the last attention only the rows at
    /// `wanted` are gone on with, all where it is not given.
    fn blocks<B: Blocks<Plain = P>>(
        &self,
        weights: &Weights<Real<B>>,
        mut stream: Real<B>,
        wanted: Option<&[u32]>,
        mut seen: impl FnMut(&Real<B>),
        mut attend: impl FnMut(usize, Heads, Real<B>) -> Real<B>,
    ) -> Real<B> {
        for (layer, block) in weights.blocks.iter().enumerate() {
            seen(&stream);
            let heads = self.decoder.attention(layer);
            let mut normed = self.before::<B>(&stream, block.norm1.as_ref());
            let mut qkv = self.linear::<B>(&normed, &block.qkv, None);
            if let Some(gains) = &block.head_norms {
                qkv = B::norm_heads(&qkv, gains, heads, self.decoder.normal);
            }
            if let Some(rotation) = self.rotation_of(layer) {
                qkv = B::rotate(qkv, heads, rotation);
            }
            let mut mixed = attend(layer, heads, qkv);
            if let Some(wanted) = wanted.filter(|_| layer + 1 == weights.blocks.len()) {
                mixed = B::gather(&mixed, wanted);
                stream = B::gather(&stream, wanted);
                // Where the sublayers share a norm, what it gives is read once more.
                normed = if self.decoder.sublayers == Sublayers::ParallelOneNorm {
                    B::gather(&normed, wanted)
                } else {
                    normed
                };
            }
            let aside = match self.decoder.sublayers {
                Sublayers::Sequential => None,
                Sublayers::Parallel => Some(self.before::<B>(&stream, block.norm2.as_ref())),
                Sublayers::ParallelOneNorm => Some(normed),
            };
            stream = self.joined::<B>(
                &mixed,
                &block.attention_out,
                &stream,
                block.added1.as_ref(),
                Site::AttentionOut(layer),
            );
            stream = self.behind::<B>(stream, block.norm1.as_ref());
            let read = aside.unwrap_or_else(|| self.before::<B>(&stream, block.norm2.as_ref()));
            let hidden = self.mlp_hidden::<B>(&read, block);
            stream = self.joined::<B>(&hidden, &block.mlp_out, &stream, block.added2.as_ref(), Site::MlpOut(layer));
            stream = self.behind::<B>(stream, block.norm2.as_ref());
        }
        self.normed::<B>(weights, &stream)
    }

    /// What a sublayer of a block reads.
    fn before<B: Blocks<Plain = P>>(&self, stream: &Real<B>, norm: Option<&Affine<Real<B>>>) -> Real<B> {
        match norm {
            Some(norm) if self.decoder.norms != Norms::Post => self.norm::<B>(stream, norm),
            _ => stream.clone(),
        }
    }

    /// The stream after a sublayer has added to it.
    fn behind<B: Blocks<Plain = P>>(&self, stream: Real<B>, norm: Option<&Affine<Real<B>>>) -> Real<B> {
        match norm {
            Some(norm) if self.decoder.norms == Norms::Post => self.norm::<B>(&stream, norm),
            _ => stream,
        }
    }

    /// The angles by which a layer rotates.
    fn rotation_of(&self, layer: usize) -> Option<&Rotation<P>> {
        let Rotations { whole, windowed } = &self.rotations;
        let own = windowed.as_ref().filter(|_| self.decoder.windowed.has(layer));
        own.or(whole.as_ref()).filter(|_| self.decoder.rotary_layers.has(layer))
    }

    /// The activations of the MLP `[tokens, mlp_width]`.
    fn mlp_hidden<B: Blocks<Plain = P>>(&self, normed: &Real<B>, block: &Block<Real<B>>) -> Real<B> {
        match &block.mlp_in {
            Affine { weight, bias: Some(bias) } if !self.decoder.gated => {
                B::linear_activated(normed, weight, self.form(), bias, self.decoder.activation)
            }
            both => B::gated(&self.linear::<B>(normed, both, None), self.decoder.activation),
        }
    }

    /// `residual + x · weight (+ bias)`, where what is added may be scaled, normalised and in part dropped.
    fn joined<B: Blocks<Plain = P>>(
        &self,
        x: &Real<B>,
        affine: &Affine<Real<B>>,
        residual: &Real<B>,
        norm: Option<&Affine<Real<B>>>,
        site: Site,
    ) -> Real<B> {
        let (dropout, factor) = (self.drop_at(site), self.decoder.residual_scale);
        if dropout.is_none() && norm.is_none() && factor.to_bits() == 1.0_f64.to_bits() {
            return self.linear::<B>(x, affine, Some(residual));
        }
        let mut added = scaled::<B>(self.linear::<B>(x, affine, None), factor);
        if let Some(norm) = norm {
            added = self.norm::<B>(&added, norm);
        }
        if let Some(dropout) = dropout {
            added = B::dropped(added, dropout);
        }
        B::add(residual.clone(), added)
    }

    fn linear<B: Blocks<Plain = P>>(
        &self,
        x: &Real<B>,
        affine: &Affine<Real<B>>,
        residual: Option<&Real<B>>,
    ) -> Real<B> {
        <B as Blocks>::linear(x, &affine.weight, self.form(), affine.bias.as_ref(), residual)
    }

    fn norm<B: Blocks<Plain = P>>(&self, x: &Real<B>, affine: &Affine<Real<B>>) -> Real<B> {
        B::norm(x, &affine.weight, affine.bias.as_ref(), self.decoder.normal)
    }

    fn dropped<B: Blocks<Plain = P>>(&self, x: Real<B>, site: Site) -> Real<B> {
        match self.drop_at(site) {
            None => x,
            Some(dropout) => B::dropped(x, dropout),
        }
    }

    fn drop_at(&self, site: Site) -> Option<Dropout> {
        self.drops.and_then(|drops| drops.at(site))
    }

    fn form(&self) -> Form {
        let major = if self.decoder.input_major { Major::Input } else { Major::Output };
        Form { major, ..self.head_form() }
    }

    /// How the product with the output head is taken.
    pub(crate) fn head_form(&self) -> Form {
        Form { major: Major::Output, precision: self.precision, generating: self.generating }
    }

    /// What the head reads of rows of the residual stream: they pass the final norm, and a projection where there is one.
    pub(crate) fn normed<B: Blocks<Plain = P>>(&self, weights: &Weights<Real<B>>, stream: &Real<B>) -> Real<B> {
        let normed = weights.norm.as_ref().map_or_else(|| stream.clone(), |norm| self.norm::<B>(stream, norm));
        match &weights.project_out {
            Some(project) => self.linear::<B>(&normed, project, None),
            None => normed,
        }
    }

    /// The logits `[rows, vocab]` of rows as the head reads them.
    pub(crate) fn head<B: Blocks<Plain = P>>(&self, weights: &Weights<Real<B>>, hidden: &Real<B>) -> Real<B> {
        let bias = weights.head_bias.as_ref();
        let logits = <B as Blocks>::linear(hidden, weights.head(), self.head_form(), bias, None);
        B::shaped(logits, self.decoder.shaping())
    }
}

/// A tensor times a number, which is commonly 1.
fn scaled<B: Blocks>(x: Real<B>, factor: f64) -> Real<B> {
    if factor.to_bits() == 1.0_f64.to_bits() { x } else { B::scale(x, factor as f32) }
}
