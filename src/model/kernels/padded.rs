//! What earlier positions leave behind, on backends whose sequences are padded to one width.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::composed::{close, grouped, indices, merge, probabilities, split, ungrouped};
use super::{Heads, Layout, Real};

/// Keys and values of one layer, padded to one width.
#[derive(Debug)]
pub(crate) struct PaddedMemory<B: Backend> {
    past: Option<(Tensor<B, 4>, Tensor<B, 4>)>,
    pads: Vec<usize>,
}

impl<B: Backend> PaddedMemory<B> {
    pub(super) fn new() -> Self {
        Self { past: None, pads: Vec::new() }
    }

    /// Attention of new positions; the first call decides where each sequence begins.
    pub(super) fn attend(&mut self, qkv: &Real<B>, heads: Heads, layout: &Layout) -> Real<B> {
        let [queries, mut keys, mut values] = split::<B>(qkv, heads, layout.width.unwrap_or(layout.tokens));
        match self.past.take() {
            None => self.pads = layout.pads(),
            Some((past_keys, past_values)) => {
                keys = Tensor::cat(vec![past_keys, keys], 2);
                values = Tensor::cat(vec![past_values, values], 2);
            }
        }
        let probabilities = probabilities(queries, keys.clone(), heads, &self.pads);
        let out = merge(ungrouped(grouped(probabilities, heads).matmul(values.clone()), heads));
        self.past = Some((keys, values));
        close(out)
    }

    pub(super) fn retain(&mut self, kept: &[usize]) {
        self.pads = kept.iter().map(|&b| self.pads[b]).collect();
        if let Some((keys, values)) = self.past.take() {
            let rows: Vec<u32> = kept.iter().map(|&b| b as u32).collect();
            let rows = indices::<B>(&rows, &keys.device());
            self.past = Some((keys.select(0, rows.clone()), values.select(0, rows)));
        }
    }

    /// Adds the sequences of another memory; whichever has fewer positions is padded before them.
    pub(super) fn join(&mut self, other: Self) {
        let Some((other_keys, other_values)) = other.past else { return };
        let Some((keys, values)) = self.past.take() else {
            (self.past, self.pads) = (Some((other_keys, other_values)), other.pads);
            return;
        };
        let (own, others) = (keys.dims()[2], other_keys.dims()[2]);
        let width = own.max(others);
        let padded = |x: Tensor<B, 4>| {
            let [batch, heads, positions, head] = x.dims();
            if positions == width {
                return x;
            }
            Tensor::cat(vec![Tensor::zeros([batch, heads, width - positions, head], &x.device()), x], 2)
        };
        self.past = Some((
            Tensor::cat(vec![padded(keys), padded(other_keys)], 0),
            Tensor::cat(vec![padded(values), padded(other_values)], 0),
        ));
        self.pads.iter_mut().for_each(|pad| *pad += width - own);
        self.pads.extend(other.pads.into_iter().map(|pad| pad + width - others));
    }
}
