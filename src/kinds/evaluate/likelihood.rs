//! The answer that a student holds for the likeliest.

use retort_artifact::{Outcome, Question, Usage};
use retort_fingerprint::{ContentHash, RowKey, Term};
use retort_model::Budget;
use retort_stage::{Context, StageError};
use retort_text::answer::Expected;

use super::super::choices::{Candidate, Held, Stands, candidates, held};
use super::super::sequence::data;
use super::super::templates::require_fit;
use super::rows::{Timed, asked};
use super::scoring::{LikelihoodRecipe, needs_label_first};
use super::term::student_term;
use super::{Evaluate, Loaded};

/// The name of the rows of choices that a student holds for likely.
const ROWS: &str = "evaluate";
/// Raised whenever a student would hold other choices for likely.
const ROWS_REVISION: u32 = 2;

impl Evaluate {
    /// The choice that the student holds for the likeliest is its answer: of equally likely ones, the first.
    pub(super) fn by_likelihood(
        &self,
        context: &Context<'_>,
        loaded: &Loaded,
        usage: &Usage,
        questions: &[&Question],
        recipe: &LikelihoodRecipe,
    ) -> Result<Vec<Timed<Outcome>>, StageError> {
        if recipe.of == Stands::Answer && !usage.format.placement.label_first() {
            return Err(data(needs_label_first(usage.format.placement)));
        }
        let (sequences, _) = self.sequences(usage, &loaded.tokenizer)?;
        let all: Vec<Vec<Candidate>> = questions
            .iter()
            .map(|question| candidates(&sequences, question, recipe.of))
            .collect::<Result<_, StageError>>()?;
        let room = loaded.model.config().context();
        for (question, candidate) in
            questions.iter().zip(&all).flat_map(|(question, all)| all.iter().map(move |it| (question, it)))
        {
            require_fit(question, "its prompt with a choice", candidate.ids.len(), room)?;
        }
        let student = student_term(context, &self.model)?;
        let key = |candidates: &Vec<Candidate>| {
            RowKey::of(&Term::record([
                ("student", student.clone()),
                ("choices", candidates.term()),
                ("revision", ROWS_REVISION.term()),
            ]))
        };
        let keys: Vec<RowKey> = all.iter().map(key).collect();
        let budget = Budget::of(self.positions.get());
        let found: Vec<Timed<Vec<Held>>> = asked(context, ROWS, &keys, |open, ended| {
            open.chunks(self.batch.get()).try_for_each(|open| {
                let some: Vec<&[Candidate]> = open.iter().map(|index| all[*index].as_slice()).collect();
                let found = held(&loaded.model, &some, &budget)?;
                ended(open.iter().copied().zip(found).collect())
            })
        })?;
        let mut lost = 0;
        let outcome =
            |((question, candidates), Timed { row, took_us }): ((&&Question, &Vec<Candidate>), &Timed<Vec<Held>>)| {
                let characters: Vec<usize> = candidates.iter().map(|candidate| candidate.characters).collect();
                let likelihoods = recipe.by.compared(row, &characters).unwrap_or_else(|| {
                    lost += 1;
                    Vec::new()
                });
                let likelier = |a: usize, b: usize| if likelihoods[b].score > likelihoods[a].score { b } else { a };
                let best = (0..likelihoods.len()).reduce(likelier);
                let row = Outcome {
                    id: question.id.clone(),
                    answer: question.answer.clone()?,
                    choices: Expected::from(*question).count(),
                    predicted: best.map(|best| likelihoods[best].label.clone()),
                    equal: false,
                    output: String::new(),
                    tokens: 0,
                    likelihoods,
                    lenient: None,
                    vote: None,
                    samples: Vec::new(),
                };
                Some(Timed { row, took_us: *took_us })
            };
        let outcomes = questions.iter().zip(&all).zip(&found).filter_map(outcome).collect();
        if lost > 0 {
            context.warn(format!(
                "of {lost} questions the student's probabilities are no numbers, as after a training that diverged: they \
                 count as wrong"
            ));
        }
        Ok(outcomes)
    }
}
