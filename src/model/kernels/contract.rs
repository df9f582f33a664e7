//! What a backend does for a transformer, and what a decoder calls.
//!
//! A backend need not have an operation of its own: each is put together from Burn's here, and a backend that can do better
//! says how. So too with [`Blocks`]: what is put together from Burn's operations alone is written once, since Burn knows its
//! gradient.

use burn_tensor::backend::Backend;
use burn_tensor::{FloatDType, TensorMetadata};

use super::host::dropout::Dropout;
use super::host::heads::Heads;
use super::host::moments::Narrow;
use super::host::norm::Normal;
use super::host::pointwise::Activation;
use super::operands::{AdamWStep, AffineGrads, Form, Real, RequiresGrad, Rotation, Shaping, Targets};
use super::{composed, confidence, distributions, long, narrow_moments, taught};
use crate::divergence::Taught;
use crate::layout::Layout;

/// A backend's operations and their gradients.
pub(crate) trait Kernels: Backend {
    /// Keys and values of one layer for every sequence of a batch, as far as generation has got.
    type Memory: Send;

    /// Whether sequences may lie one after the other without padding.
    const RAGGED: bool;

    /// Normalises the rows of `x` `[tokens, width]`; also the means and scales, `[tokens, 2]`, for the gradient.
    fn normalise(
        x: &Real<Self>,
        gain: &Real<Self>,
        bias: Option<&Real<Self>>,
        normal: Normal,
    ) -> (Real<Self>, Real<Self>) {
        composed::normalise::<Self>(x, gain, bias, normal)
    }

    /// The gradients of [`normalise`](Self::normalise).
    fn normalise_backward(
        grad: Real<Self>,
        x: &Real<Self>,
        stats: &Real<Self>,
        gain: &Real<Self>,
        normal: Normal,
        required: RequiresGrad,
    ) -> AffineGrads<Self> {
        composed::normalise_backward(&grad, x, stats, gain, normal, required)
    }

    /// `x · weight (+ bias) (+ residual)`, with `x` `[tokens, in]`.
    fn affine(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: Option<&Real<Self>>,
        residual: Option<&Real<Self>>,
    ) -> Real<Self> {
        composed::affine::<Self>(x, weight, form, bias, residual)
    }

    /// The gradients of [`affine`](Self::affine), but that of the residual, which is `grad` itself.
    fn affine_backward(
        grad: &Real<Self>,
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        required: RequiresGrad,
    ) -> AffineGrads<Self> {
        composed::affine_backward(grad, x, weight, form, required)
    }

    /// `activation(x · weight + bias)` and, if asked, its gradient at each element.
    fn affine_activated(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: &Real<Self>,
        activation: Activation,
        gradient: bool,
    ) -> (Real<Self>, Option<Real<Self>>) {
        composed::affine_activated::<Self>(x, weight, form, bias, activation, gradient)
    }

    /// `a · b`, element by element.
    fn multiply(a: Real<Self>, b: &Real<Self>) -> Real<Self> {
        Self::float_mul(a, b.clone())
    }

    /// `activation(gate) · up` of `x` `[tokens, 2 · inner]`, gates left, ups right: `[tokens, inner]`.
    fn gated(x: &Real<Self>, activation: Activation) -> Real<Self> {
        composed::gated::<Self>(x, activation)
    }

    /// The gradient of [`gated`](Self::gated).
    fn gated_backward(grad: &Real<Self>, x: &Real<Self>, activation: Activation) -> Real<Self> {
        composed::gated_backward::<Self>(grad, x, activation)
    }

    /// Rotates the queries and keys of `qkv`; backwards, by the negative angles, for the gradient.
    fn rotate(qkv: Real<Self>, heads: Heads, rotation: &Rotation<Self>, backwards: bool) -> Real<Self> {
        composed::rotate(&qkv, heads, rotation, backwards)
    }

    /// Drops elements of `x` `[tokens, width]` and scales the others up; its own gradient.
    fn dropped(x: Real<Self>, dropout: Dropout) -> Real<Self> {
        composed::dropped::<Self>(&x, dropout)
    }

    /// Causal self-attention `[tokens, qkv]` to `[tokens, queries]`, and what its gradient needs beside the two.
    fn attend(qkv: &Real<Self>, heads: Heads, layout: &Layout, dropout: Option<Dropout>) -> (Real<Self>, Real<Self>) {
        if long::is_long(layout) {
            return long::attend::<Self>(qkv, heads, layout, dropout);
        }
        composed::attend::<Self>(qkv, heads, layout, dropout)
    }

    /// The gradient of [`attend`](Self::attend).
    fn attend_backward(
        grad: &Real<Self>,
        qkv: &Real<Self>,
        _out: &Real<Self>,
        kept: &Real<Self>,
        heads: Heads,
        layout: &Layout,
        dropout: Option<Dropout>,
    ) -> Real<Self> {
        if long::is_long(layout) {
            return long::attend_backward::<Self>(grad, qkv, heads, layout, dropout);
        }
        composed::attend_backward::<Self>(grad, qkv, kept, heads, layout, dropout)
    }

    /// An empty memory for `sequences` sequences.
    fn memory(sequences: usize) -> Self::Memory;

    /// Attention of new positions over `memory`, which they join.
    fn attend_cached(qkv: &Real<Self>, heads: Heads, layout: &Layout, memory: &mut Self::Memory) -> Real<Self>;

    /// Keeps only the sequences at `kept`, ascending.
    fn retain(memory: &mut Self::Memory, kept: &[usize]);

    /// Adds the sequences of another memory after those of `memory`; their positions may be more or fewer.
    fn join(memory: &mut Self::Memory, other: Self::Memory);

    /// The rows of `table` `[height, width]` at `indices`.
    fn pick_rows(table: &Real<Self>, indices: &[u32]) -> Real<Self> {
        composed::pick_rows::<Self>(table, indices)
    }

    /// `table` `[height, width]` with the rows of `x` added at `indices`.
    fn add_rows(table: Real<Self>, x: &Real<Self>, indices: &[u32]) -> Real<Self> {
        composed::add_rows::<Self>(&table, x, indices)
    }

    /// A `[height, width]` matrix of zeros.
    fn zero_rows(height: usize, width: usize, device: &Self::Device) -> Real<Self> {
        Self::float_zeros([height, width].into(), device, FloatDType::F32)
    }

    /// The sum of the cross-entropies of `logits` `[rows, vocab]`, each times its row's weight (1 without `weights`), times
    /// `scale`, `[1]`, and its gradient.
    fn cross_entropy(
        logits: Real<Self>,
        targets: &[u32],
        weights: Option<&[f32]>,
        scale: f32,
    ) -> (Real<Self>, Real<Self>) {
        composed::cross_entropy::<Self>(&logits, targets, weights, scale)
    }

    /// The sum over rows of (1 − weight) · cross-entropy + weight · T² · divergence from what a teacher says, each times its row's
    /// weight, times the scale, `[1]`, and its gradient.
    fn taught(logits: Real<Self>, targets: Targets<'_>, by: Taught<'_>) -> (Real<Self>, Real<Self>) {
        taught::taught::<Self>(&logits, targets, by)
    }

    /// The probability of each row's target by `logits` `[rows, vocab]`.
    fn target_probabilities(logits: &Real<Self>, targets: &[u32]) -> Vec<f32> {
        confidence::target_probabilities::<Self>(logits, targets)
    }

    /// The gradient of [`shaped`](Blocks::shaped), from that of what it gave, which is at hand.
    fn shaped_backward(gradient: &Real<Self>, shaped: &Real<Self>, shaping: Shaping) -> Real<Self> {
        composed::shaped_backward::<Self>(gradient, shaped, shaping)
    }

    /// The elements of `x` `[rows, width]` at one column for each row, `[rows, 1]`.
    fn pick_columns(x: &Real<Self>, columns: &[u32]) -> Real<Self> {
        distributions::pick_columns::<Self>(x, columns)
    }

    /// What each row of `logits` `[rows, columns]`, a part of the vocabulary or all of it, says beside the same row of
    /// `finals`: `[rows, blocks · SURVEY]`, the numbers of blocks that follow each other. `chosen` `[rows, 1]` is the logit of
    /// the row's target.
    fn survey(logits: &Real<Self>, finals: &Real<Self>, chosen: &Real<Self>) -> Real<Self> {
        distributions::survey::<Self>(logits, finals, chosen)
    }

    /// The gradient in `logits` `[rows, columns]`, a part of the vocabulary or all of it, of the divergence of the
    /// distributions of `finals` from theirs. `sums` `[rows, 4]` says of whole rows: the largest logit, and what the
    /// exponential of what a logit is below it is multiplied by to be a probability times a factor; then both of `finals`.
    fn divergence_backward(logits: Real<Self>, finals: &Real<Self>, sums: &Real<Self>) -> Real<Self> {
        distributions::divergence_backward::<Self>(&logits, finals, sums)
    }

    /// The sum of the squares of all elements of all tensors.
    fn sum_squares(tensors: &[Real<Self>]) -> f64 {
        composed::sum_squares::<Self>(tensors)
    }

    /// One step of AdamW on one tensor; gives back weight, first and second moment.
    fn adamw(
        weight: Real<Self>,
        grad: &Real<Self>,
        first: Real<Self>,
        second: Real<Self>,
        step: &AdamWStep,
    ) -> (Real<Self>, Real<Self>, Real<Self>) {
        composed::adamw::<Self>(weight, grad, first, second, step)
    }

    /// As [`adamw`](Self::adamw), with moments that are kept narrow, in the memory of the host.
    fn adamw_narrow(
        weight: Real<Self>,
        grad: &Real<Self>,
        first: &mut Narrow,
        second: &mut Narrow,
        step: &AdamWStep,
    ) -> Real<Self> {
        narrow_moments::adamw::<Self>(weight, first, second, |weight, first, second| {
            Self::adamw(weight, grad, first, second, step)
        })
    }
}

/// The operations as a decoder calls them, tracked or not.
pub(crate) trait Blocks: Backend {
    /// The backend that does the arithmetic.
    type Plain: Kernels<Device = Self::Device>;

    /// Takes a plain tensor as a constant.
    fn constant(x: Real<Self::Plain>) -> Real<Self>;
    /// The rows of `table` at `indices`.
    fn gather(table: &Real<Self>, indices: &[u32]) -> Real<Self>;
    /// The sum of two tensors of one shape.
    fn add(a: Real<Self>, b: Real<Self>) -> Real<Self> {
        Self::float_add(a, b)
    }
    /// A tensor times a number.
    fn scale(x: Real<Self>, factor: f32) -> Real<Self> {
        Self::float_mul_scalar(x, factor.into())
    }
    /// What logits become.
    fn shaped(logits: Real<Self>, shaping: Option<Shaping>) -> Real<Self> {
        match shaping {
            None => logits,
            Some(Shaping { scale, cap: None }) => Self::scale(logits, scale),
            Some(Shaping { scale, cap: Some(cap) }) => {
                Self::scale(Self::float_tanh(Self::scale(logits, scale / cap)), cap)
            }
        }
    }
    /// Normalises the queries and the keys of `qkv`, each by a gain as wide as what is normalised at once: a head, or all of
    /// them.
    fn norm_heads(qkv: &Real<Self>, [queries, keys]: &[Real<Self>; 2], heads: Heads, normal: Normal) -> Real<Self> {
        let tokens = qkv.shape()[0];
        let part = |from: usize, width: usize| {
            Self::float_slice(qkv.clone(), &[(0..tokens).into(), (from..from + width).into()])
        };
        let normed = |from: usize, width: usize, gain: &Real<Self>| {
            let each = gain.shape()[0];
            let rows = Self::float_reshape(part(from, width), [tokens * width / each, each].into());
            Self::float_reshape(Self::norm(&rows, gain, None, normal), [tokens, width].into())
        };
        let (first, second) = (heads.query_width(), heads.kv_width());
        let parts = vec![normed(0, first, queries), normed(first, second, keys), part(first + second, second)];
        Self::float_cat(parts, 1)
    }
    /// Normalisation of rows.
    fn norm(x: &Real<Self>, gain: &Real<Self>, bias: Option<&Real<Self>>, normal: Normal) -> Real<Self>;
    /// `x · weight (+ bias) (+ residual)`.
    fn linear(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: Option<&Real<Self>>,
        residual: Option<&Real<Self>>,
    ) -> Real<Self>;
    /// `activation(x · weight + bias)`.
    fn linear_activated(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: &Real<Self>,
        activation: Activation,
    ) -> Real<Self>;
    /// `activation(gate) · up` of gates and ups side by side.
    fn gated(x: &Real<Self>, activation: Activation) -> Real<Self>;
    /// Rotates queries and keys.
    fn rotate(qkv: Real<Self>, heads: Heads, rotation: &Rotation<Self::Plain>) -> Real<Self>;
    /// Drops elements.
    fn dropped(x: Real<Self>, dropout: Dropout) -> Real<Self>;
    /// Causal self-attention within the sequences of `layout`.
    fn attention(qkv: &Real<Self>, heads: Heads, layout: &Layout, dropout: Option<Dropout>) -> Real<Self>;
}
