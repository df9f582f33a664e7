//! A program of one's own: `retort` with a kind of stage, an operation, a dataset format and an attribution method more.
//!
//! ```console
//! $ cargo run --release --example additions -- run examples/additions.yaml
//! $ cargo test --release --example additions
//! ```
//!
//! Each addition is a declaration of its parameters and an implementation of one trait. The key, the schema, the errors with
//! line and caret, `explain` and the cache come from what is declared here. Raise an addition's `REVISION` whenever the same
//! parameters give another result: it enters the key, so that nobody is served what the earlier code made.

use std::process::ExitCode;

use retort::artifact::{Answer, Choice, Label, Question, Questions, Rationale, Rationales, Split};
use retort::kinds::Registry;
use retort::kinds::dataset::DatasetFormat;
use retort::kinds::method::AttributionMethod;
use retort::kinds::transform::{Materials, Operation};
use retort::model::{Budget, Continuation, Model, Request, log_probabilities};
use retort::stage::params::{Count, External, Input};
use retort::stage::{Context, Stage, StageError};
use retort::text::operation::{Level, exchanged};

// An operation: a step of a `transform` stage. The doc comments are what editors show.
retort::params! {
    /// Writes each word of the rationale backwards.
    pub struct Mirror {
        /// Words with fewer letters stay as they are.
        pub letters_min: Count = Count::of(1),
    }
}

impl Operation for Mirror {
    const NAME: &'static str = "mirror";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Writes each word of the rationale backwards.";

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        materials.each(rows, |row, _chance| {
            let units = materials.units(row, Level::Word)?;
            let words =
                units.into_iter().map(|place| (place.clone(), mirrored(&row.text[place], self.letters_min.get())));
            let words: Vec<_> = words.collect();
            Ok(exchanged(&row.text, words.iter().map(|(place, word)| (place.clone(), word.as_str()))))
        })
    }
}

fn mirrored(word: &str, letters_min: usize) -> String {
    if word.chars().count() < letters_min { word.to_owned() } else { word.chars().rev().collect() }
}

// A dataset format: a word for the field `format`.
retort::params! {
    /// Lines of three columns between tabs: a question, its right answer and a wrong one.
    pub struct Columns {
        /// The train split.
        pub train: External,
        /// The test split.
        pub test: External,
    }
}

impl DatasetFormat for Columns {
    const NAME: &'static str = "columns";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Lines of a question, its right answer and a wrong one, between tabs.";

    fn read(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        let mut questions = Questions::default();
        for (split, file) in [(Split::Train, &self.train), (Split::Test, &self.test)] {
            let text = String::from_utf8(context.file(file)?).map_err(|error| StageError::data(error.to_string()))?;
            let place = |line: usize| format!("`{}`, line {}", context.path_of(file), line + 1);
            let rows = text.lines().enumerate().map(|(line, text)| {
                question(line, text).ok_or_else(|| StageError::data(format!("{}: expected three columns", place(line))))
            });
            questions.splits.insert(split, rows.collect::<Result<_, _>>()?);
        }
        Ok(questions)
    }
}

/// Reads one line; the right answer comes first in every other one.
fn question(line: usize, text: &str) -> Option<Question> {
    let [stem, right, wrong] = text.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let texts = if line.is_multiple_of(2) { [right, wrong] } else { [wrong, right] };
    let choice = |(at, text): (usize, &&str)| Some(Choice { label: Label::at(at)?, text: (*text).to_owned() });
    Some(Question {
        id: format!("q{line}"),
        stem: stem.to_owned(),
        choices: texts.iter().enumerate().map(choice).collect::<Option<_>>()?,
        answer: Answer::at(line % 2),
        rationale: Some(format!("It is {right}, and never {wrong}.")),
        ..Question::default()
    })
}

// A kind of stage: a key of its own in a pipeline.
retort::params! {
    /// Writes the rationales of two stages one behind the other.
    pub struct Append {
        /// What comes first.
        pub first: Input<Rationales>,
        /// What comes behind it, for the same questions and samples.
        pub second: Input<Rationales>,
    }
}

impl Stage for Append {
    type Output = Rationales;

    const NAME: &'static str = "append";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Writes the rationales of two stages one behind the other.";
    const EXAMPLE: &'static str = "{ first: rationales, second: mirrored }";

    fn run(&self, context: &Context<'_>) -> Result<Rationales, StageError> {
        let mut appended = context.read(&self.first)?;
        let second = context.read(&self.second)?;
        for row in &mut appended.rows {
            let same = |other: &&Rationale| other.id == row.id && other.sample == row.sample;
            let Some(other) = second.rows.iter().find(same) else {
                return Err(StageError::data(format!("`second` has no rationale for question `{}`", row.id)));
            };
            row.text = format!("{} {}", row.text, other.text);
        }
        Ok(appended)
    }
}

// An attribution method: what the field `method` of an `attribute` stage may name.
retort::params! {
    /// What the label loses, in nats, where a token is left out of the sequence.
    pub struct Deletion {}
}

impl AttributionMethod for Deletion {
    const NAME: &'static str = "deletion";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "What the label loses, in nats, where a token is left out of the sequence.";

    fn score(&self, model: &Model, requests: &[Request<'_>], budget: &Budget) -> Result<Vec<Vec<f64>>, StageError> {
        let sequences: Vec<Vec<Vec<u32>>> = requests.iter().map(without_each).collect();
        let groups: Vec<Vec<Continuation<'_>>> = sequences
            .iter()
            .map(|group| group.iter().map(|ids| Continuation { ids, from: ids.len() - 1 }).collect())
            .collect();
        let found = log_probabilities(model, &groups, budget).map_err(|error| StageError::data(error.to_string()))?;
        let losses = |group: Vec<Vec<f64>>| group[1..].iter().map(|without| group[0][0] - without[0]).collect();
        Ok(found.into_iter().map(losses).collect())
    }
}

/// Returns a request's sequence up to its label, whole and then without each token that is scored.
fn without_each(request: &Request<'_>) -> Vec<Vec<u32>> {
    let before = &request.ids[..=request.position];
    let without = |left_out: Option<usize>| -> Vec<u32> {
        let kept = before.iter().enumerate().filter(|(at, _)| Some(*at) != left_out).map(|(_, id)| *id);
        kept.chain([request.target]).collect()
    };
    std::iter::once(None).chain(request.scored.iter().copied().map(Some)).map(without).collect()
}

fn main() -> ExitCode {
    let additions = Registry::new().kind::<Append>().operation::<Mirror>().format::<Columns>().method::<Deletion>();
    retort::cli::main_with(additions)
}

#[test]
fn letters_are_mirrored_in_words_that_are_long_enough() {
    assert_eq!(["Ice", "is", "über", ""].map(|word| mirrored(word, 3)), ["ecI", "is", "rebü", ""]);
}

#[test]
fn a_line_of_three_columns_is_a_question() {
    let read = question(1, "What is slippery?\tice\tsand").expect("it has three columns");
    assert_eq!(read.answer, Answer::at(1));
    assert_eq!(read.choices[1].text, "ice");
    assert_eq!(question(0, "What is slippery?\tice"), None);
}

#[test]
fn each_scored_token_is_left_out_once() {
    let request = Request { ids: &[4, 5, 6], position: 2, target: 9, scored: &[1, 2] };
    assert_eq!(without_each(&request), [vec![4, 5, 6, 9], vec![4, 6, 9], vec![4, 5, 9]]);
}
