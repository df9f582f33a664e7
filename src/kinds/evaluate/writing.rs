//! What a student writes to a question, kept by what that depends on alone: stages that put the same question to the same
//! student in the same way share it, whichever comes first.

use std::collections::BTreeMap;

use super::super::ask::{Asker, Manner, Until, Written};
use super::rows::{Timed, asked};
use super::sampling::SamplingRecipe;
use super::term::student_term;
use retort_artifact::{Checkpoint, Question};
use retort_fingerprint::{ContentHash, RowKey, Term};
use retort_stage::params::Input;
use retort_stage::{Context, StageError};
use retort_text::answer::Expected;

/// The name of the rows.
const ROWS: &str = "written";
/// Raised whenever a student would write something else to the same question.
const REVISION: u32 = 1;

/// Puts questions to a student, those that were not put before; `sampling` is how the asker draws tokens.
pub(crate) fn written(
    context: &Context<'_>,
    model: &Input<Checkpoint>,
    asker: &Asker<'_>,
    sampling: Option<&SamplingRecipe>,
    questions: &[&Question],
) -> Result<Vec<Timed<Written>>, StageError> {
    let student = student_term(context, model)?;
    let prompts: Vec<Vec<u32>> =
        questions.iter().map(|question| asker.sequences.prompt(question)).collect::<Result<_, _>>()?;
    let key = |(question, prompt): (&&Question, &Vec<u32>)| {
        // What ends an answer depends on the answers there may be.
        let expected = Expected::from(*question);
        let labels: Vec<String> = match expected {
            Expected::Choice(choices) => choices.iter().map(|choice| choice.label.to_string()).collect(),
            Expected::Class(names) => names.iter().map(|name| format!("class {name}")).collect(),
            Expected::Number | Expected::Text | Expected::Exact => vec![expected.name().to_owned()],
        };
        let mut key = BTreeMap::from([
            ("student", student.clone()),
            ("prompt", prompt.term()),
            ("labels", labels.term()),
            ("max_new", asker.max_new.term()),
            ("sampling", sampling.map_or(Term::None, ContentHash::term)),
            ("revision", REVISION.term()),
        ]);
        key.extend(manner(&asker.manner));
        // Where a student has several targets, what ends an answer depends on the target as well.
        key.extend((!asker.usage.targets.is_empty()).then(|| ("placement", asker.usage.format.placement.term())));
        RowKey::of(&Term::Record(key.into_iter().map(|(name, term)| (name.into(), term)).collect()))
    };
    let keys: Vec<RowKey> = questions.iter().zip(&prompts).map(key).collect();
    // The tokens are kept, since several may spell one text.
    let rows: Vec<Timed<Vec<u32>>> = asked(context, ROWS, &keys, |open, ended| {
        let some: Vec<&Question> = open.iter().map(|index| questions[*index]).collect();
        asker.ask_each(&some, |written| {
            ended(written.into_iter().map(|(place, written)| (open[place], written.ids)).collect())
        })
    })?;
    let read = |(Timed { row, took_us }, prompt): (Timed<Vec<u32>>, &Vec<u32>)| {
        Ok(Timed { row: asker.read(row, prompt.len())?, took_us })
    };
    rows.into_iter().zip(&prompts).map(read).collect()
}

/// What an answer depends on beyond the question, where it does.
fn manner(manner: &Manner) -> Vec<(&'static str, Term)> {
    let Manner { begun, stop, until } = manner;
    let mut found = Vec::new();
    if !begun.is_empty() {
        found.push(("begun", begun.term()));
    }
    if !stop.is_empty() {
        found.push(("stop", stop.term()));
    }
    match until {
        Until::Decided => {}
        Until::Answered => found.push(("until", Term::Text("answered".into()))),
        Until::End => found.push(("until", Term::Text("end".into()))),
    }
    found
}
