//! `attribute`: how much each token of a rationale matters to the label.

use serde::{Deserialize, Serialize};

use crate::artifact::{
    Attribution, Attributions, Checkpoint, Placement, Question, Questions, Rationale, Rationales, Split, TokenScore,
};
use crate::fingerprint::{ContentHash, RowKey, Term};
use crate::model::{self, AttributeError, AttributeOptions, Attributed, Quadrature, Reduction, integrated_gradients};
use crate::stage::params::{Count, Input, PositiveReal};
use crate::stage::{Context, Slot, Stage, StageError};

use super::evaluate::{Loaded, student_term};
use super::sequence::{Sequences, data};

crate::words!(Attributed { Logit = "logit", LogProbability = "log_probability", Probability = "probability" });
crate::words!(Quadrature { GaussLegendre = "gauss_legendre", RiemannRight = "riemann_right" });
crate::words!(Reduction { Sum = "sum", L2 = "l2" });

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

crate::params! {
    /// Integrated gradients of the label over the rationale's embeddings, of a student that reasons before it answers.
    pub struct Attribute {
        /// A student whose rationale comes before its label.
        pub model: Input<Checkpoint>,
        /// The questions.
        pub questions: Input<Questions>,
        /// The rationales to attribute.
        pub rationales: Input<Rationales>,
        /// The split the rationales belong to.
        pub split: Split = Split::Train,
        /// What is attributed: the label's `logit`, `log_probability` or `probability`.
        pub function: Attributed = Attributed::Logit,
        /// What stands for the absence of a token: a `zero` embedding, the `mean` one, or that of `[MASK]`.
        pub baseline: Baseline = Baseline::Zero,
        /// The rule of integration; the paper's is `riemann_right`.
        pub quadrature: Quadrature = Quadrature::GaussLegendre,
        /// Places at which the gradient is taken.
        pub steps: Count = Count::of(20),
        /// How a token's score is made of its embedding's: their `sum`, or `l2` norm.
        pub reduction: Reduction = Reduction::Sum,
        /// A warning is given where the attributions miss the change of the function by more than this share of it.
        pub completeness_bound: PositiveReal = PositiveReal::of(0.05),
    }
}

/// A row as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    scores: Vec<f64>,
    error: f64,
    share: f64,
}

impl Stage for Attribute {
    type Output = Attributions;

    const NAME: &'static str = "attribute";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Integrated gradients of the label over the rationale's tokens.";
    const EXAMPLE: &'static str = "{ model: before-student, questions: questions, rationales: rationales, steps: 20 }";

    fn slot(&self) -> Slot {
        Slot::Device
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match port {
            "model" => Some(Checkpoint::MODEL_PARTS.map(str::to_owned).to_vec()),
            "questions" => Some(vec![self.split.name().to_owned()]),
            _ => None,
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<Attributions, StageError> {
        let questions = context.read(&self.questions)?;
        let rationales = context.read(&self.rationales)?;
        let loaded = Loaded::from(context, &self.model)?;
        let usage = &loaded.checkpoint.usage;
        if usage.format.placement != Placement::Before {
            let why = format!(
                "attribution needs a student whose rationale comes before its label, and this one was trained with \
                 `placement: {}`",
                usage.format.placement
            );
            return Err(data(why));
        }
        let sequences = Sequences::new(usage, &loaded.tokenizer)?;
        let options = self.options(&loaded)?;
        let rows = context.rows("attribute")?;
        let student = student_term(context, &self.model)?;
        let by_id: std::collections::BTreeMap<&str, &Question> =
            questions.split(self.split).iter().map(|question| (question.id.as_str(), question)).collect();
        let total = rationales.rows.len();
        let mut found = Vec::with_capacity(total);
        let mut beyond = 0;
        for (index, rationale) in rationales.rows.iter().enumerate() {
            let Some((question, label)) = by_id.get(rationale.id.as_str()).and_then(|q| Some((*q, q.answer?))) else {
                return Err(data(format!("rationale `{}` belongs to no question with a known answer", rationale.id)));
            };
            let sequence = sequences.with_target(question, label, &rationale.text)?;
            let (before, target) = (&sequence.ids[..sequence.label_at], sequence.ids[sequence.label_at]);
            let key = RowKey::of(&Term::record([
                ("student", student.clone()),
                ("ids", before.term()),
                ("target", target.term()),
                ("options", self.options_term()),
                ("revision", Self::REVISION.term()),
            ]));
            let known = rows.get(&key)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let row = if let Some(row) = known {
                row
            } else {
                if context.stopping() {
                    rows.flush()?;
                    return Err(StageError::Stopped);
                }
                let row = row(&loaded, before, target, &sequence.rationale, &options)?;
                rows.put(key, &serde_json::to_vec(&row).map_err(data)?)?;
                row
            };
            beyond += usize::from(row.share > self.completeness_bound.get());
            found.push(attribution(rationale, &sequence.rationale, row));
            context.progress(index as u64 + 1, total as u64, "rationales");
        }
        rows.flush()?;
        if beyond > 0 {
            context.warn(format!(
                "for {beyond} of {total} rationales the attributions miss the change of the function by more than {} of it: \
                 raise `steps`",
                self.completeness_bound.get()
            ));
        }
        Ok(Attributions { rows: found })
    }
}

impl Attribute {
    fn options(&self, loaded: &Loaded) -> Result<AttributeOptions, StageError> {
        let mask =
            || loaded.tokenizer.id("[MASK]").ok_or_else(|| data("the tokenizer has no `[MASK]` for the baseline"));
        Ok(AttributeOptions {
            function: self.function,
            baseline: match self.baseline {
                Baseline::Zero => model::Baseline::Zero,
                Baseline::Mean => model::Baseline::MeanEmbedding,
                Baseline::Mask => model::Baseline::Token(mask()?),
            },
            quadrature: self.quadrature,
            steps: self.steps.get(),
            reduction: self.reduction,
            ..AttributeOptions::default()
        })
    }

    fn options_term(&self) -> Term {
        let Self {
            model: _,
            questions: _,
            rationales: _,
            split: _,
            completeness_bound: _,
            function,
            baseline,
            quadrature,
            steps,
            reduction,
        } = self;
        Term::List(vec![function.term(), baseline.term(), quadrature.term(), steps.term(), reduction.term()])
    }
}

fn row(
    loaded: &Loaded,
    before: &[u32],
    target: u32,
    rationale: &[(usize, std::ops::Range<usize>)],
    options: &AttributeOptions,
) -> Result<Row, StageError> {
    let found =
        integrated_gradients(&loaded.model, before, before.len() - 1, target, options).map_err(
            |error| match error {
                AttributeError::Model(error) => error.into(),
                other => data(other),
            },
        )?;
    let scores = rationale.iter().map(|(at, _)| f64::from(found.per_token[*at])).collect();
    let (error, change) = (found.completeness_delta.abs(), (found.value - found.value_baseline).abs());
    Ok(Row { scores, error, share: error / change.max(f64::MIN_POSITIVE) })
}

fn attribution(rationale: &Rationale, places: &[(usize, std::ops::Range<usize>)], row: Row) -> Attribution {
    // Places are counted in the trimmed text, which is what the student reads.
    let offset = rationale.text.len() - rationale.text.trim_start().len();
    let token = |((_, span), score): (&(usize, std::ops::Range<usize>), f64)| TokenScore {
        span: (span.start + offset, span.end + offset),
        score,
    };
    Attribution {
        id: rationale.id.clone(),
        sample: rationale.sample,
        text: rationale.text.clone(),
        tokens: places.iter().zip(row.scores).map(token).collect(),
        completeness_error: row.error,
    }
}
