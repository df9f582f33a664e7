//! `strip_label`: a rationale without the sentences that give its answer away.

use super::{Materials, Needs, Operation};
use retort_artifact::{Choice, Label, Rationale};
use retort_stage::StageError;
use retort_text::operation::{Giveaways, strip_stated};

/// Without questions, the letters that count as labels; later ones would take `I` for one.
const LETTERS: usize = 8;

retort_stage::params! {
    /// Leaves out the sentences that give the answer away, as `The answer is B because …` does. What counts as that is
    /// told where the rule is written, in `text/operation/giveaway.rs`. Of answers without letters the sentences that state
    /// one go, such as `The answer is 42.` and `#### 42`, which needs `questions`.
    pub struct StripLabel {
        /// Whether sentences with the words of the right choice, or with the right answer, go as well, which needs `questions`.
        pub choice_text: bool = false,
        /// Whether what follows `because` in such a sentence stays, if it leaves the answer open.
        pub reasons: bool = false,
    }
}

impl Operation for StripLabel {
    const NAME: &'static str = "strip_label";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Leaves out the sentences that give the answer away.";

    fn needs(&self) -> Needs {
        Needs { questions: self.choice_text, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let (total, mut sentences, mut stripped, mut empty) = (rows.len(), 0, 0, Vec::new());
        let unknown = |label| Choice { label, text: String::new() };
        let letters: Vec<Choice> = (0..LETTERS).filter_map(Label::at).map(unknown).collect();
        let rows = materials.each(rows, |row, _| {
            let choices = if materials.has_questions() { &materials.question(row)?.choices } else { &letters };
            let lettered = !materials.has_questions() || materials.question(row)?.answers.is_choice();
            let (text, gone) = if lettered {
                let right = if self.choice_text { Some(materials.answer(row)?.1) } else { None };
                Giveaways { choices, right, reasons: self.reasons }.strip(&row.text)
            } else {
                let question = materials.question(row)?;
                strip_stated(&row.text, question.into(), question.answer.as_ref(), self.choice_text)
            };
            sentences += gone;
            stripped += usize::from(gone > 0);
            if gone > 0 && text.is_empty() {
                empty.push(row.id.clone());
            }
            Ok(text)
        })?;
        if sentences > 0 {
            materials.warn(format!("{sentences} sentences of {stripped} of {total} rationales are left out or cut"));
        }
        materials.warn_of(&empty, total, "are empty now, since every sentence gave the answer away");
        Ok(rows)
    }
}
