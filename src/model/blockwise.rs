//! The gradients of a batch block by block (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"): the forward pass
//! keeps the residual stream before each block and nothing else, and the backward pass runs each block once more, with what its
//! gradient needs. What is dropped is decided by counters, so that both passes drop the same.

use burn::tensor::backend::AutodiffBackend;

use super::device::DeviceError;
use super::forward::Pass;
use super::kernels::{Kernels, Real, Tracked, fed};
use super::learn::{Carrying, EMBEDDING, add_to, leaf};
use super::network::Network;

impl<B: Kernels> Network<B> {
    /// Adds the gradients of one batch to `grads` and returns its fraction of the loss; `ids` are the tokens of its rows.
    pub(super) fn accumulate_by_blocks(
        &self,
        pass: &Pass<'_, B>,
        ids: &[u32],
        carrying: Carrying<'_>,
        grads: &mut [Option<Real<B>>],
    ) -> Result<f64, DeviceError> {
        type T<B> = Tracked<B>;
        let places = self.parameters(&(0..self.values.len()).collect::<Vec<usize>>());
        let plain = self.parameters(&self.values);
        let embedded = B::pick_rows(&self.values[EMBEDDING], ids);
        let mut streams = vec![pass.stream::<B>(&plain, embedded.clone())];
        for (layer, block) in plain.blocks.iter().enumerate() {
            streams.push(pass.one_block::<B>(layer, block, streams[layer].clone()));
        }
        drop(plain);

        // Whether anything learns before each block, and before the head.
        let first = places.project_in.iter().flat_map(|project| std::iter::once(&project.weight).chain(&project.bias));
        let mut learned = [&places.token_embedding].into_iter().chain(&places.position_embedding).chain(first);
        let mut before = vec![learned.any(|&i| self.learns(i))];
        for block in &places.blocks {
            let mut learns = false;
            block.map(&mut |&i| learns |= self.learns(i));
            before.push(before[before.len() - 1] || learns);
        }

        // The head: the root of all gradients.
        let leaves: Vec<Real<T<B>>> = (0..self.values.len()).map(|i| self.leaf(i)).collect();
        let layers = places.blocks.len();
        let mut next = |layer: usize| streams.pop().map(|stream| leaf::<B>(&stream, before[layer]));
        let Some(stream) = next(layers) else { return Ok(f64::NAN) };
        let weights = self.parameters(&leaves);
        let hidden = pass.normed::<T<B>>(&weights, &stream);
        let loss = carrying.loss::<B>(pass, &weights, &hidden);
        drop((hidden, weights));
        let value = loss.primitive.clone();
        let mut made = T::<B>::backward(loss);
        for (slot, leaf) in grads.iter_mut().zip(&leaves) {
            add_to::<B>(slot, T::<B>::grad_remove(leaf, &mut made));
        }
        let mut above = T::<B>::grad_remove(&stream, &mut made);
        drop((made, leaves, stream));

        for (layer, block) in places.blocks.iter().enumerate().rev() {
            let (Some(grad), Some(stream)) = (above.take(), next(layer)) else { break };
            let mut leaves = Vec::new();
            let block = block.map(&mut |&i| {
                let leaf = self.leaf(i);
                leaves.push((i, leaf.clone()));
                leaf
            });
            let out = pass.one_block::<T<B>>(layer, &block, stream.clone());
            drop(block);
            let root = fed::<B>(&out, grad);
            drop(out);
            let mut made = T::<B>::backward(root);
            for (i, leaf) in &leaves {
                add_to::<B>(&mut grads[*i], T::<B>::grad_remove(leaf, &mut made));
            }
            above = T::<B>::grad_remove(&stream, &mut made);
        }

        if let Some(grad) = above {
            let embedded = leaf::<B>(&embedded, self.learns(EMBEDDING));
            let leaves: Vec<Real<T<B>>> = (0..self.values.len()).map(|i| self.leaf(i)).collect();
            let out = pass.stream::<T<B>>(&self.parameters(&leaves), embedded.clone());
            let mut made = T::<B>::backward(fed::<B>(&out, grad));
            drop(out);
            for (slot, leaf) in grads.iter_mut().zip(&leaves) {
                add_to::<B>(slot, T::<B>::grad_remove(leaf, &mut made));
            }
            if let Some(grad) = T::<B>::grad_remove(&embedded, &mut made) {
                self.add_embedded(&grad, ids, grads);
            }
        }
        Ok(self.read(value)?.first().copied().map_or(f64::NAN, f64::from))
    }
}
