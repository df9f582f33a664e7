//! `trim`: an elicited text without what the teacher wrote after the rationale.

use super::{Materials, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Everything before the first blank line.
    Paragraph,
    /// Everything before the first line feed.
    Line,
}

retort_stage::words!(To { Paragraph = "paragraph", Line = "line" });

retort_stage::params! {
    /// Cuts the rationale off, and takes white space off both of its ends.
    pub struct Trim {
        /// Keep the first `paragraph`, or the first `line`, that is not blank.
        pub to: Option<To>,
        /// Cut where this text first stands, which goes too.
        pub stop: Option<String>,
    }
}

impl Operation for Trim {
    const NAME: &'static str = "trim";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Cuts off what the teacher wrote after the rationale.";

    fn check(&self) -> Result<(), String> {
        match (&self.to, &self.stop) {
            (None, None) => Err("needs `to` or `stop`".into()),
            (_, Some(stop)) if stop.is_empty() => Err("needs a text in `stop`".into()),
            _ => Ok(()),
        }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        materials.each(rows, |row, _| Ok(trimmed(&row.text, self.to, self.stop.as_deref()).to_owned()))
    }
}

fn trimmed<'t>(text: &'t str, to: Option<To>, stop: Option<&str>) -> &'t str {
    let text = stop.and_then(|stop| text.find(stop)).map_or(text, |at| &text[..at]).trim();
    let lines = text.split_inclusive('\n');
    let kept = match to {
        None => return text,
        Some(To::Line) => lines.take(1).map(str::len).sum::<usize>(),
        Some(To::Paragraph) => lines.take_while(|line| !line.trim().is_empty()).map(str::len).sum(),
    };
    text[..kept].trim_end()
}
