//! The blocks on tensors that nothing tracks: no state is kept for a backward pass.

use super::{Blocks, Heads, Kernels, Layout, Real};

impl<B: Kernels> Blocks for B {
    type Plain = B;

    fn constant(x: Real<B>) -> Real<B> {
        x
    }

    fn gather(table: &Real<B>, indices: &[u32]) -> Real<B> {
        B::pick_rows(table, indices)
    }

    fn add(a: Real<B>, b: Real<B>) -> Real<B> {
        B::float_add(a, b)
    }

    fn layer_norm(x: &Real<B>, gain: &Real<B>, bias: &Real<B>, epsilon: f32) -> Real<B> {
        B::normalise(x, gain, bias, epsilon).0
    }

    fn linear(x: &Real<B>, weight: &Real<B>, bias: &Real<B>) -> Real<B> {
        B::affine(x, weight, bias, None)
    }

    fn linear_residual(x: &Real<B>, weight: &Real<B>, bias: &Real<B>, residual: &Real<B>) -> Real<B> {
        B::affine(x, weight, bias, Some(residual))
    }

    fn linear_gelu(x: &Real<B>, weight: &Real<B>, bias: &Real<B>) -> Real<B> {
        B::affine_gelu(x, weight, bias, false).0
    }

    fn attention(qkv: &Real<B>, heads: Heads, layout: &Layout) -> Real<B> {
        B::attend(qkv, heads, layout).0
    }

    fn head(x: &Real<B>, table: &Real<B>) -> Real<B> {
        B::product(x, false, table, true)
    }
}
