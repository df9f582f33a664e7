//! `lens`: what each layer of a student would say next, while it answers.

pub mod params;
mod report;
mod text;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::failed::{model_failed, weights_failed};
use retort_artifact::{
    Checkpoint, LayerReading, Question, Rationales, ReadingRow, ReadingSummary, Readings, Translators as Trained,
};
use retort_fingerprint::{ContentHash, Digest, RowKey, Term};
use retort_model::{
    Budget, LensError, LensLimits, LensRequest, Reading, Translators, WeightsError, WeightsFile, read_layers,
};
use retort_stage::{Clash, Context, Slot, Stage, StageError};
use retort_text::tokenizer::Tokenizer;

use super::evaluate::{Loaded, student_term};
use super::sequence::{Sequences, data};

pub use self::params::{LabelRule, Lens, Occurrence, Text};
pub use self::report::LensReport;
use self::text::{Scribe, Work};
use retort_artifact::Lens as Through;

/// A row as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    layers: Vec<LayerReading>,
    /// Whether the student's likeliest token is the label's, at each place of the label.
    said: bool,
}

impl Stage for Lens {
    type Output = Readings;

    const NAME: &'static str = "lens";
    const REVISION: u32 = 3;
    const ABOUT: &'static str = "What each layer of a student would say next, while it answers.";
    const EXAMPLE: &'static str = "{ model: tuned, questions: questions, split: test, translators: tuned-lens }";

    fn check(&self) -> Result<(), Clash> {
        if self.method == Through::Tuned && self.translators.is_none() {
            return Err(Clash {
                field: "method",
                why: "`method: tuned` needs `translators`".to_owned(),
                hint: "name a stage of kind `tuned_lens`, or read through `logit`".to_owned(),
            });
        }
        if self.text == Text::Generated && self.rationales.is_some() {
            return Err(Clash {
                field: "rationales",
                why: "`rationales` mean nothing to `text: generated`, where the student writes its own".to_owned(),
                hint: "add `text: forced`, or leave them out".to_owned(),
            });
        }
        Ok(())
    }

    fn slot(&self) -> Slot {
        Slot::Device
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match port {
            "model" => Some(Checkpoint::MODEL_PARTS.map(str::to_owned).to_vec()),
            "questions" => Some(vec![self.split.name().to_owned()]),
            // What is not used decides nothing.
            "translators" if self.method == Through::Logit => Some(Vec::new()),
            "rationales" if self.text == Text::Generated => Some(Vec::new()),
            _ => None,
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<Readings, StageError> {
        let questions = context.read(&self.questions)?;
        let all = questions.split(self.split);
        let known: Vec<&Question> = all.iter().filter(|question| question.answer.is_some()).collect();
        if known.len() < all.len() {
            let without = all.len() - known.len();
            context
                .warn(format!("{without} questions of split `{}` have no known answer and are left out", self.split));
        }
        if known.is_empty() {
            return Err(data(format!("split `{}` has no question with a known answer", self.split)));
        }
        let loaded = Loaded::from(context, &self.model)?;
        let layers = self.layers_of(loaded.model.config().layers())?;
        let translators = self.translators(context, &loaded)?;
        let scribe = Scribe {
            lens: self,
            loaded: &loaded,
            sequences: Sequences::new(&loaded.checkpoint.usage, &loaded.tokenizer)?,
        };
        let rationales = match (&self.rationales, self.text) {
            (Some(rationales), Text::Forced) => context.read(rationales)?,
            _ => Rationales::default(),
        };
        let (work, without_rationale) = scribe.work(context, &known, &rationales)?;
        let rows = self.rows(context, &loaded, &layers, translators.as_ref(), &work)?;
        let rows: Vec<ReadingRow> = work
            .iter()
            .zip(rows)
            .map(|(work, row)| self.assembled(work, row, &loaded.tokenizer))
            .collect::<Result<_, _>>()?;
        let count = |of: fn(&ReadingRow) -> bool| rows.iter().filter(|row| of(row)).count();
        let summary = ReadingSummary {
            lens: self.method,
            layers: layers.into_iter().collect(),
            last: loaded.model.config().layers(),
            questions: rows.len(),
            correct: count(|row| row.correct),
            without_label: count(|row| row.label_at.is_none()),
            several_tokens: count(|row| row.label_tokens > 1),
            without_rationale,
        };
        self.tell(context, &summary);
        Ok(Readings { rows, summary })
    }
}

impl Lens {
    /// The layers that are read of a student with so many blocks.
    fn layers_of(&self, last: usize) -> Result<BTreeSet<usize>, StageError> {
        let Some(asked) = &self.layers else { return Ok((0..=last).collect()) };
        let asked: BTreeSet<usize> = asked.iter().map(|layer| usize::try_from(*layer).unwrap_or(usize::MAX)).collect();
        let lacking: Vec<String> = asked.iter().filter(|layer| **layer > last).map(ToString::to_string).collect();
        if asked.is_empty() || !lacking.is_empty() {
            return Err(data(format!(
                "cannot read {}: the student has {last} blocks, so its layers are 0 (its embeddings) to {last} (its output); \
                 change `layers`, or leave it out for all of them",
                if lacking.is_empty() { "no layer at all".to_owned() } else { format!("layer {}", lacking.join(", ")) },
            )));
        }
        Ok(asked)
    }

    fn translators(&self, context: &Context<'_>, loaded: &Loaded) -> Result<Option<Translators>, StageError> {
        let Some(input) = self.translators.as_ref().filter(|_| self.method == Through::Tuned) else { return Ok(None) };
        let Trained { weights, log } = context.read(input)?;
        let own = context.parts(&self.model)?.get("weights").map(Digest::hex);
        if own.is_some_and(|own| own != log.student) {
            context.warn(
                "the translators were trained for a student with other weights: what they show is of a lens that was not \
                 made for this one",
            );
        }
        let file = WeightsFile::new("translators.safetensors", context.open_part(&weights)?);
        Translators::read(file, loaded.model.config()).map(Some).map_err(|error| match error {
            WeightsError::Misfit { .. } => {
                data(format!("{error}; train translators of this student with `tuned_lens`"))
            }
            other => weights_failed(other),
        })
    }

    /// Reads what was not read before; rows that are read together are kept as soon as they are.
    fn rows(
        &self,
        context: &Context<'_>,
        loaded: &Loaded,
        layers: &BTreeSet<usize>,
        translators: Option<&Translators>,
        work: &[Work<'_>],
    ) -> Result<Vec<Row>, StageError> {
        let rows = context.rows("lens")?;
        let student = student_term(context, &self.model)?;
        let lens = match &self.translators {
            Some(input) if translators.is_some() => context.parts(input)?.get("translators").copied(),
            _ => None,
        };
        let key = |work: &Work<'_>| {
            let (ids, read) = (&work.ids[..work.read.end], &work.read);
            RowKey::of(&Term::record([
                ("student", student.clone()),
                ("translators", lens.term()),
                ("ids", ids.term()),
                ("from", read.start.term()),
                ("targets", work.targets.term()),
                ("label", work.label.as_ref().map(|label| (label.start, label.end)).term()),
                ("layers", layers.iter().copied().collect::<Vec<usize>>().term()),
                ("positions", self.positions.term()),
                ("logits", self.logits.term()),
                ("revision", Self::REVISION.term()),
            ]))
        };
        let keys: Vec<RowKey> = work.iter().map(key).collect();
        let mut found: Vec<Option<Row>> = Vec::with_capacity(work.len());
        for key in &keys {
            found.push(rows.get(key)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()));
        }
        let open: Vec<usize> = (0..work.len()).filter(|index| found[*index].is_none()).collect();
        let limits = LensLimits { budget: Budget::of(self.positions.get()), logits_max: self.logits.get() };
        // The student's own word is always asked for: it says whether the label is what it writes.
        let last = loaded.model.config().layers();
        let asked: Vec<usize> = layers.iter().copied().chain((!layers.contains(&last)).then_some(last)).collect();
        let mut done = work.len() - open.len();
        for batch in open.chunks(self.batch.get()) {
            if context.stopping() {
                rows.flush()?;
                return Err(StageError::Stopped);
            }
            let requests: Vec<LensRequest<'_>> = batch.iter().map(|index| work[*index].request()).collect();
            let read =
                read_layers(&loaded.model, &requests, &asked, translators, &limits).map_err(|error| match error {
                    LensError::Model(error) => model_failed(error),
                    other => data(other),
                })?;
            for (&index, grid) in batch.iter().zip(read) {
                let row = Row::of(&work[index], &asked, &grid, layers.len(), &loaded.tokenizer)?;
                rows.put(keys[index], &serde_json::to_vec(&row).map_err(data)?)?;
                found[index] = Some(row);
            }
            done += batch.len();
            context.progress(done as u64, work.len() as u64, "questions");
        }
        rows.flush()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Puts a row together by the stage's rule for labels of several tokens.
    fn assembled(&self, work: &Work<'_>, row: Row, tokenizer: &Tokenizer) -> Result<ReadingRow, StageError> {
        let Row { mut layers, said } = row;
        let label_at = work.label.as_ref().map(|label| label.start - work.from());
        let label_tokens = work.label.as_ref().map_or(work.spelled.len(), ExactSizeIterator::len);
        if let (Some(at), LabelRule::All) = (label_at, self.label) {
            for layer in &mut layers {
                layer.probability[at] = layer.probability[at..at + label_tokens].iter().product();
            }
        }
        let tokens = work.ids[work.from()..=work.read.end].iter().map(|id| shown(tokenizer, *id));
        Ok(ReadingRow {
            id: work.question.id.clone(),
            answer: work.answer.clone(),
            correct: work.correct.unwrap_or(said),
            tokens: tokens.collect::<Result<_, _>>()?,
            skipped: work.from() - work.output_from,
            label_at,
            label_tokens,
            layers,
        })
    }

    fn tell(&self, context: &Context<'_>, summary: &ReadingSummary) {
        let ReadingSummary { questions, without_label, several_tokens, without_rationale, .. } = summary;
        if *without_rationale > 0 {
            context.warn(format!("{without_rationale} questions have no rationale to be read on, and are left out"));
        }
        if *without_label > 0 {
            context.warn(format!(
                "in the text of {without_label} of {questions} questions the right label never occurs: they are kept, and have \
                 no part in what is said of the label",
            ));
        }
        if *several_tokens > 0 {
            let rule = match self.label {
                LabelRule::First => "the probability of the first stands for all (`label: first`)",
                LabelRule::All => "its probability is the product of theirs (`label: all`)",
            };
            context.warn(format!("the label of {several_tokens} of {questions} questions has several tokens: {rule}"));
        }
    }
}

impl Row {
    /// Takes what was read of the first `kept` of the layers; the last one of all is the student's output.
    fn of(
        work: &Work<'_>,
        layers: &[usize],
        grid: &[Vec<Reading>],
        kept: usize,
        tokenizer: &Tokenizer,
    ) -> Result<Self, StageError> {
        let finite = |reading: &Reading| {
            let Reading { top: _, top_probability, probability, entropy, divergence, rank: _ } = *reading;
            [top_probability, probability, entropy, divergence].iter().all(|number| number.is_finite())
        };
        if !grid.iter().flatten().all(finite) {
            return Err(data(format!(
                "what the layers say of question `{}` is not finite: did the student's training diverge? See `retort show` \
                 of its `train` stage",
                work.question.id
            )));
        }
        let mut names: BTreeMap<u32, String> = BTreeMap::new();
        for reading in grid.iter().flatten() {
            if let Entry::Vacant(place) = names.entry(reading.top) {
                place.insert(shown(tokenizer, reading.top)?);
            }
        }
        let layer = |(&layer, row): (&usize, &Vec<Reading>)| LayerReading {
            layer,
            top: row.iter().map(|reading| names[&reading.top].clone()).collect(),
            top_probability: row.iter().map(|reading| reading.top_probability).collect(),
            probability: row.iter().map(|reading| reading.probability).collect(),
            entropy: row.iter().map(|reading| reading.entropy).collect(),
            divergence: row.iter().map(|reading| reading.divergence).collect(),
            rank: row.iter().map(|reading| reading.rank).collect(),
        };
        let said = match (&work.label, grid.last()) {
            (Some(label), Some(last)) => label.clone().all(|at| last[at - work.from()].top == work.ids[at]),
            _ => false,
        };
        Ok(Self { layers: layers.iter().zip(grid).take(kept).map(layer).collect(), said })
    }
}

/// Writes a token as a reader knows it.
fn shown(tokenizer: &Tokenizer, id: u32) -> Result<String, StageError> {
    let text = tokenizer.decode(&[id]).map_err(data)?;
    Ok(if text.is_empty() { tokenizer.token(id).unwrap_or_default() } else { text })
}
