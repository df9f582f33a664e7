//! `filter`: the rationales that are as they should be.

use whichlang::{LANGUAGES, detect_language};

use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;
use retort_text::answer::Expected;
use retort_text::words::words;

/// How the label that the teacher arrived at must stand to the right answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// It is the right answer.
    Agrees,
    /// It is another.
    Differs,
}

retort_stage::words!(Against { Agrees = "agrees", Differs = "differs" });

retort_stage::params! {
    /// Keeps the rationales that meet every condition given; the others are left out and counted.
    pub struct Filter {
        /// Whether the label that the teacher arrived at `agrees` with the right answer, or `differs`; a rationale without
        /// such a label meets neither.
        pub label: Option<Against>,
        /// The fewest words.
        pub words_min: Option<u64>,
        /// The most words.
        pub words_max: Option<u64>,
        /// The language it is written in, by its ISO 639-3 code, such as `eng`. It is guessed from letters, so a rationale of
        /// a few words may be taken for another language's.
        pub language: Option<String>,
    }
}

impl Operation for Filter {
    const NAME: &'static str = "filter";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Keeps the rationales that are as they should be.";

    fn check(&self) -> Result<(), String> {
        match self {
            Self { label: None, words_min: None, words_max: None, language: None } => {
                Err("needs a condition: `label`, `words_min`, `words_max` or `language`".into())
            }
            Self { language: Some(language), .. }
                if LANGUAGES.iter().all(|known| known.three_letter_code() != language) =>
            {
                let known: Vec<&str> = LANGUAGES.iter().map(|language| language.three_letter_code()).collect();
                Err(format!("does not know the language `{language}`; it tells apart {}", known.join(", ")))
            }
            Self { words_min: Some(min), words_max: Some(max), .. } if min > max => {
                Err(format!("cannot have at least {min} words and at most {max}"))
            }
            _ => Ok(()),
        }
    }

    fn needs(&self) -> Needs {
        Needs { questions: self.label.is_some(), ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let total = rows.len();
        let (mut kept, mut unlabelled, mut other_label, mut other_length, mut foreign) =
            (Vec::with_capacity(total), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            if let Some(against) = self.label {
                let (answer, _) = materials.answer(&row)?;
                let expected = Expected::from(materials.question(&row)?);
                let fits = row.label.as_ref().map(|label| expected.same(label, answer) == (against == Against::Agrees));
                match fits {
                    None => unlabelled.push(row.id.clone()),
                    Some(false) => other_label.push(row.id.clone()),
                    Some(true) => {}
                }
                if fits != Some(true) {
                    continue;
                }
            }
            let count = words(&row.text).len() as u64;
            if self.words_min.is_some_and(|min| count < min) || self.words_max.is_some_and(|max| count > max) {
                other_length.push(row.id.clone());
                continue;
            }
            if self.language.as_ref().is_some_and(|code| detect_language(&row.text).three_letter_code() != code) {
                foreign.push(row.id.clone());
                continue;
            }
            kept.push(row);
        }
        materials.warn_of(&unlabelled, total, "have no label of the teacher's own and are left out");
        let wrong = if self.label == Some(Against::Differs) {
            "agrees with the right answer"
        } else {
            "is not the right answer"
        };
        materials.warn_of(&other_label, total, format!("are left out, since the teacher's label {wrong}"));
        materials.warn_of(&other_length, total, "are left out, since they have too few or too many words");
        materials.warn_of(&foreign, total, "are left out, since they are in another language");
        if kept.is_empty() && total > 0 {
            Err(materials.fail(format!("none of {total} rationales is left")))
        } else {
            Ok(kept)
        }
    }
}
