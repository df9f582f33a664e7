//! Attention over long sequences a block of queries at a time, for any backend: no probabilities are kept, and the backward pass
//! makes those of each block again, so that memory grows with the length of a sequence and not with its square.

use std::ops::Range;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::composed::{close, grouped, merge, open, probabilities, split, ungrouped};
use super::host::dropout;
use super::{Dropout, Heads, Layout, Real};

/// Sequences longer than this are long.
const LONG: usize = 1024;
/// Queries of a block.
const BLOCK: usize = 256;

/// Whether sequences are long.
pub(super) fn is_long(layout: &Layout) -> bool {
    width_of(layout) > LONG
}

fn width_of(layout: &Layout) -> usize {
    layout.width.unwrap_or(layout.tokens)
}

/// What attention is over.
struct Long<'a, B: Backend> {
    queries: Tensor<B, 4>,
    keys: Tensor<B, 4>,
    values: Tensor<B, 4>,
    heads: Heads,
    layout: &'a Layout,
    dropout: Option<Dropout>,
}

impl<'a, B: Backend> Long<'a, B> {
    fn new(qkv: &Real<B>, heads: Heads, layout: &'a Layout, dropout: Option<Dropout>) -> Self {
        let [queries, keys, values] = split::<B>(qkv, heads, width_of(layout));
        Self { queries, keys, values, heads, layout, dropout }
    }

    /// The blocks of queries: a query of one sees keys up to the end of its block.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<B> {
        let width = width_of(self.layout);
        (0..width).step_by(BLOCK).map(move |from| from..(from + BLOCK).min(width))
    }

    /// The probabilities of a block `[batch, heads, block, keys]`, and by what dropping multiplies them.
    fn probabilities(&self, block: &Range<usize>) -> (Tensor<B, 4>, Option<Tensor<B, 4>>) {
        let queries = self.queries.clone().narrow(2, block.start, block.len());
        let seen = probabilities(queries, self.keys.clone().narrow(2, 0, block.end), self.heads, &self.layout.pads());
        (seen, self.dropout.map(|dropout| self.drops(block, dropout)))
    }

    fn drops(&self, block: &Range<usize>, dropout: Dropout) -> Tensor<B, 4> {
        let (batch, heads) = (self.layout.spans.len(), self.heads.count);
        let mut mask = vec![0.0; batch * heads * block.len() * block.end];
        let pads = self.layout.pads();
        for (i, mask) in mask.chunks_exact_mut(block.len() * block.end).enumerate() {
            let (sequence, head) = (i / heads, i % heads);
            dropout::block_mask(mask, sequence, head, block, pads[sequence], dropout);
        }
        Tensor::from_data(TensorData::new(mask, [batch, heads, block.len(), block.end]), &self.values.device())
    }
}

fn masked<B: Backend>(x: Tensor<B, 4>, mask: Option<&Tensor<B, 4>>) -> Tensor<B, 4> {
    match mask {
        Some(mask) => x * mask.clone(),
        None => x,
    }
}

pub(super) fn attend<B: Backend>(
    qkv: &Real<B>,
    heads: Heads,
    layout: &Layout,
    dropout: Option<Dropout>,
) -> (Real<B>, Real<B>) {
    let long = Long::<B>::new(qkv, heads, layout, dropout);
    let of_block = |block: Range<usize>| {
        let (seen, mask) = long.probabilities(&block);
        let used = grouped(masked(seen, mask.as_ref()), heads);
        ungrouped(used.matmul(long.values.clone().narrow(2, 0, block.end)), heads)
    };
    let out = Tensor::cat(long.blocks().map(of_block).collect(), 2);
    let nothing = Tensor::<B, 1>::zeros([1], &long.values.device());
    (close(merge(out)), close(nothing))
}

pub(super) fn attend_backward<B: Backend>(
    grad: &Real<B>,
    qkv: &Real<B>,
    heads: Heads,
    layout: &Layout,
    dropout: Option<Dropout>,
) -> Real<B> {
    let long = Long::<B>::new(qkv, heads, layout, dropout);
    let [batch, count, width, head] = long.queries.dims();
    let grad = open::<B, 2>(grad).reshape([batch, width, count, head]).swap_dims(1, 2);
    let (mut of_keys, mut of_values) = (long.keys.zeros_like(), long.values.zeros_like());
    let mut of_queries = Vec::new();
    for block in long.blocks() {
        let (seen, mask) = long.probabilities(&block);
        let queries = long.queries.clone().narrow(2, block.start, block.len());
        let keys = long.keys.clone().narrow(2, 0, block.end);
        let values = long.values.clone().narrow(2, 0, block.end);
        let grad = grouped(grad.clone().narrow(2, block.start, block.len()), heads);
        let used = grouped(masked(seen.clone(), mask.as_ref()), heads);
        of_values = added(of_values, used.swap_dims(2, 3).matmul(grad.clone()));
        let gradients = masked(ungrouped(grad.matmul(values.swap_dims(2, 3)), heads), mask.as_ref());
        let weighted = seen.clone() * gradients;
        let total = weighted.clone().sum_dim(3);
        let mut gradients = (weighted - seen * total) * heads.scale;
        if let Some(cap) = heads.cap {
            gradients = gradients * super::composed::cap_gradients(queries.clone(), keys.clone(), heads, cap);
        }
        let gradients = grouped(gradients, heads);
        of_queries.push(ungrouped(gradients.clone().matmul(keys), heads));
        of_keys = added(of_keys, gradients.swap_dims(2, 3).matmul(grouped(queries, heads)));
    }
    let of_queries = Tensor::cat(of_queries, 2);
    close(Tensor::cat(vec![merge(of_queries), merge(of_keys), merge(of_values)], 1))
}

/// Adds to the first rows of `total` `[batch, key heads, width, head width]`.
fn added<B: Backend>(total: Tensor<B, 4>, part: Tensor<B, 4>) -> Tensor<B, 4> {
    let [batch, heads, rows, head] = part.dims();
    let first = total.clone().narrow(2, 0, rows) + part;
    total.slice_assign([0..batch, 0..heads, 0..rows, 0..head], first)
}
