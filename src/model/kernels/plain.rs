//! The blocks on tensors that nothing tracks: no state is kept for a backward pass.

use super::{Activation, Blocks, Dropout, Form, Heads, Kernels, Layout, Normal, Real, Rotation};

impl<B: Kernels> Blocks for B {
    type Plain = B;

    fn constant(x: Real<B>) -> Real<B> {
        x
    }

    fn gather(table: &Real<B>, indices: &[u32]) -> Real<B> {
        B::pick_rows(table, indices)
    }

    fn norm(x: &Real<B>, gain: &Real<B>, bias: Option<&Real<B>>, normal: Normal) -> Real<B> {
        B::normalise(x, gain, bias, normal).0
    }

    fn linear(
        x: &Real<B>,
        weight: &Real<B>,
        form: Form,
        bias: Option<&Real<B>>,
        residual: Option<&Real<B>>,
    ) -> Real<B> {
        B::affine(x, weight, form, bias, residual)
    }

    fn linear_activated(x: &Real<B>, weight: &Real<B>, form: Form, bias: &Real<B>, activation: Activation) -> Real<B> {
        B::affine_activated(x, weight, form, bias, activation, false).0
    }

    fn gated(x: &Real<B>, activation: Activation) -> Real<B> {
        <B as Kernels>::gated(x, activation)
    }

    fn rotate(qkv: Real<B>, heads: Heads, rotation: &Rotation<B>) -> Real<B> {
        <B as Kernels>::rotate(qkv, heads, rotation, false)
    }

    fn dropped(x: Real<B>, dropout: Dropout) -> Real<B> {
        <B as Kernels>::dropped(x, dropout)
    }

    fn attention(qkv: &Real<B>, heads: Heads, layout: &Layout, dropout: Option<Dropout>) -> Real<B> {
        B::attend(qkv, heads, layout, dropout).0
    }
}
