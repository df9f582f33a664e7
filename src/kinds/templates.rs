//! What can be said of a template before any question is rendered.

use retort_artifact::{Question, Usage};
use retort_source::nearest;
use retort_stage::{Context, Looked, StageError};
use retort_text::attributes::{Attribute, fields};
use retort_text::prompt::Template;
use retort_text::tokenizer::Tokenizer;

use super::sequence::{Sequences, data};

/// Under which name a dataset says which further fields its questions have, one a line.
pub(crate) const FIELDS: &str = "fields";

/// Checks that the questions which will come have the fields that a template needs, where that is known.
pub(super) fn check_fields(looked: &Looked, source: &str) -> Result<(), StageError> {
    for known in looked.told(FIELDS) {
        let known: Vec<&str> = known.lines().collect();
        let Some(Attribute { name, line }) = fields(source).into_iter().find(|it| !known.contains(&it.name.as_str()))
        else {
            continue;
        };
        let meant = nearest(&name, known.iter().copied());
        let meant = meant.map_or_else(
            || format!("`keep: [{name}]` in the dataset would keep it"),
            |near| format!("did you mean `fields.{near}`?"),
        );
        return Err(data(format!(
            "line {line} of the template needs `fields.{name}`, which the dataset does not keep: {meant}"
        )));
    }
    Ok(())
}

/// Warns of templates by which all questions are asked the same.
pub(super) fn warn_of_sameness<'t>(context: &Context<'_>, sources: impl IntoIterator<Item = &'t str>) {
    let constant = |source: &&str| Template::parse("prompt", source).is_ok_and(|template| template.is_constant());
    if sources.into_iter().any(|source| constant(&source)) {
        context.warn(
            "the template of the prompts names nothing of the question, so that all questions are asked the same: write \
             `{{ question }}`",
        );
    }
}

/// Checks that the words of a prompt alone, without a question, leave room for one.
pub(super) fn check_room(usage: &Usage, tokenizer: &Tokenizer, room: usize, hint: &str) -> Result<(), StageError> {
    // A template may need more than an empty question has, and is tried when there are questions.
    let Ok(ids) = Sequences::new(usage, tokenizer)?.prompt(&Question::default()) else { return Ok(()) };
    if ids.len() + 1 < room {
        return Ok(());
    }
    Err(data(format!(
        "the prompt has {} tokens without any question, which leaves no room in {room}: shorten the template or `system`, or {hint}",
        ids.len()
    )))
}

/// Checks that a question as it is put fits what a student can take; `what` is what has so many tokens.
pub(super) fn require_fit(question: &Question, what: &str, tokens: usize, context: usize) -> Result<(), StageError> {
    if tokens <= context {
        return Ok(());
    }
    Err(data(format!(
        "question `{}`: {what} has {tokens} tokens, and the student takes {context}: shorten the template, `prefill` or the \
         question, or take a student with a longer context",
        question.id
    )))
}
