//! CUDA, through Burn's `Dispatch`: compositions of Burn operations, which its fusion turns into few kernels.
//!
//! `Dispatch` rather than the CUDA backend itself because it is compiled already, in its own crate: with the other this
//! crate takes minutes longer to build. It also runs on the CPU, where the tests hold it against the fused operations.

use burn::Dispatch;
use burn::tensor::FloatDType;
use burn::tensor::ops::FloatTensorOps;

use super::composed;
use super::distributions;
use super::padded::PaddedMemory;
use super::{Activation, AdamWStep, AffineGrads, Dropout, Form, Heads, Kernels, Layout, Normal, Real, Turn, Wanted};

impl Kernels for Dispatch {
    type Memory = PaddedMemory<Self>;

    const RAGGED: bool = false;

    fn normalise(
        x: &Real<Self>,
        gain: &Real<Self>,
        bias: Option<&Real<Self>>,
        normal: Normal,
    ) -> (Real<Self>, Real<Self>) {
        composed::normalise::<Self>(x, gain, bias, normal)
    }

    fn normalise_backward(
        grad: Real<Self>,
        x: &Real<Self>,
        stats: &Real<Self>,
        gain: &Real<Self>,
        normal: Normal,
        wanted: Wanted,
    ) -> AffineGrads<Self> {
        composed::normalise_backward(&grad, x, stats, gain, normal, wanted)
    }

    fn affine(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: Option<&Real<Self>>,
        residual: Option<&Real<Self>>,
    ) -> Real<Self> {
        composed::affine::<Self>(x, weight, form, bias, residual)
    }

    fn affine_backward(
        grad: &Real<Self>,
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        wanted: Wanted,
    ) -> AffineGrads<Self> {
        composed::affine_backward(grad, x, weight, form, wanted)
    }

    fn affine_activated(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: &Real<Self>,
        activation: Activation,
        slope: bool,
    ) -> (Real<Self>, Option<Real<Self>>) {
        composed::affine_activated::<Self>(x, weight, form, bias, activation, slope)
    }

    fn multiply(a: Real<Self>, b: &Real<Self>) -> Real<Self> {
        Self::float_mul(a, b.clone())
    }

    fn gated(x: &Real<Self>, activation: Activation) -> Real<Self> {
        composed::gated::<Self>(x, activation)
    }

    fn gated_backward(grad: &Real<Self>, x: &Real<Self>, activation: Activation) -> Real<Self> {
        composed::gated_backward::<Self>(grad, x, activation)
    }

    fn rotate(qkv: Real<Self>, heads: Heads, turn: &Turn<Self>, backwards: bool) -> Real<Self> {
        composed::rotate(&qkv, heads, turn, backwards)
    }

    fn dropped(x: Real<Self>, dropout: Dropout) -> Real<Self> {
        composed::dropped::<Self>(&x, dropout)
    }

    fn attend(qkv: &Real<Self>, heads: Heads, layout: &Layout, dropout: Option<Dropout>) -> (Real<Self>, Real<Self>) {
        composed::attend::<Self>(qkv, heads, layout, dropout)
    }

    fn attend_backward(
        grad: &Real<Self>,
        qkv: &Real<Self>,
        _out: &Real<Self>,
        kept: &Real<Self>,
        heads: Heads,
        layout: &Layout,
        dropout: Option<Dropout>,
    ) -> Real<Self> {
        composed::attend_backward::<Self>(grad, qkv, kept, heads, layout, dropout)
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

    fn join(memory: &mut Self::Memory, other: Self::Memory) {
        memory.join(other);
    }

    fn pick_rows(table: &Real<Self>, indices: &[u32]) -> Real<Self> {
        composed::pick_rows::<Self>(table, indices)
    }

    fn add_rows(table: Real<Self>, x: &Real<Self>, indices: &[u32]) -> Real<Self> {
        composed::add_rows::<Self>(&table, x, indices)
    }

    fn zero_rows(height: usize, width: usize, device: &Self::Device) -> Real<Self> {
        Self::float_zeros([height, width].into(), device, FloatDType::F32)
    }

    fn cross_entropy(
        logits: Real<Self>,
        targets: &[u32],
        weights: Option<&[f32]>,
        scale: f32,
    ) -> (Real<Self>, Real<Self>) {
        composed::cross_entropy::<Self>(&logits, targets, weights, scale)
    }

    fn pick_columns(x: &Real<Self>, columns: &[u32]) -> Real<Self> {
        distributions::pick_columns::<Self>(x, columns)
    }

    fn survey(logits: &Real<Self>, finals: &Real<Self>, chosen: &Real<Self>) -> Real<Self> {
        distributions::survey::<Self>(logits, finals, chosen)
    }

    fn divergence_backward(logits: Real<Self>, finals: &Real<Self>, sums: &Real<Self>) -> Real<Self> {
        distributions::divergence_backward::<Self>(&logits, finals, sums)
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
