//! How much each token of a sequence matters to one token that may follow it.
//!
//! | scorer | score of token `i` | source |
//! |---|---|---|
//! | integrated gradients | `(xᵢ − bᵢ) ∘ ∫ ∂F/∂xᵢ (b + α (x − b)) dα`, reduced | Sundararajan, Taly and Yan (2017) |
//! | gradient × input | `xᵢ ∘ ∂F/∂xᵢ (x)`, reduced | Shrikumar, Greenside, Shcherbina and Kundaje (2016) |
//! | saliency | `‖∂F/∂xᵢ (x)‖₂` | Simonyan, Vedaldi and Zisserman (2013); the norm over an embedding is Li et al.'s (2016) |
//! | attention roll-out | row of the position in `∏ (½ Aₗ + ½ I)`, last layer first | Abnar and Zuidema (2020), section 3 |
//! | leave-one-out | `F(x) − F(x with bᵢ for xᵢ)` | Li, Monroe and Jurafsky (2016), "representation erasure" |
//!
//! `x` are the token embeddings, before positions and scale are applied to whatever stands in for a token; `b` is the
//! baseline; `F` is the target's logit or probability after the position; `Aₗ` is the mean over the heads of layer `l`
//! of their attention probabilities. The weights are constants: nothing is kept for, or computed of, their gradients.
//!
//! As many sequences run at once as the budget allows: those of all requests of a call, but on the CPU those of one
//! request alone, since the library's products round otherwise where there are more rows. So what comes out for a request
//! is there the same to the bit, whatever the others are; it depends on the budget, though, in its last bits.

mod gradients;
mod probe;
mod requests;
mod rollout;
#[cfg(test)]
mod tests;

use super::device::guarded;
use super::error::ModelError;
use super::generate::Budget;
use super::kernels::Kernels;
use super::network::Network;
use super::quadrature::Quadrature;
use super::student::{Model, placed};

pub use self::requests::{AttributeError, Request, Unfit};

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

retort_fingerprint::words!(Attributed { Logit = "logit", LogProbability = "log_probability", Probability = "probability" });

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
    /// Their sum, which has a sign and, in integrated gradients, adds up to the change of the function.
    Sum,
    /// Their Euclidean norm.
    L2,
}

retort_fingerprint::words!(Reduction { Sum = "sum", L2 = "l2" });

/// Which tokens are on the way from the baseline to their own embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// All of them, whichever are scored.
    Sequence,
    /// Those that are scored; the others have their own embeddings all along.
    Scored,
}

retort_fingerprint::words!(Over { Sequence = "sequence", Scored = "rationale" });

/// How integrated gradients are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegratedGradients {
    /// What is attributed.
    pub function: Attributed,
    /// Where the way begins.
    pub baseline: Baseline,
    /// Which tokens are on it.
    pub over: Over,
    /// The rule of integration.
    pub quadrature: Quadrature,
    /// Places at which the gradient is taken.
    pub steps: usize,
    /// How an embedding's attributions become its token's.
    pub reduction: Reduction,
}

impl Default for IntegratedGradients {
    /// Captum's defaults, with the sum over the embedding.
    fn default() -> Self {
        Self {
            function: Attributed::Logit,
            baseline: Baseline::Zero,
            over: Over::Sequence,
            quadrature: Quadrature::GaussLegendre,
            steps: 50,
            reduction: Reduction::Sum,
        }
    }
}

/// How tokens are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scorer {
    /// Integrated gradients.
    IntegratedGradients(IntegratedGradients),
    /// Gradient × input.
    GradientInput {
        /// What is attributed.
        function: Attributed,
        /// How an embedding's attributions become its token's.
        reduction: Reduction,
    },
    /// The norm of the gradient.
    Saliency {
        /// What is attributed.
        function: Attributed,
    },
    /// Attention roll-out.
    AttentionRollout,
    /// What is lost with each token by itself.
    LeaveOneOut {
        /// What is attributed.
        function: Attributed,
        /// What stands in a token's place.
        baseline: Baseline,
    },
}

impl Scorer {
    /// How many sequences are run for one request that asks for the scores of `scored` tokens.
    pub fn passes(&self, scored: usize) -> usize {
        match self {
            Self::IntegratedGradients(IntegratedGradients { steps, .. }) => steps + 2,
            Self::GradientInput { .. } | Self::Saliency { .. } | Self::AttentionRollout => 1,
            Self::LeaveOneOut { .. } => scored + 1,
        }
    }

    fn baseline(&self) -> Option<Baseline> {
        match self {
            Self::IntegratedGradients(IntegratedGradients { baseline, .. }) | Self::LeaveOneOut { baseline, .. } => {
                Some(*baseline)
            }
            Self::GradientInput { .. } | Self::Saliency { .. } | Self::AttentionRollout => None,
        }
    }
}

/// The scores of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// One for each token that was asked for, in that order.
    pub per_token: Vec<f64>,
    /// How far integrated gradients are from adding up; `None` for the other scorers.
    pub completeness: Option<Completeness>,
}

/// The ends of the way that integrated gradients go, and what they miss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Completeness {
    /// The function of the sequence.
    pub value: f64,
    /// The function where the way begins.
    pub value_baseline: f64,
    /// The sum of all attributions, by element, less the change of the function; zero where the integral is exact.
    pub delta: f64,
}

/// Scores the tokens that each request asks for; results are in the order of the requests.
///
/// # Errors
///
/// A request that the model cannot take, which is named by its index; a token for the baseline that is not in the
/// vocabulary; no steps; a device that fails. Memory that does not suffice is an error only where one sequence alone
/// does not fit.
pub fn attribute(
    model: &Model,
    requests: &[Request<'_>],
    scorer: &Scorer,
    budget: &Budget,
) -> Result<Vec<Scores>, AttributeError> {
    for (index, request) in requests.iter().enumerate() {
        request.check(model).map_err(|why| AttributeError::Request { request: index, why })?;
    }
    let vocab = model.config().vocab_size();
    if let Some(Baseline::Token(token)) = scorer.baseline().filter(|_| !requests.is_empty())
        && token as usize >= vocab
    {
        return Err(AttributeError::UnknownBaseline { token, vocab });
    }
    if matches!(scorer, Scorer::IntegratedGradients(IntegratedGradients { steps: 0, .. })) {
        return Err(AttributeError::NoSteps);
    }
    let apart = model.device().deterministic();
    let found = placed!(&model.placed, network => Call { network, requests, budget, apart }.run(scorer));
    Ok(found?)
}

/// One call of [`attribute`] on one backend.
struct Call<'a, B: Kernels> {
    network: &'a Network<B>,
    requests: &'a [Request<'a>],
    budget: &'a Budget,
    /// Whether no pass may hold sequences of several requests.
    apart: bool,
}

impl<B: Kernels> Call<'_, B> {
    fn run(&self, scorer: &Scorer) -> Result<Vec<Scores>, ModelError> {
        if self.requests.is_empty() {
            return Ok(Vec::new());
        }
        match scorer {
            Scorer::IntegratedGradients(options) => self.integrated_gradients(options),
            Scorer::GradientInput { function, reduction } => self.gradient_input(*function, *reduction),
            Scorer::Saliency { function } => self.saliency(*function),
            Scorer::AttentionRollout => self.rollout(),
            Scorer::LeaveOneOut { function, baseline } => self.leave_one_out(*function, *baseline),
        }
    }

    /// Computes on sequences of the requests that `owners` names, ascending: on some of them at a time, given by their
    /// indices, and those of one request in their order.
    fn share(
        &self,
        owners: &[usize],
        mut run: impl FnMut(&[usize]) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        let len = |sequence: usize| self.requests[owners[sequence]].ids.len();
        let mut guarded_run = |some: &[usize]| {
            let made = guarded(self.network.label(), || run(some));
            if made.is_err() {
                B::memory_cleanup(self.network.device());
            }
            made
        };
        let mut order: Vec<usize> = (0..owners.len()).collect();
        if self.apart {
            let mut of_each = order.chunk_by(|a, b| owners[*a] == owners[*b]);
            return of_each.try_for_each(|own| self.budget.share(own, usize::MAX, len, &mut guarded_run));
        }
        // Those of like length share a pass, so that padding is short.
        order.sort_by_key(|&sequence| len(sequence));
        self.budget.share(&order, usize::MAX, len, guarded_run)
    }
}
