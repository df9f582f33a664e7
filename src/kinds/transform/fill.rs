//! `fill`: a token over and over instead of a rationale, so that there is something to compute and nothing to learn.

use super::{Materials, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;

/// The most copies; far beyond what fits a student, and far below what fills memory.
const COUNT_MAX: u64 = 100_000;

retort_stage::params! {
    /// Puts copies of a token in the place of the rationale.
    pub struct Fill {
        /// How many copies; with 0 the rationale is empty. A copy is one position where the student's `add_tokens` has the token.
        pub count: u64,
        /// The token.
        pub with: String = "<unk>".into(),
        /// What stands between two copies.
        pub between: String = " ".into(),
    }
}

impl Operation for Fill {
    const NAME: &'static str = "fill";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Puts copies of a token in the place of the rationale.";

    fn check(&self) -> Result<(), String> {
        match self {
            Self { count, .. } if *count > COUNT_MAX => Err(format!("cannot have more than {COUNT_MAX} copies")),
            Self { with, .. } if with.is_empty() => Err("needs a token in `with`".into()),
            _ => Ok(()),
        }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let text = vec![self.with.as_str(); self.count as usize].join(&self.between);
        materials.each(rows, |_, _| Ok(text.clone()))
    }
}
