//! What operations are given and give back beside tensors: forms, precisions, settings, gradients.

use burn::backend::Autodiff;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;

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
pub(crate) struct RequiresGrad {
    /// Of the input.
    pub(crate) input: bool,
    /// Of the matrix or gain.
    pub(crate) weight: bool,
    /// Of the bias.
    pub(crate) bias: bool,
}

/// The gradients of an affine operation; each is there if it was required.
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

/// What becomes of logits: they are scaled, and capped where there is a cap `c`, to `c · tanh(logit / c)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shaping {
    /// The factor.
    pub(crate) scale: f32,
    /// The cap.
    pub(crate) cap: Option<f32>,
}

/// What a loss goes by: the rows' targets and what they weigh.
#[derive(Clone, Copy)]
pub(crate) struct Targets<'a> {
    /// The target of each row.
    pub(crate) ids: &'a [u32],
    /// The weight of each row; 1 where this is not given.
    pub(crate) weights: Option<&'a [f32]>,
    /// The factor on the sum.
    pub(crate) scale: f32,
}

/// The angles by which the queries and keys of each row are rotated: cosines and sines `[tokens, pairs]`.
#[derive(Clone, Debug)]
pub(crate) struct Rotation<B: Backend> {
    /// Cosines.
    pub(crate) cosines: Real<B>,
    /// Sines.
    pub(crate) sines: Real<B>,
    /// Pairs of columns of a head that are rotated.
    pub(crate) pairs: usize,
}
