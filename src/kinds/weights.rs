//! What the tokens of a target weigh in the loss, as a pipeline writes it.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use retort_artifact::{Attribution, Attributions, Rationale};
use retort_fingerprint::{ContentHash, Term};
use retort_model::{Ramp, TokenWeight};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::StageError;
use retort_stage::params::{FromNode, Input, Scope, UnitReal};
use retort_text::emphasis;

use super::sequence::{Part, Sequence, data};

/// What a token weighs: a number of at least 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Weight(f64);

impl Weight {
    /// Wraps a constant of at least 0.
    pub(super) const fn of(weight: f64) -> Self {
        Self(weight)
    }

    /// Returns the number.
    pub(super) const fn get(self) -> f64 {
        self.0
    }
}

impl FromNode for Weight {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Float(value) if value >= 0.0 && f64::from(value as f32).is_finite() => Some(Self(value)),
            Value::Int(value) if value >= 0 => Some(Self(value as f64)),
            _ => {
                let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
                scope.fail(wrong.label("expected a number, 0 or more"))
            }
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "number", "minimum": 0 },
            { "type": "string", "pattern": r"^\$\{[^}]+\}$" }
        ] })
    }
}

impl ContentHash for Weight {
    fn term(&self) -> Term {
        self.0.term()
    }
}

retort_stage::params! {
    /// A weight that changes in a line over the first steps and stays from then on.
    pub struct WeightSchedule {
        /// The weight in the first step.
        pub from: Weight,
        /// The weight from the end of the change on.
        pub to: Weight,
        /// The fraction of all steps over which it changes.
        pub over: UnitReal = UnitReal::of(1.0),
    }
}

/// What a token of the rationale weighs: a number, or `{ from: …, to: …, over: … }`.
#[derive(Debug, Clone)]
pub enum RationaleWeight {
    /// The same in every step.
    Fixed(Weight),
    /// Another from step to step.
    Scheduled(WeightSchedule),
}

impl FromNode for RationaleWeight {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Map(_) => WeightSchedule::from_node(node, scope).map(Self::Scheduled),
            _ => Weight::from_node(node, scope).map(Self::Fixed),
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [Weight::schema(), WeightSchedule::schema()] })
    }
}

impl ContentHash for RationaleWeight {
    fn term(&self) -> Term {
        match self {
            Self::Fixed(weight) => weight.term(),
            Self::Scheduled(schedule) => Term::variant("scheduled", schedule.term()),
        }
    }
}

retort_stage::params! {
    /// What tokens weigh in the loss. The loss of a step is the sum of weight · cross-entropy over the sum of the weights,
    /// so that only proportions matter, and a token of weight 0 might as well not be there.
    pub struct Weights {
        /// What a token of the label weighs, its markers included.
        pub label: Weight = Weight(1.0),
        /// What a token of the rationale weighs: a number, or `{ from: 1.0, to: 0.0, over: 0.5 }`, in a line over that fraction
        /// of the steps.
        pub rationale: RationaleWeight = RationaleWeight::Fixed(Weight(1.0)),
        /// What a token of the prompt weighs, with `loss: sequence`; 1 where this is not given.
        pub prompt: Option<Weight>,
        /// Attributions of these very rationales: each token's weight is multiplied by its score, negative ones being 0,
        /// over the mean score of the rationale's tokens.
        pub tokens: Option<Input<Attributions>>,
        /// How far a token's score counts at least, from 0 to 1: `floor + (1 − floor) · score / mean`.
        pub floor: UnitReal = UnitReal::of(0.0),
    }
}

impl Weights {
    /// The schedule as the model's room takes it.
    pub(super) fn ramp(&self) -> Option<Ramp> {
        match &self.rationale {
            RationaleWeight::Scheduled(WeightSchedule { from, to, over }) => {
                Some(Ramp { from: from.0, to: to.0, over: over.get() })
            }
            RationaleWeight::Fixed(_) => None,
        }
    }
}

/// Weighs the tokens of sequences.
pub(super) struct Weighing<'a> {
    weights: &'a Weights,
    scores: Option<BTreeMap<(&'a str, u32), &'a Attribution>>,
}

/// What the tokens of a sequence weigh.
pub(super) struct Weighed {
    /// The weight of each token; `None` where all weigh 1.
    pub(super) tokens: Option<Vec<TokenWeight>>,
    /// Whether no score speaks for any token of the rationale, so that its tokens weigh the same.
    pub(super) unscored: bool,
}

impl<'a> Weighing<'a> {
    /// Prepares to weigh, `attributions` being what stands behind `tokens`.
    pub(super) fn new(weights: &'a Weights, attributions: Option<&'a Attributions>) -> Self {
        let by_row = |all: &'a Attributions| {
            all.rows.iter().map(|row| ((row.id.as_str(), row.sample), row)).collect::<BTreeMap<_, _>>()
        };
        Self { weights, scores: attributions.map(by_row) }
    }

    /// Weighs the tokens of a sequence with this rationale, if it has one.
    pub(super) fn of(&self, sequence: &Sequence, rationale: Option<&Rationale>) -> Result<Weighed, StageError> {
        let Weights { label, rationale: of_rationale, prompt, tokens: _, floor: _ } = self.weights;
        let (fixed, ramped) = match of_rationale {
            RationaleWeight::Fixed(weight) => (weight.0, false),
            RationaleWeight::Scheduled(_) => (1.0, true),
        };
        let mut weights: Vec<(f64, bool)> = sequence
            .parts
            .iter()
            .map(|part| match part {
                Part::Prompt => (prompt.map_or(1.0, |weight| weight.0), false),
                Part::Label => (label.0, false),
                Part::Rationale => (fixed, ramped),
            })
            .collect();
        let emphasis = rationale.map(|rationale| self.emphasis(sequence, rationale)).transpose()?;
        let unscored = matches!(emphasis, Some(Emphasis::None));
        if let Some(Emphasis::Tokens(factors)) = emphasis {
            // A token that is of the label as well keeps the label's weight.
            let within = sequence.rationale.iter().map(|(at, _)| *at).zip(factors);
            for (at, factor) in within.filter(|(at, _)| sequence.parts[*at] == Part::Rationale) {
                weights[at].0 *= factor;
            }
        }
        let weighs = weights.iter().any(|&(factor, ramped)| ramped || (factor - 1.0).abs() > 0.0);
        let token = |(factor, ramped): (f64, bool)| TokenWeight { factor: factor as f32, ramped };
        Ok(Weighed { tokens: weighs.then(|| weights.into_iter().map(token).collect()), unscored })
    }

    fn emphasis(&self, sequence: &Sequence, rationale: &Rationale) -> Result<Emphasis, StageError> {
        let Rationale { id, sample, text, .. } = rationale;
        let Some(scores) = self.scores.as_ref().filter(|_| !sequence.rationale.is_empty()) else {
            return Ok(Emphasis::NotAsked);
        };
        let scores = scores.get(&(id.as_str(), *sample)).ok_or_else(|| {
            data(format!(
                "cannot weigh the rationale of `{id}`, sample {sample}: `weights.tokens` has no attribution for it; attribute \
                 the rationales that the student is trained on"
            ))
        })?;
        // Places are counted in the trimmed text, which is what the student reads.
        let offset = text.len() - text.trim_start().len();
        let spans: Vec<_> = sequence.rationale.iter().map(|(_, span)| span.start + offset..span.end + offset).collect();
        let found = emphasis(scores, text, &spans, self.weights.floor.get()).map_err(data)?;
        Ok(found.map_or(Emphasis::None, Emphasis::Tokens))
    }
}

/// How much the tokens of a rationale count.
enum Emphasis {
    /// There are no scores to go by, or no tokens.
    NotAsked,
    /// No score speaks for any token.
    None,
    /// Each by its score.
    Tokens(Vec<f64>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::TokenScore;

    fn weights(rationale: RationaleWeight) -> Weights {
        Weights { label: Weight(1.0), rationale, prompt: None, tokens: None, floor: UnitReal::of(0.0) }
    }

    fn fixed(weight: f64) -> RationaleWeight {
        RationaleWeight::Fixed(Weight(weight))
    }

    /// A prompt of one token, a label of two, and the rationale ` so it is` in three, with an end.
    fn sequence() -> Sequence {
        use Part::{Label, Prompt, Rationale};
        Sequence {
            ids: (0..7).collect(),
            parts: vec![Prompt, Label, Label, Rationale, Rationale, Rationale, Rationale],
            target_from: 1,
            label_at: 1,
            rationale: vec![(3, 0..2), (4, 3..5), (5, 6..8)],
        }
    }

    fn rationale() -> Rationale {
        Rationale { id: "q".into(), sample: 2, text: " so it is".into(), ..Rationale::default() }
    }

    fn scores(text: &str, scores: [f64; 3]) -> Attributions {
        let token = |(span, score)| TokenScore { span, score };
        let tokens = [(1, 3), (4, 6), (7, 9)].into_iter().zip(scores).map(token).collect();
        let row = Attribution { id: "q".into(), sample: 2, text: text.into(), tokens, completeness: None };
        Attributions { rows: vec![row] }
    }

    #[track_caller]
    fn check(weights: &Weights, scores: Option<&Attributions>, factors: Option<[f32; 7]>, ramped: usize) {
        let found = Weighing::new(weights, scores).of(&sequence(), Some(&rationale())).unwrap().tokens;
        let on_ramp = found.iter().flatten().filter(|token| token.ramped).count();
        let found = found.map(|tokens| tokens.iter().map(|token| token.factor).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), factors.as_ref().map(<[f32; 7]>::as_slice));
        assert_eq!(on_ramp, ramped);
    }

    #[test]
    fn the_decision_table_of_weights() {
        check(&weights(fixed(1.0)), None, None, 0);
        check(&weights(fixed(0.5)), None, Some([1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]), 0);
        check(&weights(fixed(0.0)), None, Some([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), 0);
        let heavy = Weights { label: Weight(3.0), prompt: Some(Weight(0.25)), ..weights(fixed(1.0)) };
        check(&heavy, None, Some([0.25, 3.0, 3.0, 1.0, 1.0, 1.0, 1.0]), 0);
        let schedule = WeightSchedule { from: Weight(2.0), to: Weight(0.0), over: UnitReal::of(0.5) };
        let scheduled = weights(RationaleWeight::Scheduled(schedule));
        check(&scheduled, None, Some([1.0; 7]), 4);
        assert_eq!(scheduled.ramp(), Some(Ramp { from: 2.0, to: 0.0, over: 0.5 }));
        // By score, with mean 1 over the rationale; its end is no token of it that could have a score.
        let scores = scores(" so it is", [1.0, -1.0, 3.0]);
        check(&weights(fixed(1.0)), Some(&scores), Some([1.0, 1.0, 1.0, 0.75, 0.0, 2.25, 1.0]), 0);
        check(&weights(fixed(2.0)), Some(&scores), Some([1.0, 1.0, 1.0, 1.5, 0.0, 4.5, 2.0]), 0);
        check(&scheduled, Some(&scores), Some([1.0, 1.0, 1.0, 0.75, 0.0, 2.25, 1.0]), 4);
        let floor = Weights { floor: UnitReal::of(0.5), ..weights(fixed(1.0)) };
        check(&floor, Some(&scores), Some([1.0, 1.0, 1.0, 0.875, 0.5, 1.625, 1.0]), 0);
    }

    #[test]
    fn scores_must_be_those_of_the_rationale() {
        let plain = weights(fixed(1.0));
        let of = |scores: &Attributions| Weighing::new(&plain, Some(scores)).of(&sequence(), Some(&rationale()));
        assert!(of(&scores(" so it is", [0.0, -1.0, 0.0])).unwrap().unscored);
        let error = |scores: &Attributions| of(scores).err().unwrap().to_string();
        assert!(
            error(&scores(" so it was", [1.0; 3]))
                .contains("of `q`, sample 2: its attribution was made for another text")
        );
        assert!(
            error(&Attributions::default()).contains("of `q`, sample 2: `weights.tokens` has no attribution for it")
        );
        // A question that is trained on its label alone needs no scores.
        let label_alone = Sequence { parts: vec![Part::Prompt; 7], rationale: Vec::new(), ..sequence() };
        assert!(Weighing::new(&plain, Some(&Attributions::default())).of(&label_alone, None).unwrap().tokens.is_none());
    }
}
