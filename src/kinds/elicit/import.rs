//! Rationales that were elicited elsewhere.

use std::collections::BTreeMap;

use super::words::LabelFrom;
use retort_artifact::{Question, Rationale, Rationales};
use retort_stage::params::External;
use retort_stage::{Context, Flaw, Looked, StageError};
use retort_text::answer::Expected;
use retort_text::dataset::rationales;
use retort_text::statement::stated;

retort_stage::params! {
    /// Rationales that were elicited elsewhere: JSON lines, one JSON array or CSV of `id` and `rationale`, and optionally `sample` and
    /// `label`. Further fields are kept.
    pub struct Import {
        /// The file.
        pub path: External,
    }
}

impl Import {
    /// Checks that the file can be read.
    pub(super) fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let first = looked.first(format!("rationales {}", context.seen(&self.path)));
        let flaw = if first { Flaw::of("teacher.import.path", self.read(context)) } else { None };
        flaw.into_iter().collect()
    }

    fn read(&self, context: &Context<'_>) -> Result<Rationales, StageError> {
        let Self { path } = self;
        rationales::read(&context.file(path)?)
            .map_err(|error| StageError::data(format!("`{}`: {error}", context.path_of(path))))
    }

    /// Reads the file and puts the rationales in the order of the questions; those of other questions are left out.
    /// Labels that it does not have are read from their words where `label_from` says so.
    pub(super) fn rationales(
        &self,
        context: &Context<'_>,
        questions: &[Question],
        label_from: Option<LabelFrom>,
    ) -> Result<Rationales, StageError> {
        let Self { path } = self;
        let read = self.read(context)?;
        let order: BTreeMap<&str, usize> =
            questions.iter().enumerate().map(|(index, question)| (question.id.as_str(), index)).collect();
        let all = read.rows.len();
        let strangers: Vec<String> = read
            .rows
            .iter()
            .filter(|row| !order.contains_key(row.id.as_str()))
            .take(1)
            .map(|row| row.id.clone())
            .collect();
        let mut rows: Vec<(usize, Rationale)> =
            read.rows.into_iter().filter_map(|row| Some((*order.get(row.id.as_str())?, row))).collect();
        let mut without = 0;
        for (index, row) in &mut rows {
            let Some(label) = &row.label else {
                if label_from == Some(LabelFrom::Text) {
                    row.label = stated(&row.text, &questions[*index]);
                    without += usize::from(row.label.is_none());
                }
                continue;
            };
            let given = Expected::from(&questions[*index]).given(&label.to_string());
            // A letter that is no choice of its question has always been let through: `filter` finds that it differs.
            if label.is_choice() && questions[*index].answers.is_choice() {
                continue;
            }
            row.label = Some(given.map_err(|expected| {
                StageError::data(format!(
                    "`{}`: the label of the rationale of `{}` is `{label}`, expected {expected}",
                    context.path_of(path),
                    row.id
                ))
            })?);
        }
        if rows.len() < all {
            let strange = strangers.first().map(String::as_str).unwrap_or_default();
            let (left, first) = (all - rows.len(), order.keys().next().copied().unwrap_or_default());
            let (are, belong) = if left == 1 { ("rationale", "belongs") } else { ("rationales", "belong") };
            context.warn(format!(
                "{left} {are} of `{}` {belong} to no question of the split, such as that of `{strange}`; the questions have \
                 identifiers such as `{first}`",
                context.path_of(path)
            ));
        }
        if without > 0 {
            context.warn(format!("no label can be read from {without} of {} rationales", rows.len()));
        }
        rows.sort_by_key(|(index, row)| (*index, row.sample));
        Ok(Rationales { rows: rows.into_iter().map(|(_, row)| row).collect() })
    }
}
