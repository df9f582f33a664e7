//! `replace`: a text in the place of whatever matches a pattern.

use super::{Materials, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;
use retort_text::operation::Replacement;

retort_stage::params! {
    /// Replaces every match of a pattern, and names the rationales without one.
    pub struct Replace {
        /// A regular expression in the syntax of the Rust crate `regex`: without look-around and backreferences, `(?i)` for
        /// any case, `(?m)` for `^` and `$` at lines.
        pub pattern: String,
        /// What takes a match's place; `$1` stands for the first group, `$0` for the whole match, `$$` for a dollar sign. A
        /// group called `name` is `$name`, or `$${name}` where a letter follows (`${name}` would be an axis).
        pub with: String,
    }
}

impl Operation for Replace {
    const NAME: &'static str = "replace";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Replaces every match of a pattern.";

    fn check(&self) -> Result<(), String> {
        if self.pattern.is_empty() {
            return Err("needs a pattern in `pattern`".into());
        }
        Replacement::new(&self.pattern, &self.with).map(drop).map_err(|error| error.to_string())
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let replacement = Replacement::new(&self.pattern, &self.with).map_err(|error| materials.fail(error))?;
        let (total, mut matches, mut without) = (rows.len(), 0, Vec::new());
        let rows = materials.each(rows, |row, _| {
            let (text, count) = replacement.replaced(&row.text);
            matches += count;
            if count == 0 {
                without.push(row.id.clone());
            }
            Ok(text)
        })?;
        if matches == 0 && total > 0 {
            return Err(materials.fail(format!("`{}` matches nothing in any of {total} rationales", self.pattern)));
        }
        if !without.is_empty() && total > 0 {
            let counted = if matches == 1 { "1 match is".to_owned() } else { format!("{matches} matches are") };
            materials.warn_of(
                &without,
                total,
                format!("have no match and stay as they are ({counted} replaced elsewhere)"),
            );
        }
        Ok(rows)
    }
}
