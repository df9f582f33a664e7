//! The operations a transformer is made of, on each backend, with their gradients.
//!
//! [`Kernels`] is the contract of a backend: each operation with its hand-written backward pass, on plain tensors.
//! The CPU backend fills it with fused passes over slices (`flex`, `host`), CUDA with compositions of Burn operations
//! (`composed`, `dispatch`), which Burn fuses. [`Blocks`] is what an architecture calls: the same operations on tensors
//! that may be tracked (`tracked`) or not (`plain`). What rows of logits say of the vocabulary is in `distributions`. Token matrices are `[tokens, width]`; a [`Layout`] says which rows
//! form a sequence.

mod composed;
mod dispatch;
mod distributions;
mod flex;
pub(crate) mod host;
mod padded;
mod plain;
#[cfg(test)]
mod tests;
mod tracked;

use burn::backend::Autodiff;
use burn::tensor::backend::{Backend, BackendTypes};
use burn::tensor::ops::FloatTensor;

pub(crate) use self::host::attention::Heads;
pub(crate) use self::host::distributions::{BLOCK, SURVEY};
pub(crate) use self::host::dropout::Dropout;
pub use self::host::norm::Normal;
pub use self::host::pointwise::Activation;
pub(crate) use self::tracked::head_loss;
use super::layout::Layout;

/// A tensor of `f32` on backend `B`, of any rank.
pub(crate) type Real<B> = FloatTensor<B>;

/// A backend as training sees it.
pub(crate) type Tracked<B> = Autodiff<B>;

/// The numbers of one AdamW step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamWStep {
    /// Learning rate of this step.
    pub(crate) lr: f32,
    /// Decoupled weight decay of this tensor.
    pub(crate) decay: f32,
    /// Decay of the first moment.
    pub(crate) beta1: f32,
    /// Decay of the second moment.
    pub(crate) beta2: f32,
    /// Term that keeps the denominator from zero.
    pub(crate) epsilon: f32,
    /// `1 - beta1^t`.
    pub(crate) correction1: f32,
    /// `1 - beta2^t`.
    pub(crate) correction2: f32,
    /// Factor on the gradient, from clipping.
    pub(crate) grad_scale: f32,
}

/// Which gradients a backward pass must make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Of the input.
    pub(crate) input: bool,
    /// Of the matrix or gain.
    pub(crate) weight: bool,
    /// Of the bias.
    pub(crate) bias: bool,
}

/// The gradients of an affine operation; each is there if it was wanted.
pub(crate) struct AffineGrads<B: Backend> {
    /// Of the input.
    pub(crate) input: Option<Real<B>>,
    /// Of the matrix or gain.
    pub(crate) weight: Option<Real<B>>,
    /// Of the bias.
    pub(crate) bias: Option<Real<B>>,
}

/// How a matrix of weights lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Major {
    /// `[in, out]`.
    Input,
    /// `[out, in]`.
    Output,
}

/// In what precision the operands of matrix products are. Sums, and all else, are in `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Rounded to eight bits of mantissa, as mixed-precision training does over `f32` master weights.
    Bf16,
}

retort_fingerprint::words!(Precision { F32 = "f32", Bf16 = "bf16" });

/// How a product with a matrix of weights is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// How the matrix lies.
    pub(crate) major: Major,
    /// The precision of its operands.
    pub(crate) precision: Precision,
    /// Whether it is a step of generation, where rows may be few and none may depend on the others.
    pub(crate) generating: bool,
}

/// The angles by which the queries and keys of each row are turned: cosines and sines `[tokens, pairs]`.
#[derive(Clone, Debug)]
pub(crate) struct Turn<B: Backend> {
    /// Cosines.
    pub(crate) cosines: Real<B>,
    /// Sines.
    pub(crate) sines: Real<B>,
    /// Pairs of columns of a head that are turned.
    pub(crate) pairs: usize,
}

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
    ) -> (Real<Self>, Real<Self>);

    /// The gradients of [`normalise`](Self::normalise).
    fn normalise_backward(
        grad: Real<Self>,
        x: &Real<Self>,
        stats: &Real<Self>,
        gain: &Real<Self>,
        normal: Normal,
        wanted: Wanted,
    ) -> AffineGrads<Self>;

    /// `x · weight (+ bias) (+ residual)`, with `x` `[tokens, in]`.
    fn affine(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: Option<&Real<Self>>,
        residual: Option<&Real<Self>>,
    ) -> Real<Self>;

    /// The gradients of [`affine`](Self::affine), but that of the residual, which is `grad` itself.
    fn affine_backward(
        grad: &Real<Self>,
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        wanted: Wanted,
    ) -> AffineGrads<Self>;

    /// `activation(x · weight + bias)` and, if asked, its slope at each element.
    fn affine_activated(
        x: &Real<Self>,
        weight: &Real<Self>,
        form: Form,
        bias: &Real<Self>,
        activation: Activation,
        slope: bool,
    ) -> (Real<Self>, Option<Real<Self>>);

    /// `a · b`, element by element.
    fn multiply(a: Real<Self>, b: &Real<Self>) -> Real<Self>;

    /// `activation(gate) · up` of `x` `[tokens, 2 · inner]`, gates left, ups right: `[tokens, inner]`.
    fn gated(x: &Real<Self>, activation: Activation) -> Real<Self>;

    /// The gradient of [`gated`](Self::gated).
    fn gated_backward(grad: &Real<Self>, x: &Real<Self>, activation: Activation) -> Real<Self>;

    /// Turns the queries and keys of `qkv`; backwards, by the negative angles, for the gradient.
    fn rotate(qkv: Real<Self>, heads: Heads, turn: &Turn<Self>, backwards: bool) -> Real<Self>;

    /// Drops elements of `x` `[tokens, width]` and scales the others up; its own gradient.
    fn dropped(x: Real<Self>, dropout: Dropout) -> Real<Self>;

    /// Causal self-attention `[tokens, qkv]` to `[tokens, queries]`, and what its gradient needs beside the two.
    fn attend(qkv: &Real<Self>, heads: Heads, layout: &Layout, dropout: Option<Dropout>) -> (Real<Self>, Real<Self>);

    /// The gradient of [`attend`](Self::attend).
    fn attend_backward(
        grad: &Real<Self>,
        qkv: &Real<Self>,
        out: &Real<Self>,
        kept: &Real<Self>,
        heads: Heads,
        layout: &Layout,
        dropout: Option<Dropout>,
    ) -> Real<Self>;

    /// An empty memory for `sequences` sequences.
    fn memory(sequences: usize) -> Self::Memory;

    /// Attention of new positions over `memory`, which they join.
    fn attend_cached(qkv: &Real<Self>, heads: Heads, layout: &Layout, memory: &mut Self::Memory) -> Real<Self>;

    /// Keeps only the sequences at `kept`, ascending.
    fn retain(memory: &mut Self::Memory, kept: &[usize]);

    /// Adds the sequences of another memory after those of `memory`; their positions may be more or fewer.
    fn join(memory: &mut Self::Memory, other: Self::Memory);

    /// The rows of `table` `[height, width]` at `indices`.
    fn pick_rows(table: &Real<Self>, indices: &[u32]) -> Real<Self>;

    /// `table` `[height, width]` with the rows of `x` added at `indices`.
    fn add_rows(table: Real<Self>, x: &Real<Self>, indices: &[u32]) -> Real<Self>;

    /// A `[height, width]` matrix of zeros.
    fn zero_rows(height: usize, width: usize, device: &Self::Device) -> Real<Self>;

    /// The sum of the cross-entropies of `logits` `[rows, vocab]`, each times its row's weight (1 without `weights`), times
    /// `scale`, `[1]`, and its gradient.
    fn cross_entropy(
        logits: Real<Self>,
        targets: &[u32],
        weights: Option<&[f32]>,
        scale: f32,
    ) -> (Real<Self>, Real<Self>);

    /// The elements of `x` `[rows, width]` at one column for each row, `[rows, 1]`.
    fn pick_columns(x: &Real<Self>, columns: &[u32]) -> Real<Self>;

    /// What each row of `logits` `[rows, columns]`, a part of the vocabulary or all of it, says beside the same row of
    /// `finals`: `[rows, blocks · SURVEY]`, the numbers of blocks that follow each other. `chosen` `[rows, 1]` is the logit of
    /// the row's target.
    fn survey(logits: &Real<Self>, finals: &Real<Self>, chosen: &Real<Self>) -> Real<Self>;

    /// The gradient in `logits` `[rows, columns]`, a part of the vocabulary or all of it, of the divergence of the
    /// distributions of `finals` from theirs. `sums` `[rows, 4]` says of whole rows: the largest logit, and what the
    /// exponential of what a logit is below it is multiplied by to be a probability times a factor; then both of `finals`.
    fn divergence_backward(logits: Real<Self>, finals: &Real<Self>, sums: &Real<Self>) -> Real<Self>;

    /// The sum of the squares of all elements of all tensors.
    fn sum_squares(tensors: &[Real<Self>]) -> f64;

    /// One step of AdamW on one tensor; gives back weight, first and second moment.
    fn adamw(
        weight: Real<Self>,
        grad: &Real<Self>,
        first: Real<Self>,
        second: Real<Self>,
        step: &AdamWStep,
    ) -> (Real<Self>, Real<Self>, Real<Self>);
}

/// The operations as a decoder calls them, tracked or not.
pub(crate) trait Blocks: BackendTypes {
    /// The backend that does the arithmetic.
    type Plain: Kernels<Device = Self::Device>;

    /// Takes a plain tensor as a constant.
    fn constant(x: Real<Self::Plain>) -> Real<Self>;
    /// The rows of `table` at `indices`.
    fn gather(table: &Real<Self>, indices: &[u32]) -> Real<Self>;
    /// The sum of two tensors of one shape.
    fn add(a: Real<Self>, b: Real<Self>) -> Real<Self>;
    /// A tensor times a number.
    fn scale(x: Real<Self>, factor: f32) -> Real<Self>;
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
    /// Turns queries and keys.
    fn rotate(qkv: Real<Self>, heads: Heads, turn: &Turn<Self::Plain>) -> Real<Self>;
    /// Drops elements.
    fn dropped(x: Real<Self>, dropout: Dropout) -> Real<Self>;
    /// Causal self-attention within the sequences of `layout`.
    fn attention(qkv: &Real<Self>, heads: Heads, layout: &Layout, dropout: Option<Dropout>) -> Real<Self>;
}
