//! CUDA, through Burn's `Dispatch`: compositions of Burn operations, which its fusion turns into few kernels.
//!
//! `Dispatch` rather than the CUDA backend itself because it is compiled already, in its own crate: with the other this
//! crate takes minutes longer to build. It also runs on the CPU, where the tests hold it against the fused operations.

use burn::Dispatch;

use super::composed::{self, PaddedMemory};
use super::{AdamWStep, AffineGrads, Heads, Kernels, Layout, Real, Wanted};

impl Kernels for Dispatch {
    type Memory = PaddedMemory<Self>;

    const RAGGED: bool = false;

    fn normalise(x: &Real<Self>, gain: &Real<Self>, bias: &Real<Self>, epsilon: f32) -> (Real<Self>, Real<Self>) {
        composed::normalise::<Self>(x, gain, bias, epsilon)
    }

    fn normalise_backward(
        grad: Real<Self>,
        x: &Real<Self>,
        stats: &Real<Self>,
        gain: &Real<Self>,
        wanted: Wanted,
    ) -> AffineGrads<Self> {
        composed::normalise_backward(&grad, x, stats, gain, wanted)
    }

    fn affine(x: &Real<Self>, weight: &Real<Self>, bias: &Real<Self>, residual: Option<&Real<Self>>) -> Real<Self> {
        composed::affine::<Self>(x, weight, bias, residual)
    }

    fn affine_backward(grad: &Real<Self>, x: &Real<Self>, weight: &Real<Self>, wanted: Wanted) -> AffineGrads<Self> {
        composed::affine_backward(grad, x, weight, wanted)
    }

    fn affine_gelu(
        x: &Real<Self>,
        weight: &Real<Self>,
        bias: &Real<Self>,
        slope: bool,
    ) -> (Real<Self>, Option<Real<Self>>) {
        composed::affine_gelu::<Self>(x, weight, bias, slope)
    }

    fn multiply(a: Real<Self>, b: &Real<Self>) -> Real<Self> {
        use burn::tensor::ops::FloatTensorOps;
        Self::float_mul(a, b.clone())
    }

    fn attend(qkv: &Real<Self>, heads: Heads, layout: &Layout) -> (Real<Self>, Real<Self>) {
        composed::attend::<Self>(qkv, heads, layout)
    }

    fn attend_backward(
        grad: &Real<Self>,
        qkv: &Real<Self>,
        _out: &Real<Self>,
        kept: &Real<Self>,
        heads: Heads,
        layout: &Layout,
    ) -> Real<Self> {
        composed::attend_backward::<Self>(grad, qkv, kept, heads, layout)
    }

    fn memory(_sequences: usize) -> Self::Memory {
        PaddedMemory::new()
    }

    fn attend_cached(qkv: &Real<Self>, heads: Heads, layout: &Layout, memory: &mut Self::Memory) -> Real<Self> {
        memory.attend(qkv, heads, layout)
    }

    fn retain(memory: &mut Self::Memory, kept: &[usize]) {
        memory.retain(kept);
    }

    fn pick_rows(table: &Real<Self>, indices: &[u32]) -> Real<Self> {
        composed::pick_rows::<Self>(table, indices)
    }

    fn add_rows(x: &Real<Self>, indices: &[u32], height: usize) -> Real<Self> {
        composed::add_rows::<Self>(x, indices, height)
    }

    fn product(a: &Real<Self>, a_transposed: bool, b: &Real<Self>, b_transposed: bool) -> Real<Self> {
        composed::product::<Self>(a, a_transposed, b, b_transposed)
    }

    fn cross_entropy(logits: Real<Self>, targets: &[u32], scale: f32) -> (Real<Self>, Real<Self>) {
        composed::cross_entropy::<Self>(&logits, targets, scale)
    }

    fn sum_squares(tensors: &[Real<Self>]) -> f64 {
        composed::sum_squares::<Self>(tensors)
    }

    fn adamw(
        weight: Real<Self>,
        grad: &Real<Self>,
        first: Real<Self>,
        second: Real<Self>,
        step: &AdamWStep,
    ) -> (Real<Self>, Real<Self>, Real<Self>) {
        composed::adamw::<Self>(weight, grad, first, second, step)
    }
}
