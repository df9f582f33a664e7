//! Burn's `Dispatch`, whose sequences are padded to one width, and what earlier positions leave behind there.
//!
//! `Dispatch` rather than the CUDA backend itself because it is compiled already, in its own crate: with the other this
//! crate takes minutes longer to build. It also runs on the CPU, where the tests compare it with the fused operations.

use burn_dispatch::Dispatch;
use burn_tensor::Tensor;
use burn_tensor::backend::Backend;

use super::composed::{close, grouped, indices, merge, probabilities, split, ungrouped};
use super::contract::Kernels;
use super::host::heads::Heads;
use super::operands::Real;
use crate::layout::Layout;

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

impl Kernels for Dispatch {
    type Memory = PaddedMemory<Self>;

    const RAGGED: bool = false;

    fn memory(_sequences: usize) -> Self::Memory {
        PaddedMemory::new()
    }

    fn attend_cached(qkv: &Real<Self>, heads: Heads, layout: &Layout, memory: &mut Self::Memory) -> Real<Self> {
        memory.attend(qkv, heads, layout)
    }

    fn retain(memory: &mut Self::Memory, kept: &[usize]) {
        memory.retain(kept);
    }

    fn join(memory: &mut Self::Memory, other: Self::Memory) {
        memory.join(other);
    }
}
