//! How `attribute` scores tokens: the methods, and which of the stage's fields mean something to each.

use std::borrow::Cow;

use crate::params::{Count, FromNode, Input, PositiveReal, Scope, Seed};
use retort_artifact::{Checkpoint, Questions, Rationales, Split};
use retort_fingerprint::{ContentHash, Term};
use retort_model::{self as model, Attributed, IntegratedGradients, Over, Quadrature, Reduction, Scorer};
use retort_source::{Diagnostic, Node, Value};

crate::words!(read Attributed);
crate::words!(read Quadrature);
crate::words!(read Reduction);
crate::words!(read Over);

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

crate::words!(Baseline { Zero = "zero", Mean = "mean", Mask = "mask" });

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

crate::words!(Method {
    IntegratedGradients = "integrated_gradients",
    GradientInput = "gradient_x_input",
    Saliency = "saliency",
    AttentionRollout = "attention_rollout",
    LeaveOneOut = "leave_one_out",
    Random = "random",
});

impl Method {
    /// Returns the fields that mean something to it, of those that do not to every method.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::IntegratedGradients => {
                &["function", "baseline", "over", "quadrature", "steps", "reduction", "completeness_bound"]
            }
            Self::GradientInput => &["function", "reduction"],
            Self::Saliency => &["function"],
            Self::LeaveOneOut => &["function", "baseline"],
            Self::AttentionRollout => &[],
            Self::Random => &["seed"],
        }
    }

    /// Says whether what it scores with looks at the label.
    pub(super) fn sees_label(self) -> bool {
        self.fields().contains(&"function")
    }
}

/// The fields that do not mean something to every method.
const PARTIAL: [&str; 8] =
    ["function", "baseline", "over", "quadrature", "steps", "reduction", "completeness_bound", "seed"];

crate::params! {
    /// How much each token of a rationale matters to the label, for a student that reasons before it answers. A field
    /// that means nothing to the method must be left out, or be null.
    pub struct Written {
        /// A student whose rationale comes before its label.
        pub model: Input<Checkpoint>,
        /// The questions.
        pub questions: Input<Questions>,
        /// The rationales to score.
        pub rationales: Input<Rationales>,
        /// The split the rationales belong to.
        pub split: Split = Split::Train,
        /// How tokens are scored: `integrated_gradients`, `gradient_x_input`, `saliency` (the norm of the gradient),
        /// `attention_rollout`, `leave_one_out`, or at `random`, as a control.
        pub method: Method = Method::IntegratedGradients,
        /// What is attributed: the label's `logit` (unless given), `log_probability` or `probability`. Means nothing to
        /// `attention_rollout` and `random`.
        pub function: Option<Attributed>,
        /// What stands for the absence of a token: a `zero` embedding (unless given), the `mean` one, or that of `[MASK]`
        /// (`mask`). For `integrated_gradients` and `leave_one_out`.
        pub baseline: Option<Baseline>,
        /// Which tokens are on the way from the baseline to the input: those of the whole `sequence` (unless given), as in
        /// the paper, or those of the `rationale`, so that its scores alone add up. For `integrated_gradients`.
        pub over: Option<Over>,
        /// The rule of integration: `gauss_legendre` (unless given), the paper's `riemann_right`, `midpoint` or
        /// `trapezoid`. For `integrated_gradients`.
        pub quadrature: Option<Quadrature>,
        /// Places at which the gradient is taken, 20 unless given. For `integrated_gradients`.
        pub steps: Option<Count>,
        /// How a token's score is made of its embedding's: their `sum` (unless given), or `l2` norm. For
        /// `integrated_gradients` and `gradient_x_input`.
        pub reduction: Option<Reduction>,
        /// A warning is given where the attributions miss the change of the function by more than this share of it, 0.05
        /// unless given. For `integrated_gradients`.
        pub completeness_bound: Option<PositiveReal>,
        /// Decides the scores of `random`; the experiment's seed where none is given.
        pub seed: Option<Seed>,
        /// The most tokens, over all sequences, that run side by side; halved whenever the device has no memory for them.
        pub positions: Count = Count::of(2_048),
    }
}

/// Scores of how much each token of a rationale matters to the label. Fields that mean nothing to the method have their
/// default and enter no key.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// A student whose rationale comes before its label.
    pub model: Input<Checkpoint>,
    /// The questions.
    pub questions: Input<Questions>,
    /// The rationales to score.
    pub rationales: Input<Rationales>,
    /// The split the rationales belong to.
    pub split: Split,
    /// How tokens are scored.
    pub method: Method,
    /// What is attributed.
    pub function: Attributed,
    /// What stands for the absence of a token.
    pub baseline: Baseline,
    /// Which tokens are on the way from the baseline to the input.
    pub over: Over,
    /// The rule of integration.
    pub quadrature: Quadrature,
    /// Places at which the gradient is taken.
    pub steps: Count,
    /// How a token's score is made of its embedding's.
    pub reduction: Reduction,
    /// The share of the change of the function beyond which a completeness error is warned of.
    pub completeness_bound: PositiveReal,
    /// Decides random scores.
    pub seed: Seed,
    /// The most tokens that run side by side.
    pub positions: Count,
}

impl FromNode for Attribute {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let written = Written::from_node(node, scope)?;
        let method = written.method;
        let mut sound = true;
        for (key, value) in node.entries() {
            let field = key.text.as_str();
            if value.value != Value::Null && PARTIAL.contains(&field) && !method.fields().contains(&field) {
                sound = false;
                let method_word = node.get("method").and_then(Node::text).unwrap_or("integrated_gradients");
                let wrong = format!("`{field}` means nothing to the method `{method_word}`");
                let label = match method.fields() {
                    [] => "no such field does".to_owned(),
                    fields => format!("what does: {}", fields.join(", ")),
                };
                scope
                    .diagnostics
                    .push(Diagnostic::at(key.span, wrong).label(label).hint("leave it out, or give `null`"));
            }
        }
        let Written { model, questions, rationales, split, .. } = written;
        sound.then_some(Self {
            model,
            questions,
            rationales,
            split,
            method,
            function: written.function.unwrap_or(Attributed::Logit),
            baseline: written.baseline.unwrap_or(Baseline::Zero),
            over: written.over.unwrap_or(Over::Sequence),
            quadrature: written.quadrature.unwrap_or(Quadrature::GaussLegendre),
            steps: written.steps.unwrap_or(Count::of(20)),
            reduction: written.reduction.unwrap_or(Reduction::Sum),
            completeness_bound: written.completeness_bound.unwrap_or(PositiveReal::of(0.05)),
            seed: written.seed.unwrap_or(Seed(scope.seed)),
            positions: written.positions,
        })
    }

    fn schema() -> serde_json::Value {
        Written::schema()
    }
}

impl ContentHash for Attribute {
    fn term(&self) -> Term {
        let Self {
            model: _,
            questions: _,
            rationales: _,
            split,
            method,
            function: _,
            baseline: _,
            over: _,
            quadrature: _,
            steps: _,
            reduction: _,
            completeness_bound: _,
            seed: _,
            positions,
        } = self;
        let mut fields = self.partial(PARTIAL.as_slice());
        fields.extend([
            (Cow::Borrowed("split"), split.term()),
            (Cow::Borrowed("method"), method.term()),
            (Cow::Borrowed("positions"), positions.term()),
        ]);
        Term::Record(fields)
    }
}

impl Attribute {
    /// Returns those of some fields that mean something to the method.
    fn partial(&self, of: &[&'static str]) -> std::collections::BTreeMap<Cow<'static, str>, Term> {
        let value = |field: &str| match field {
            "function" => self.function.term(),
            "baseline" => self.baseline.term(),
            "over" => self.over.term(),
            "quadrature" => self.quadrature.term(),
            "steps" => self.steps.term(),
            "reduction" => self.reduction.term(),
            "completeness_bound" => self.completeness_bound.term(),
            _ => self.seed.term(),
        };
        let used = self.method.fields().iter().filter(|field| of.contains(field));
        used.map(|field| (Cow::Borrowed(*field), value(field))).collect()
    }

    /// Returns what a row's scores depend on of the stage's fields: all that the method uses but the bound, which only
    /// decides a warning. What runs side by side decides the last bits.
    pub(super) fn options_term(&self) -> Term {
        let decisive: Vec<&'static str> = PARTIAL.into_iter().filter(|field| *field != "completeness_bound").collect();
        let mut fields = self.partial(&decisive);
        fields.insert(Cow::Borrowed("method"), self.method.term());
        fields.insert(Cow::Borrowed("positions"), self.positions.term());
        Term::Record(fields)
    }

    /// Returns the scorer of a method that looks at the student; `None` for `random`. `mask` finds the id of `[MASK]`.
    pub(super) fn scorer<E>(&self, mask: impl FnOnce() -> Result<u32, E>) -> Result<Option<Scorer>, E> {
        let (function, over, quadrature) = (self.function, self.over, self.quadrature);
        let (steps, reduction) = (self.steps.get(), self.reduction);
        let baseline = || {
            Ok(match self.baseline {
                Baseline::Zero => model::Baseline::Zero,
                Baseline::Mean => model::Baseline::MeanEmbedding,
                Baseline::Mask => model::Baseline::Token(mask()?),
            })
        };
        Ok(Some(match self.method {
            Method::IntegratedGradients => {
                let baseline = baseline()?;
                let options = IntegratedGradients { function, baseline, over, quadrature, steps, reduction };
                Scorer::IntegratedGradients(options)
            }
            Method::GradientInput => Scorer::GradientInput { function, reduction },
            Method::Saliency => Scorer::Saliency { function },
            Method::AttentionRollout => Scorer::AttentionRollout,
            Method::LeaveOneOut => Scorer::LeaveOneOut { function, baseline: baseline()? },
            Method::Random => return Ok(None),
        }))
    }
}
