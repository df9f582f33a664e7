//! What an operation may ask for while it works.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Range;

use retort_artifact::{Answer, Artifact, Question, Rationale};
use retort_fingerprint::Draw;
use retort_stage::params::Input;
use retort_stage::{Context, StageError};
use retort_text::Fraction;
use retort_text::dataset::quarel::bare;
use retort_text::operation::{Level, units};
use retort_text::tokenizer::Tokenizer;

/// What all steps of a transform work with.
pub struct Supplies<'a> {
    /// The stage's own context.
    pub context: Context<'a>,
    /// Decides what is random.
    pub seed: u64,
    /// The tokenizer that makes tokens, where one is given.
    pub tokenizer: Option<Tokenizer>,
    /// The questions by identifier, where they are given.
    pub questions: Option<BTreeMap<String, Question>>,
    /// The texts that the transform started from, by question and sample.
    pub started: BTreeMap<(String, u32), String>,
}

/// What one step works with.
pub struct Materials<'a> {
    supplies: &'a Supplies<'a>,
    name: &'static str,
    index: usize,
}

impl<'a> Materials<'a> {
    /// Makes the materials of an operation and its place among the steps, from 0.
    pub fn new(supplies: &'a Supplies<'a>, name: &'static str, index: usize) -> Self {
        Self { supplies, name, index }
    }

    /// Changes the text of each rationale by itself, with its own chance; its identifier, sample and label stay. Warns of those
    /// of which nothing is left.
    pub fn each(
        &self,
        rows: Vec<Rationale>,
        mut change: impl FnMut(&Rationale, &mut Draw) -> Result<String, StageError>,
    ) -> Result<Vec<Rationale>, StageError> {
        let (total, mut emptied) = (rows.len(), Vec::new());
        let changed = |row: Rationale| {
            let text = change(&row, &mut self.draw(&row))?;
            if text.trim().is_empty() && !row.text.trim().is_empty() {
                emptied.push(row.id.clone());
            }
            Ok(Rationale { text, kept: None, ..row })
        };
        let changed = rows.into_iter().map(changed).collect();
        self.warn_of(&emptied, total, "are empty now");
        changed
    }

    /// Returns a rationale of which only some places of its text stay, written as `text`. Where they are is noted if the text
    /// is still the one that the transform started from.
    pub fn selected(&self, row: &Rationale, places: &[Range<usize>], text: String) -> Rationale {
        let started = self.supplies.started.get(&(row.id.clone(), row.sample)) == Some(&row.text);
        let kept = started.then(|| places.iter().map(|place| (place.start, place.end)).collect());
        Rationale { text, kept, ..row.clone() }
    }

    /// Returns the chance of a rationale at this step.
    pub fn draw(&self, row: &Rationale) -> Draw {
        self.draw_for(&[&row.id, &row.sample.to_string()])
    }

    /// Returns the chance at this step of whatever some labels name.
    pub fn draw_for(&self, labels: &[&str]) -> Draw {
        self.draw_as(self.name, labels)
    }

    /// Returns the chance that an operation of another name would have in the place of this one, so that both choose alike.
    pub fn draw_as(&self, name: &str, labels: &[&str]) -> Draw {
        let index = self.index.to_string();
        Draw::new(self.supplies.seed, &[&[name, index.as_str()][..], labels].concat())
    }

    /// Returns the places of a rationale's units.
    pub fn units(&self, row: &Rationale, level: Level) -> Result<Vec<Range<usize>>, StageError> {
        units(&row.text, level, self.supplies.tokenizer.as_ref())
            .map_err(|why| self.fail(format!("the units of the rationale of `{}` cannot be found: {why}", row.id)))
    }

    /// Returns the question of a rationale.
    pub fn question(&self, row: &Rationale) -> Result<&'a Question, StageError> {
        let Some(questions) = &self.supplies.questions else {
            return Err(self.fail("it goes by the questions, and the stage has none; name them as `questions`"));
        };
        let unknown = || self.fail(format!("the rationale of `{}` belongs to no question of the split", row.id));
        questions.get(&row.id).ok_or_else(unknown)
    }

    /// Returns the right answer to the question of a rationale, with its words by themselves: those of a choice without the
    /// full stop or the `or` that may stand behind them in the question.
    pub fn answer(&self, row: &Rationale) -> Result<(&'a Answer, &'a str), StageError> {
        let question = self.question(row)?;
        let words =
            |answer: &'a Answer| question.words(answer).map(|text| if answer.is_choice() { bare(text) } else { text });
        let answer = question.answer.as_ref().and_then(|answer| Some((answer, words(answer)?)));
        answer.ok_or_else(|| self.fail(format!("the question `{}` has no known answer", row.id)))
    }

    /// Reads the artifact at a port.
    pub fn read<A: Artifact>(&self, input: &Input<A>) -> Result<A, StageError> {
        self.supplies.context.read(input)
    }

    /// Returns the stage's own context, for files.
    pub fn context(&self) -> &Context<'a> {
        &self.supplies.context
    }

    /// Makes an error of this step.
    pub fn fail(&self, why: impl Display) -> StageError {
        StageError::data(format!("cannot do {self}: {why}"))
    }

    /// Warns of something that does not stop this step.
    pub fn warn(&self, message: impl Display) {
        self.supplies.context.warn(format!("{self}: {message}"));
    }

    /// Warns of something that is so of some questions, if there are any.
    pub fn warn_of(&self, ids: &[String], total: usize, what: impl Display) {
        if !ids.is_empty() {
            self.warn(format!("{} of {total} rationales {what}: {}", ids.len(), named(ids)));
        }
    }

    /// Warns of rationales in which a fraction comes to nothing; a fraction of 0 is meant to.
    pub fn warn_rounded(&self, ids: &[String], total: usize, fraction: Option<Fraction>, unit: &str) {
        if let Some(fraction) = fraction.filter(|fraction| *fraction > Fraction::ZERO) {
            self.warn_of(ids, total, format!("stay as they are, since {fraction} of their {unit}s rounds to none"));
        }
    }
}

/// Names the step as `explain` does, such as `steps[0].mask`.
impl Display for Materials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`steps[{}].{}`", self.index, self.name)
    }
}

/// Names the first few of some identifiers, each once.
pub(super) fn named<'i>(ids: impl IntoIterator<Item = &'i String>) -> String {
    const SHOWN: usize = 5;
    let mut seen = BTreeSet::new();
    let ids: Vec<&String> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
    let shown = ids.iter().take(SHOWN).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    if ids.len() > SHOWN { format!("{shown} and {} more", ids.len() - SHOWN) } else { shown }
}
