//! The methods of `attribute`, which of the stage's fields mean something to each, and what scores by them.

use std::sync::Arc;

use super::failed::model_failed;
use super::method::{BoundMethod, METHODS};
use crate::revised::named_schema;
use retort_fingerprint::{ContentHash, Term, Words};
use retort_model::{AttributeError, Budget, Model, Request, Scorer, Scores, attribute};
use retort_source::Node;
use retort_stage::StageError;
use retort_stage::params::{FromNode, Scope, tagged};

/// What stands for the absence of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// A zero embedding.
    Zero,
    /// The mean of all token embeddings.
    Mean,
    /// The embedding of `[MASK]`.
    Mask,
}

retort_stage::words!(Baseline { Zero = "zero", Mean = "mean", Mask = "mask" });

/// How a token is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The gradient, integrated on the way from a baseline to the input.
    IntegratedGradients,
    /// The gradient times the embedding.
    GradientInput,
    /// The norm of the gradient.
    Saliency,
    /// What attention brings from the token to where the label is written.
    AttentionRollout,
    /// What the label loses where the token alone is gone.
    LeaveOneOut,
    /// A random number: the control for all others.
    Random,
}

retort_stage::words!(Method {
    IntegratedGradients = "integrated_gradients",
    GradientInput = "gradient_x_input",
    Saliency = "saliency",
    AttentionRollout = "attention_rollout",
    LeaveOneOut = "leave_one_out",
    Random = "random",
});

impl Method {
    /// Returns the fields that mean something to it, of those that do not to every method.
    fn fields(self) -> &'static [Setting] {
        use Setting::{Baseline, CompletenessBound, Function, Over, Quadrature, Reduction, Seed, Steps};
        match self {
            Self::IntegratedGradients => &[Function, Baseline, Over, Quadrature, Steps, Reduction, CompletenessBound],
            Self::GradientInput => &[Function, Reduction],
            Self::Saliency => &[Function],
            Self::LeaveOneOut => &[Function, Baseline],
            Self::AttentionRollout => &[],
            Self::Random => &[Seed],
        }
    }

    /// Raised whenever a method gives other scores for the same settings: it enters the keys of stages and of rows.
    pub(super) const fn revision(self) -> u32 {
        match self {
            Self::IntegratedGradients
            | Self::GradientInput
            | Self::Saliency
            | Self::LeaveOneOut
            | Self::AttentionRollout
            | Self::Random => 1,
        }
    }

    /// Says whether what it scores with looks at the label.
    pub(super) fn sees_label(self) -> bool {
        self.fields().contains(&Setting::Function)
    }
}

/// The method that a stage names: a word for one that Retort brings, a mapping of one key for one that a program adds.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// One that Retort brings.
    Builtin(Method),
    /// One that a program adds.
    Added(Added),
}

/// A method that a program adds, with its parameters.
#[derive(Debug, Clone)]
pub struct Added {
    name: &'static str,
    method: Arc<dyn BoundMethod>,
}

impl Chosen {
    /// Says whether tokens are scored at random, without a student.
    pub(super) fn is_random(&self) -> bool {
        matches!(self, Self::Builtin(Method::Random))
    }

    /// Says whether what it scores with looks at the label; of an added one that is not known, so it may.
    pub(super) fn sees_label(&self) -> bool {
        match self {
            Self::Builtin(method) => method.sees_label(),
            Self::Added(_) => true,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Builtin(method) => method.word(),
            Self::Added(Added { name, .. }) => name,
        }
    }

    pub(super) fn fields(&self) -> &'static [Setting] {
        match self {
            Self::Builtin(method) => method.fields(),
            Self::Added(_) => &[],
        }
    }
}

impl FromNode for Chosen {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let names: Vec<&'static str> = METHODS.all().iter().map(|entry| entry.name).collect();
        if node.entries().is_empty() || names.is_empty() {
            return Method::from_node(node, scope).map(Self::Builtin);
        }
        let (name, body) = tagged(node, &names, scope)?;
        let entry = METHODS.all().iter().find(|entry| entry.name == name)?;
        let method = scope.within(name, |scope| (entry.bind)(body, scope))?;
        Some(Self::Added(Added { name, method }))
    }

    fn schema() -> serde_json::Value {
        let added = METHODS.all().iter().map(|entry| named_schema(entry.name, entry.about, &(entry.schema)()));
        let forms: Vec<_> = std::iter::once(<Method as FromNode<_>>::schema()).chain(added).collect();
        match &forms[..] {
            [words] => words.clone(),
            _ => serde_json::json!({ "anyOf": forms }),
        }
    }
}

impl ContentHash for Chosen {
    fn term(&self) -> Term {
        match self {
            Self::Builtin(method) => method.term(),
            Self::Added(Added { name, method }) => Term::variant(name, method.term()),
        }
    }
}

/// What scores the tokens of a stage's rationales.
#[derive(Debug)]
pub(super) enum Scoring<'a> {
    /// A method that Retort brings.
    Builtin(Scorer),
    /// One that a program adds.
    Added(&'a Added),
}

impl Scoring<'_> {
    /// How many sequences are run for a request that asks for the scores of `scored` tokens.
    pub(super) fn passes(&self, scored: usize) -> usize {
        match self {
            Self::Builtin(scorer) => scorer.passes(scored),
            Self::Added(added) => added.method.passes(scored).max(1),
        }
    }

    /// Scores the tokens that each request asks for; results are in the order of the requests.
    pub(super) fn score(
        &self,
        model: &Model,
        requests: &[Request<'_>],
        budget: &Budget,
    ) -> Result<Vec<Scores>, StageError> {
        let added = match self {
            Self::Builtin(scorer) => {
                return attribute(model, requests, scorer, budget).map_err(|error| match error {
                    AttributeError::Model(error) => model_failed(error),
                    other => StageError::data(other.to_string()),
                });
            }
            Self::Added(added) => added,
        };
        let scores = added.method.score(model, requests, budget)?;
        let fits = |(scores, request): (&Vec<f64>, &Request<'_>)| scores.len() == request.scored.len();
        if scores.len() != requests.len() || !scores.iter().zip(requests).all(fits) {
            let name = added.name;
            return Err(StageError::data(format!(
                "the attribution method `{name}` did not give one score for each token it was asked for"
            )));
        }
        Ok(scores.into_iter().map(|per_token| Scores { per_token, completeness: None }).collect())
    }
}

/// A field that does not apply to every method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Function,
    Baseline,
    Over,
    Quadrature,
    Steps,
    Reduction,
    CompletenessBound,
    Seed,
}

retort_fingerprint::words!(Setting {
    Function = "function",
    Baseline = "baseline",
    Over = "over",
    Quadrature = "quadrature",
    Steps = "steps",
    Reduction = "reduction",
    CompletenessBound = "completeness_bound",
    Seed = "seed",
});
