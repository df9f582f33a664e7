//! An answer as the cache of rows has it, and whether it can be used.

use serde::{Deserialize, Serialize};

use retort_teacher::Answer;

/// An answer as it came, with what it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The words, untouched.
    pub(super) text: String,
    /// How it ended, in the word of whoever ran the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finish: Option<String>,
    /// Why the teacher would not answer, where it says so apart from its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<String>,
    /// The model, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prompt_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) answer_tokens: Option<u64>,
    #[serde(default)]
    pub(super) latency_ms: u64,
    /// The most tokens that it was allowed.
    pub(super) limit: u64,
}

/// Whether an answer can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quality {
    /// It can.
    Sound,
    /// There is nothing but white space.
    Empty,
    /// The teacher would not.
    Refused,
    /// It was longer than allowed.
    CutOff,
}

impl Row {
    /// Takes an answer that was allowed so many tokens.
    pub(super) fn of(answer: Answer, limit: u64) -> Self {
        let Answer { text, finish, refusal, model, prompt_tokens, answer_tokens, latency_ms } = answer;
        Self { text, finish, refusal, model, prompt_tokens, answer_tokens, latency_ms, limit }
    }

    /// Says whether it can be used, given how refusals begin.
    pub(super) fn quality(&self, refusals: &[String]) -> Quality {
        let said = self.text.trim();
        let begins = |refusal: &String| {
            let refusal = refusal.trim();
            !refusal.is_empty() && said.get(..refusal.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(refusal))
        };
        match self.finish.as_deref() {
            Some("content_filter" | "refusal" | "safety") => Quality::Refused,
            _ if self.refusal.is_some() || refusals.iter().any(begins) => Quality::Refused,
            Some("length" | "max_tokens" | "model_length") => Quality::CutOff,
            _ if said.is_empty() => Quality::Empty,
            _ => Quality::Sound,
        }
    }

    /// Says whether it would have come to the same under another limit: it ended by itself, and fits.
    pub(super) fn fits(&self, limit: u64) -> bool {
        self.answer_tokens.map_or(self.limit <= limit, |tokens| tokens <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str, finish: Option<&str>) -> Row {
        Row {
            text: text.into(),
            finish: finish.map(str::to_owned),
            refusal: None,
            model: None,
            prompt_tokens: None,
            answer_tokens: None,
            latency_ms: 0,
            limit: 64,
        }
    }

    #[test]
    fn which_answers_can_be_used() {
        use Quality::{CutOff, Empty, Refused, Sound};
        let refusals = ["I'm sorry".to_owned(), " ".to_owned(), "Ä".to_owned()];
        for (text, finish, expected) in [
            ("Ice is smooth.", Some("stop"), Sound),
            ("Ice is smooth.", None, Sound),
            ("Ice is smooth.", Some("eos_token"), Sound),
            ("Ice is", Some("length"), CutOff),
            (" ", Some("length"), CutOff),
            (" \n", Some("stop"), Empty),
            ("", Some("content_filter"), Refused),
            ("\ni'm SORRY, but", Some("stop"), Refused),
            ("I am", Some("stop"), Sound),
            ("é", Some("stop"), Sound),
        ] {
            assert_eq!(row(text, finish).quality(&refusals), expected, "{text}");
        }
        let said = Row { refusal: Some("no".into()), ..row("", Some("stop")) };
        assert_eq!(said.quality(&[]), Refused);
        assert_eq!(row("I'm sorry", None).quality(&[]), Sound);
    }

    #[test]
    fn an_answer_that_ended_by_itself_is_the_same_under_any_limit_it_fits() {
        let counted = Row { answer_tokens: Some(10), ..row("a", Some("stop")) };
        assert!(counted.fits(10) && counted.fits(1000) && !counted.fits(9));
        let uncounted = row("a", Some("stop"));
        assert!(uncounted.fits(64) && uncounted.fits(1000) && !uncounted.fits(63));
    }
}
