//! `strip_label`: a rationale without the sentences that give its answer away.

use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;
use retort_text::operation::{Giveaways, strip_stated};

retort_stage::params! {
    /// Leaves out the sentences that give the answer away, as `The answer is B because …` does. What counts as that is
    /// told where the rule is written, in `text/operation/giveaway.rs`. Of answers without letters the sentences that state
    /// one go, such as `The answer is 42.` and `#### 42`. It needs `questions`, which say what their answers are.
    pub struct StripLabel {
        /// Whether sentences with the words of the right choice, or with the right answer, go as well.
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
        Needs { questions: true, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let (total, mut sentences, mut stripped) = (rows.len(), 0, 0);
        let rows = materials.each(rows, |row, _| {
            let question = materials.question(row)?;
            let (text, gone) = if question.answers.is_choice() {
                let right = if self.choice_text { Some(materials.answer(row)?.1) } else { None };
                Giveaways { choices: &question.choices, right, reasons: self.reasons }.strip(&row.text)
            } else {
                strip_stated(&row.text, question.into(), question.answer.as_ref(), self.choice_text)
            };
            sentences += gone;
            stripped += usize::from(gone > 0);
            Ok(text)
        })?;
        let counted = if sentences == 1 { "1 sentence is".to_owned() } else { format!("{sentences} sentences are") };
        materials.warn(match total - stripped {
            0 => format!("{counted} left out or cut, in all {total} rationales"),
            _ => format!("{counted} left out or cut, in {stripped} of {total} rationales; the others stay as they are"),
        });
        Ok(rows)
    }
}
