//! The fields of `attribute`, and what they make of the method.

use std::borrow::Cow;
use std::collections::BTreeMap;

use retort_artifact::{Checkpoint, Questions, Rationales, Split};
use retort_fingerprint::{ContentHash, Term, Words};
use retort_model::{self as model, Attributed, IntegratedGradients, Over, Quadrature, Reduction, Scorer};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::params::{Count, FromNode, Input, PositiveReal, Scope, Seed};

use super::chosen::{Baseline, Chosen, Method, Scoring, Setting};

retort_stage::params! {
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
        pub method: Chosen = Chosen::Builtin(Method::IntegratedGradients),
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
        /// A warning is given where the attributions miss the change of the function by more than this fraction of it, 0.05
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
    pub method: Chosen,
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
    /// The fraction of the change of the function beyond which a completeness error is warned of.
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
            let foreign = Setting::of_word(field).is_some_and(|setting| !method.fields().contains(setting));
            if value.value != Value::Null && foreign {
                sound = false;
                let wrong = format!("`{field}` means nothing to the method `{}`", method.name());
                let label = match method.fields() {
                    [] => "no such field does".to_owned(),
                    fields => {
                        let words: Vec<_> = fields.iter().map(Setting::word).collect();
                        format!("what does: {}", words.join(", "))
                    }
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
        let mut fields = self.settings();
        fields.extend([
            (Cow::Borrowed("split"), split.term()),
            (Cow::Borrowed("method"), method.term()),
            (Cow::Borrowed("positions"), positions.term()),
        ]);
        Term::Record(fields)
    }
}

impl Attribute {
    /// Returns the settings that apply to the method, and its revision.
    fn settings(&self) -> BTreeMap<Cow<'static, str>, Term> {
        let value = |setting: Setting| match setting {
            Setting::Function => self.function.term(),
            Setting::Baseline => self.baseline.term(),
            Setting::Over => self.over.term(),
            Setting::Quadrature => self.quadrature.term(),
            Setting::Steps => self.steps.term(),
            Setting::Reduction => self.reduction.term(),
            Setting::CompletenessBound => self.completeness_bound.term(),
            Setting::Seed => self.seed.term(),
        };
        let used = self.method.fields().iter();
        let mut fields: BTreeMap<_, _> = used.map(|setting| (Cow::Borrowed(setting.word()), value(*setting))).collect();
        if let Chosen::Builtin(method) = &self.method {
            fields.insert(Cow::Borrowed("method revision"), Term::Int(method.revision().into()));
        }
        fields
    }

    /// Returns what a row's scores depend on of the stage's fields: all that the method uses but the bound, which only
    /// decides a warning. What runs side by side decides the last bits.
    pub(super) fn options_term(&self) -> Term {
        let mut fields = self.settings();
        fields.remove(Setting::CompletenessBound.word());
        fields.insert(Cow::Borrowed("method"), self.method.term());
        fields.insert(Cow::Borrowed("positions"), self.positions.term());
        Term::Record(fields)
    }

    /// Returns what scores with a method that looks at the student; `None` for `random`. `mask` finds the id of `[MASK]`.
    pub(super) fn scoring<E>(&self, mask: impl FnOnce() -> Result<u32, E>) -> Result<Option<Scoring<'_>>, E> {
        let method = match &self.method {
            Chosen::Builtin(method) => *method,
            Chosen::Added(added) => return Ok(Some(Scoring::Added(added))),
        };
        let (function, over, quadrature) = (self.function, self.over, self.quadrature);
        let (steps, reduction) = (self.steps.get(), self.reduction);
        let baseline = || {
            Ok(match self.baseline {
                Baseline::Zero => model::Baseline::Zero,
                Baseline::Mean => model::Baseline::MeanEmbedding,
                Baseline::Mask => model::Baseline::Token(mask()?),
            })
        };
        Ok(Some(Scoring::Builtin(match method {
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
        })))
    }
}
