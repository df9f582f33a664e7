//! Integrated gradients (Sundararajan, Taly and Yan 2017) of one token's logit or probability over the token embeddings.
//!
//! The attribution of an input embedding `x` against a baseline `b` is `(x − b) ∘ ∫ ∂F(b + α (x − b)) dα`, the integral
//! by quadrature. The weights are not tracked. Positions and scale are applied to whatever stands in for a
//! token.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::ops::FloatTensorOps;
use burn::tensor::{Tensor, TensorPrimitive, activation};

use super::device::{DeviceError, guarded};
use super::kernels::{Blocks, Kernels, Real, Tracked};
use super::layout::Layout;
use super::network::Network;
use super::quadrature::Quadrature;
use super::student::{Model, ModelError, placed};

/// What is attributed to the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attributed {
    /// The target's logit.
    Logit,
    /// The logarithm of the target's probability.
    LogProbability,
    /// The target's probability.
    Probability,
}

/// What stands for the absence of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// A zero embedding.
    Zero,
    /// The mean of all token embeddings.
    MeanEmbedding,
    /// The embedding of this token.
    Token(u32),
}

/// How the attributions of the elements of an embedding become that of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum, which has a sign and adds up to the change of the function.
    Sum,
    /// Their Euclidean norm.
    L2,
}

/// How to attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeOptions {
    /// What is attributed.
    pub function: Attributed,
    /// What stands for the absence of a token.
    pub baseline: Baseline,
    /// The rule of integration.
    pub quadrature: Quadrature,
    /// Places at which the gradient is taken.
    pub steps: usize,
    /// How many of those run side by side.
    pub batch: usize,
    /// How an embedding's attributions become its token's.
    pub reduction: Reduction,
}

impl Default for AttributeOptions {
    /// Captum's defaults, with the sum over the embedding.
    fn default() -> Self {
        Self {
            function: Attributed::Logit,
            baseline: Baseline::Zero,
            quadrature: Quadrature::GaussLegendre,
            steps: 50,
            batch: 16,
            reduction: Reduction::Sum,
        }
    }
}

/// The attributions of one function value to the tokens of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributions {
    /// One for each token.
    pub per_token: Vec<f32>,
    /// The function of the sequence.
    pub value: f64,
    /// The function of the baseline.
    pub value_baseline: f64,
    /// The sum of all attributions less the change of the function; zero where the integral is exact.
    pub completeness_delta: f64,
}

/// Why nothing can be attributed.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// The position is not in the sequence.
    #[error("cannot attribute position {position}: the sequence has {tokens} tokens")]
    Position {
        /// The position.
        position: usize,
        /// Length of the sequence.
        tokens: usize,
    },
    /// The target or the baseline is not in the vocabulary.
    #[error("cannot attribute token {token}: it is not below the vocabulary's size {vocab}")]
    UnknownToken {
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// There are no steps.
    #[error("cannot attribute in 0 steps: at least 1 is needed")]
    NoSteps,
    /// The model cannot take the sequence, or the device failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Attributes the function of the token `target` after position `position` of `ids` to every token of `ids`.
pub fn integrated_gradients(
    model: &Model,
    ids: &[u32],
    position: usize,
    target: u32,
    options: &AttributeOptions,
) -> Result<Attributions, AttributeError> {
    model.check(std::iter::once(ids)).map_err(ModelError::from)?;
    if position >= ids.len() {
        return Err(AttributeError::Position { position, tokens: ids.len() });
    }
    let vocab = model.config().vocab_size();
    let baseline = if let Baseline::Token(token) = options.baseline { token } else { 0 };
    if let Some(token) = [target, baseline].into_iter().find(|&token| token as usize >= vocab) {
        return Err(AttributeError::UnknownToken { token, vocab });
    }
    if options.steps == 0 {
        return Err(AttributeError::NoSteps);
    }
    let task = Task { ids, position, target, options };
    let found = placed!(&model.placed, network => guarded(network.label(), || task.run(network)));
    Ok(found.map_err(ModelError::from)?)
}

struct Task<'a> {
    ids: &'a [u32],
    position: usize,
    target: u32,
    options: &'a AttributeOptions,
}

impl Task<'_> {
    fn run<B: Kernels>(&self, network: &Network<B>) -> Result<Attributions, DeviceError> {
        let width = network.config().d_model();
        let table = network.parameters(&network.values).token_embedding;
        let input = network.read(B::pick_rows(&table, self.ids))?;
        let baseline: Vec<f32> = self.baseline(network, &table)?.into_iter().cycle().take(input.len()).collect();
        let change: Vec<f32> = input.iter().zip(&baseline).map(|(x, b)| x - b).collect();
        let at = |alpha: f64| baseline.iter().zip(&change).map(move |(b, d)| (alpha as f32).mul_add(*d, *b));

        let mut integral = vec![0.0_f64; input.len()];
        let nodes = self.options.quadrature.nodes(self.options.steps);
        for chunk in nodes.chunks(self.options.batch.max(1)) {
            let points: Vec<f32> = chunk.iter().flat_map(|&(alpha, _)| at(alpha)).collect();
            let (_, grads) = self.evaluate(network, points, true)?;
            for (grad, &(_, weight)) in grads.chunks_exact(input.len()).zip(chunk) {
                for (sum, &grad) in integral.iter_mut().zip(grad) {
                    *sum += weight * f64::from(grad);
                }
            }
        }
        let (ends, _) = self.evaluate(network, at(1.0).chain(at(0.0)).collect(), false)?;
        let (value, value_baseline) = (f64::from(ends[0]), f64::from(ends[1]));
        let parts: Vec<f64> = integral.iter().zip(&change).map(|(g, &d)| g * f64::from(d)).collect();
        let reduce = |token: &[f64]| match self.options.reduction {
            Reduction::Sum => token.iter().sum::<f64>(),
            Reduction::L2 => token.iter().map(|x| x * x).sum::<f64>().sqrt(),
        };
        Ok(Attributions {
            per_token: parts.chunks_exact(width).map(|token| reduce(token) as f32).collect(),
            value,
            value_baseline,
            completeness_delta: parts.iter().sum::<f64>() - (value - value_baseline),
        })
    }

    /// The embedding that stands for the absence of a token.
    fn baseline<B: Kernels>(&self, network: &Network<B>, table: &Real<B>) -> Result<Vec<f32>, DeviceError> {
        let width = network.config().d_model();
        match self.options.baseline {
            Baseline::Zero => Ok(vec![0.0; width]),
            Baseline::Token(token) => network.read(B::pick_rows(table, &[token])),
            Baseline::MeanEmbedding => {
                let mut sums = vec![0.0_f64; width];
                for row in network.read(table.clone())?.chunks_exact(width) {
                    for (sum, &x) in sums.iter_mut().zip(row) {
                        *sum += f64::from(x);
                    }
                }
                Ok(sums.into_iter().map(|sum| (sum / network.config().vocab_size() as f64) as f32).collect())
            }
        }
    }

    /// The function at each of several sequences of embeddings `[sequences, tokens, d_model]` and, if asked, its
    /// gradient in them.
    fn evaluate<B: Kernels>(
        &self,
        network: &Network<B>,
        points: Vec<f32>,
        gradient: bool,
    ) -> Result<(Vec<f32>, Vec<f32>), DeviceError> {
        type T<B> = Tracked<B>;
        let tokens = self.ids.len();
        let width = network.config().d_model();
        let count = points.len() / (tokens * width);
        let layout = Layout::packed(&vec![tokens; count]);
        let points = network.upload(points, &[count * tokens, width]);
        let leaf = T::<B>::float_set_require_grad(T::<B>::from_inner(points), gradient);
        let constants: Vec<Real<T<B>>> = network.values.iter().map(|value| T::<B>::constant(value.clone())).collect();
        let weights = network.parameters(&constants);
        let pass = network.pass(&layout, &vec![0; count]);
        let hidden = pass.hidden::<T<B>>(&weights, pass.stream::<T<B>>(&weights, leaf.clone()), |_| {});
        let rows: Vec<u32> = layout.spans.iter().map(|span| (span.start + self.position) as u32).collect();
        let logits = pass.head::<T<B>>(&weights, &<T<B> as Blocks>::gather(&hidden, &rows));
        let logits = Tensor::<T<B>, 2>::from_primitive(TensorPrimitive::Float(logits));
        let scores = match self.options.function {
            Attributed::Logit => logits,
            Attributed::LogProbability => activation::log_softmax(logits, 1),
            Attributed::Probability => activation::softmax(logits, 1),
        };
        let values = scores.narrow(1, self.target as usize, 1);
        let read = network.read(values.clone().inner().into_primitive().tensor())?;
        if !gradient {
            return Ok((read, Vec::new()));
        }
        let mut grads = values.sum().backward();
        let grad = T::<B>::grad_remove(&leaf, &mut grads)
            .unwrap_or_else(|| network.upload(vec![0.0; count * tokens * width], &[count * tokens, width]));
        Ok((read, network.read(grad)?))
    }
}
