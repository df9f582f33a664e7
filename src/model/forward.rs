//! The way through a decoder: embeddings to residual stream, blocks, final norm. Written once for all architectures, for
//! tensors that are tracked or not, with and without memory of earlier positions.

use super::decoder::{Affine, Block, Decoder, DropoutRates, Weights};
use super::forest::Forest;
use super::init::Random;
use super::kernels::{Blocks, Dropout, Form, Kernels, Major, Precision, Real, Turn};
use super::layout::Layout;

/// What is the same in all layers of one pass over backend `P`.
pub(crate) struct Pass<'a, P: Kernels> {
    pub(super) decoder: &'a Decoder,
    pub(super) layout: &'a Layout,
    /// The position of each row in its sequence.
    pub(super) positions: Vec<u32>,
    /// The angles of each row, where positions enter by angles.
    pub(super) turn: Option<Turn<P>>,
    /// What is dropped; nothing but while training.
    pub(super) drops: Option<Drops>,
    /// The precision of matrix products.
    pub(super) precision: Precision,
    /// Whether it is a step of generation.
    pub(super) generating: bool,
}

/// What one pass drops: a pure function of its seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drops {
    /// The shares.
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
    InnerOut(usize),
}

impl Drops {
    /// The dropout at one site; `None` where its share is zero.
    fn at(self, site: Site) -> Option<Dropout> {
        let (rate, kind, layer) = match site {
            Site::Embedding => (self.rates.embedding, 0_u8, 0),
            Site::Attention(layer) => (self.rates.attention, 1, layer),
            Site::AttentionOut(layer) => (self.rates.residual, 2, layer),
            Site::InnerOut(layer) => (self.rates.residual, 3, layer),
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
        let mut stream = embedded;
        if self.decoder.embedding_scale.to_bits() != 1.0_f64.to_bits() {
            stream = B::scale(stream, self.decoder.embedding_scale as f32);
        }
        if let Some(table) = &weights.position_embedding {
            stream = B::add(stream, B::gather(table, &self.positions));
        }
        self.dropped::<B>(stream, Site::Embedding)
    }

    /// Runs the blocks and the final norm on the residual stream; `seen` is shown the stream before each block.
    pub(crate) fn hidden<B: Blocks<Plain = P>>(
        &self,
        weights: &Weights<Real<B>>,
        stream: Real<B>,
        seen: impl FnMut(&Real<B>),
    ) -> Real<B> {
        let heads = self.decoder.attention();
        let attend =
            |layer, qkv| <B as Blocks>::attention(&qkv, heads, self.layout, self.drop_at(Site::Attention(layer)));
        self.blocks::<B>(weights, stream, None, seen, attend)
    }

    /// As [`hidden`](Self::hidden), for positions that follow those in `memory`, one per block.
    pub(crate) fn hidden_cached(
        &self,
        weights: &Weights<Real<P>>,
        stream: Real<P>,
        memory: &mut [P::Memory],
    ) -> Real<P> {
        let heads = self.decoder.attention();
        let attend = |layer: usize, qkv| P::attend_cached(&qkv, heads, self.layout, &mut memory[layer]);
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
        let heads = self.decoder.attention();
        let gathered = forest.gathered(self.layout);
        let attend = |layer: usize, qkv: Real<P>| {
            let whole = P::pick_rows(&qkv, spread);
            P::pick_rows(&P::attend_cached(&whole, heads, self.layout, &mut memory[layer]), &gathered)
        };
        self.blocks::<P>(weights, stream, Some(wanted), |_| {}, attend)
    }

    /// As [`hidden`](Self::hidden), of plain tensors; `seen` is shown the queries, keys and values of each block as its
    /// attention takes them.
    pub(crate) fn attended(
        &self,
        weights: &Weights<Real<P>>,
        stream: Real<P>,
        mut seen: impl FnMut(&Real<P>),
    ) -> Real<P> {
        let heads = self.decoder.attention();
        self.blocks::<P>(
            weights,
            stream,
            None,
            |_| {},
            |_, qkv| {
                seen(&qkv);
                <P as Blocks>::attention(&qkv, heads, self.layout, None)
            },
        )
    }

    /// Runs the blocks and the final norm; after the last attention only the rows at `wanted` are gone on with, all where
    /// it is not given.
    fn blocks<B: Blocks<Plain = P>>(
        &self,
        weights: &Weights<Real<B>>,
        mut stream: Real<B>,
        wanted: Option<&[u32]>,
        mut seen: impl FnMut(&Real<B>),
        mut attend: impl FnMut(usize, Real<B>) -> Real<B>,
    ) -> Real<B> {
        for (layer, block) in weights.blocks.iter().enumerate() {
            seen(&stream);
            let mut normed = self.norm::<B>(&stream, &block.norm1);
            let mut qkv = self.linear::<B>(&normed, &block.qkv, None);
            if let Some(turn) = &self.turn {
                qkv = B::rotate(qkv, self.decoder.attention(), turn);
            }
            let mut mixed = attend(layer, qkv);
            if let Some(wanted) = wanted.filter(|_| layer + 1 == weights.blocks.len()) {
                mixed = B::gather(&mixed, wanted);
                stream = B::gather(&stream, wanted);
                // A parallel block reads it once more.
                normed = if block.norm2.is_none() { B::gather(&normed, wanted) } else { normed };
            }
            stream = self.joined::<B>(&mixed, &block.attention_out, &stream, Site::AttentionOut(layer));
            let normed = match &block.norm2 {
                Some(norm) => self.norm::<B>(&stream, norm),
                None => normed,
            };
            let inner = self.inner::<B>(&normed, block);
            stream = self.joined::<B>(&inner, &block.inner_out, &stream, Site::InnerOut(layer));
        }
        self.norm::<B>(&stream, &weights.norm)
    }

    /// The activations of the feed-forward half `[tokens, inner]`.
    fn inner<B: Blocks<Plain = P>>(&self, normed: &Real<B>, block: &Block<Real<B>>) -> Real<B> {
        match &block.inner_in {
            Affine { weight, bias: Some(bias) } if !self.decoder.gated => {
                B::linear_activated(normed, weight, self.form(), bias, self.decoder.activation)
            }
            both => B::gated(&self.linear::<B>(normed, both, None), self.decoder.activation),
        }
    }

    /// `residual + x · weight (+ bias)`, with elements of the product dropped.
    fn joined<B: Blocks<Plain = P>>(
        &self,
        x: &Real<B>,
        affine: &Affine<Real<B>>,
        residual: &Real<B>,
        site: Site,
    ) -> Real<B> {
        match self.drop_at(site) {
            None => self.linear::<B>(x, affine, Some(residual)),
            Some(dropout) => B::add(residual.clone(), B::dropped(self.linear::<B>(x, affine, None), dropout)),
        }
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

    /// The final norm of rows of the residual stream.
    pub(crate) fn normed<B: Blocks<Plain = P>>(&self, weights: &Weights<Real<B>>, stream: &Real<B>) -> Real<B> {
        self.norm::<B>(stream, &weights.norm)
    }

    /// The logits `[rows, vocab]` of rows of the final norm's output.
    pub(crate) fn head<B: Blocks<Plain = P>>(&self, weights: &Weights<Real<B>>, hidden: &Real<B>) -> Real<B> {
        <B as Blocks>::linear(hidden, weights.head(), self.head_form(), weights.head_bias.as_ref(), None)
    }
}
