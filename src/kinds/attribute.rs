//! `attribute`: how much each token of a rationale matters to the label.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use retort_artifact::{
    Attribution, Attributions, Checkpoint, Completeness, Placement, Question, Rationale, Rationales, TokenScore, Usage,
};
use retort_fingerprint::{ContentHash, Draw, RowKey, Term, Words};
use retort_model::{Budget, Request, Scores};
use retort_stage::{Coming, Context, Misfit, Slot, Stage, StageError};
use retort_text::tokenizer::Tokenizer;

use super::chosen::Scoring;
use super::evaluate::{Loaded, student_term};
use super::scorer::Attribute;
use super::sequence::{Sequences, data};

/// The parts of a student that say how its sequences are put together.
const WRITING_PARTS: [&str; 2] = ["tokenizer", "usage"];

/// A row as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    scores: Vec<f64>,
    /// The completeness error and the change of the function.
    completeness: Option<(f64, f64)>,
}

/// A rationale in its sequence.
struct Work<'a> {
    rationale: &'a Rationale,
    /// The tokens before the label.
    before: Vec<u32>,
    /// The label.
    target: u32,
    /// Where the rationale's tokens stand in `before`.
    scored: Vec<usize>,
    /// Where each stands in the rationale's text.
    spans: Vec<(usize, usize)>,
}

impl Stage for Attribute {
    type Output = Attributions;

    const NAME: &'static str = "attribute";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "How much each token of a rationale matters to the label.";
    const EXAMPLE: &'static str = "{ model: before-student, questions: questions, rationales: rationales, steps: 20 }";

    fn slot(&self) -> Slot {
        if self.method.is_random() { Slot::Worker } else { Slot::Device }
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match port {
            "model" if self.method.is_random() => Some(WRITING_PARTS.map(str::to_owned).to_vec()),
            "model" => Some(Checkpoint::MODEL_PARTS.map(str::to_owned).to_vec()),
            "questions" => Some(vec![self.split.name().to_owned()]),
            _ => None,
        }
    }

    fn misfits(&self, coming: &[Coming]) -> Vec<Misfit> {
        let student = coming.iter().find(|coming| coming.port == "model");
        let placement = student.and_then(|student| student.told("placement"));
        let other = placement.filter(|placement| *placement != Placement::Before.word());
        let misfit = |placement: &str| Misfit {
            field: "model".into(),
            message: needs_rationale_first(placement),
            hint: Some("name a student that is trained with `placement: before`".into()),
        };
        other.map(misfit).into_iter().collect()
    }

    fn run(&self, context: &Context<'_>) -> Result<Attributions, StageError> {
        let rationales = context.read(&self.rationales)?;
        let tokenizer = Tokenizer::from_json(&context.part(&self.model, "tokenizer")?).map_err(data)?;
        let usage: Usage = serde_json::from_slice(&context.part(&self.model, "usage")?).map_err(data)?;
        let work = self.work(context, &rationales, &usage, &tokenizer)?;
        let mask = || tokenizer.id("[MASK]").ok_or_else(|| data("the tokenizer has no `[MASK]` for the baseline"));
        let rows = match self.scoring(mask)? {
            Some(scoring) => self.scored(context, &scoring, &work)?,
            None => work.iter().map(|work| drawn(self.seed.0, work)).collect(),
        };
        let bound = self.completeness_bound.get();
        let found = Attributions { rows: work.iter().zip(rows).map(|(work, row)| row.of(work, bound)).collect() };
        if let Some(summary) = found.completeness().filter(|summary| summary.beyond > 0) {
            context.warn(format!(
                "for {} of {} rationales the attributions miss the change of the function by more than {bound} of it \
                 (on average {:.3}, at most {:.3}): raise `steps`",
                summary.beyond, summary.rows, summary.fraction_mean, summary.fraction_max
            ));
        }
        Ok(found)
    }
}

fn needs_rationale_first(placement: &str) -> String {
    format!(
        "attribution needs a student whose rationale comes before its label, and this one is trained with \
         `placement: {placement}`"
    )
}

impl Attribute {
    /// Puts every rationale into its sequence.
    fn work<'a>(
        &self,
        context: &Context<'_>,
        rationales: &'a Rationales,
        usage: &Usage,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<Work<'a>>, StageError> {
        let questions = context.read(&self.questions)?;
        if usage.format.placement != Placement::Before {
            return Err(data(needs_rationale_first(usage.format.placement.word())));
        }
        let sequences = Sequences::new(usage, tokenizer)?;
        let by_id: BTreeMap<&str, &Question> =
            questions.split(self.split).iter().map(|question| (question.id.as_str(), question)).collect();
        let work = |rationale: &'a Rationale| {
            let Some((question, label)) = by_id.get(rationale.id.as_str()).and_then(|q| Some((*q, q.answer.as_ref()?)))
            else {
                return Err(data(format!("rationale `{}` belongs to no question with a known answer", rationale.id)));
            };
            let mut sequence = sequences.with_target(question, label, &rationale.text)?;
            let target = sequence.ids[sequence.label_at];
            sequence.ids.truncate(sequence.label_at);
            // Places are counted in the trimmed text, which is what the student reads.
            let offset = rationale.text.len() - rationale.text.trim_start().len();
            let span = |(_, span): &(usize, Range<usize>)| (span.start + offset, span.end + offset);
            Ok(Work {
                rationale,
                before: sequence.ids,
                target,
                scored: sequence.rationale.iter().map(|(at, _)| *at).collect(),
                spans: sequence.rationale.iter().map(span).collect(),
            })
        };
        rationales.rows.iter().map(work).collect()
    }

    /// Scores what was not scored before; rows that run together are kept as soon as they are scored.
    fn scored(&self, context: &Context<'_>, scoring: &Scoring<'_>, work: &[Work<'_>]) -> Result<Vec<Row>, StageError> {
        let loaded = Loaded::from(context, &self.model)?;
        for work in work {
            work.request().check(&loaded.model).map_err(|why| {
                let id = &work.rationale.id;
                data(format!(
                    "cannot attribute the rationale of question `{id}`, {why}: shorten it with a transform, or take a \
                     student with a larger `context`",
                ))
            })?;
        }
        let rows = context.rows("attribute")?;
        let student = student_term(context, &self.model)?;
        let keys: Vec<RowKey> = work.iter().map(|work| self.key(&student, work)).collect();
        let mut found: Vec<Option<Row>> = Vec::with_capacity(work.len());
        for (key, work) in keys.iter().zip(work) {
            let known = rows.get(key)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let blank = work.scored.is_empty().then(|| Row { scores: Vec::new(), completeness: None });
            found.push(blank.or(known));
        }
        let open: Vec<usize> = (0..work.len()).filter(|index| found[*index].is_none()).collect();
        let budget = Budget::of(self.positions.get());
        let mut done = work.len() - open.len();
        let mut open = open.as_slice();
        while !open.is_empty() {
            if context.stopping() {
                rows.flush()?;
                return Err(StageError::Stopped);
            }
            let positions = |index: &usize| scoring.passes(work[*index].scored.len()) * work[*index].before.len();
            let (some, rest) = open.split_at(together(open.iter().map(positions), budget.positions()));
            let requests: Vec<Request<'_>> = some.iter().map(|&index| work[index].request()).collect();
            let scores = scoring.score(&loaded.model, &requests, &budget)?;
            for (&index, scores) in some.iter().zip(scores) {
                let row = Row::from(scores);
                row.check(&work[index].rationale.id)?;
                rows.put(keys[index], &serde_json::to_vec(&row).map_err(data)?)?;
                found[index] = Some(row);
            }
            done += some.len();
            open = rest;
            context.progress(done as u64, work.len() as u64, "rationales");
        }
        rows.flush()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// What a row depends on: of the student all, of the stage what its method uses, and its own sequence.
    fn key(&self, student: &Term, work: &Work<'_>) -> RowKey {
        let target = self.method.sees_label().then_some(work.target);
        RowKey::of(&Term::record([
            ("student", student.clone()),
            ("ids", work.before.term()),
            ("target", target.term()),
            ("scored", work.scored.term()),
            ("options", self.options_term()),
            ("revision", Self::REVISION.term()),
        ]))
    }
}

impl Work<'_> {
    fn request(&self) -> Request<'_> {
        let position = self.before.len().saturating_sub(1);
        Request { ids: &self.before, position, target: self.target, scored: &self.scored }
    }
}

impl Row {
    /// Refuses scores that are no numbers.
    fn check(&self, id: &str) -> Result<(), StageError> {
        let Self { scores, completeness } = self;
        let ends = completeness.map_or([0.0; 2], |(error, change)| [error, change]);
        if scores.iter().chain(&ends).all(|score| score.is_finite()) {
            return Ok(());
        }
        Err(data(format!(
            "the scores of the rationale of question `{id}` are not finite: did the student's training diverge? See \
             `retort show` of its `train` stage"
        )))
    }

    fn of(self, work: &Work<'_>, bound: f64) -> Attribution {
        let token = |(&span, score)| TokenScore { span, score };
        Attribution {
            id: work.rationale.id.clone(),
            sample: work.rationale.sample,
            text: work.rationale.text.clone(),
            tokens: work.spans.iter().zip(self.scores).map(token).collect(),
            completeness: self.completeness.map(|(error, change)| {
                let found = Completeness { error, change, beyond: false };
                Completeness { beyond: found.fraction() > bound, ..found }
            }),
        }
    }
}

impl From<Scores> for Row {
    fn from(scores: Scores) -> Self {
        let Scores { per_token, completeness } = scores;
        Self {
            scores: per_token,
            completeness: completeness.map(|ends| (ends.delta.abs(), ends.value - ends.value_baseline)),
        }
    }
}

/// Scores a rationale's tokens by chance, by its own.
fn drawn(seed: u64, work: &Work<'_>) -> Row {
    let Rationale { id, sample, .. } = work.rationale;
    let mut draw = Draw::new(seed, &["attribute", id, &sample.to_string()]);
    Row { scores: work.scored.iter().map(|_| draw.unit()).collect(), completeness: None }
}

/// How many of some rows run together, one at least, so that they come to `most` positions or fewer.
fn together(positions: impl Iterator<Item = usize>, most: usize) -> usize {
    let sums = positions.scan(0, |sum: &mut usize, positions| {
        *sum = sum.saturating_add(positions);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= most).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rows_run_together_as_fit_and_one_at_least() {
        let count = |positions: &[usize], most| together(positions.iter().copied(), most);
        assert_eq!([count(&[9, 9], 5), count(&[2, 3, 1], 5), count(&[2, 3], 9), count(&[], 9)], [1, 2, 2, 1]);
    }
}
