//! The template that a teacher is asked with.

use super::Written;
use crate::sequence::data;
use crate::templates::check_fields;
use retort_stage::params::External;
use retort_stage::{Context, Looked, StageError};
use retort_text::conversation::TeacherPrompt;
use retort_text::dataset::examples;

/// Reads the template and its examples, and checks that the questions which will come have what it needs.
pub(super) fn checked(context: &Context<'_>, written: &Written, looked: &Looked) -> Result<(), StageError> {
    prompt(context, written)?;
    let Some(external) = &written.prompt else { return Ok(()) };
    check_fields(looked, &String::from_utf8_lossy(&context.file(external)?))
}

/// Reads the template and its examples.
pub(super) fn prompt(context: &Context<'_>, written: &Written) -> Result<TeacherPrompt, StageError> {
    let file = |external: &External| context.file(external);
    let Some(external) = &written.prompt else { return Err(data("there is no `prompt`")) };
    let place = context.path_of(external);
    let source = String::from_utf8(file(external)?).map_err(|error| data(format!("`{place}`: {error}")))?;
    let shown = match &written.examples {
        Some(external) => examples::read(&file(external)?)
            .map_err(|error| data(format!("`{}`: {error}", context.path_of(external))))?,
        None => Vec::new(),
    };
    TeacherPrompt::parse(&place, &source, &shown).map_err(data)
}
