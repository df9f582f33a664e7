//! An answer as the cache of rows has it, and whether it can be used.

use serde::{Deserialize, Serialize};

use retort_teacher::{Answer, Ending};
use retort_text::thoughts::{Apart, apart};

use super::RationaleFrom;

/// An answer as it came, with what it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The words, untouched.
    #[serde(default)]
    pub(super) text: String,
    /// What the model thought before, where the server keeps it apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<String>,
    /// How it ended, in the word of whoever ran the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finish: Option<String>,
    /// Why the teacher would not answer, where it says so apart from its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<String>,
    /// Whether it calls a tool.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) tool: bool,
    /// The model, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    /// The address it was answered at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prompt_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) answer_tokens: Option<u64>,
    #[serde(default)]
    pub(super) latency_ms: u64,
    /// The most tokens that it was allowed.
    pub(super) limit: u64,
    /// The body that a server sent, out of which all but the server, the time and the limit is read; none of a model on
    /// this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
}

/// How answers are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    /// How refusals begin.
    pub(super) refusals: &'a [String],
    /// Which of its words are the rationale.
    pub(super) from: RationaleFrom,
    /// The names under which the model may answer; any where there are none.
    pub(super) names: &'a [String],
}

/// The words of an answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// The rationale.
    pub(super) rationale: String,
    /// What was said, where a label may stand; never a thought.
    pub(super) said: String,
    /// Whether thoughts were left out that stood among the words.
    pub(super) cut: bool,
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flaw {
    /// There is nothing but white space.
    Empty,
    /// There are thoughts and no words.
    Unspoken,
    /// There are words, and no thoughts, which are asked for.
    Unreasoned,
    /// There are no thoughts between tags, which are asked for.
    Untagged,
    /// The teacher would not.
    Refused,
    /// It was longer than allowed.
    CutOff,
    /// It was so within the thoughts.
    CutThinking,
    /// The teacher calls a tool.
    Tool,
    /// It ended in another way than of itself.
    Broken,
    /// Another model answered.
    OtherModel,
}

impl Row {
    /// Takes an answer that was allowed so many tokens, from a server at this address.
    pub(super) fn of(answer: Answer, limit: u64, server: &str) -> Self {
        let Answer { text, reasoning, finish, refusal, tool, model, prompt_tokens, answer_tokens, body, latency_ms } =
            answer;
        let (server, body) = (Some(server.to_owned()), Some(body));
        Self {
            text,
            reasoning,
            finish,
            refusal,
            tool,
            model,
            server,
            prompt_tokens,
            answer_tokens,
            latency_ms,
            limit,
            body,
        }
    }

    /// Returns the words that can be used.
    pub(super) fn words(&self, reading: Reading<'_>) -> Result<Words, Flaw> {
        let Reading { refusals, from, names } = reading;
        let Apart { said, thoughts: tagged, unfinished } = apart(&self.text);
        let cut = said.len() < self.text.len() && tagged.is_some();
        let begins = |refusal: &String| {
            let (refusal, said) = (refusal.trim(), said.trim());
            !refusal.is_empty() && said.get(..refusal.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(refusal))
        };
        let apart = self.reasoning.clone().filter(|thoughts| !thoughts.trim().is_empty());
        let thinks = apart.is_some() || tagged.is_some();
        let silent = said.trim().is_empty();
        match Ending::of(self.finish.as_deref()) {
            Ending::Refused => return Err(Flaw::Refused),
            _ if self.refusal.is_some() || refusals.iter().any(begins) => return Err(Flaw::Refused),
            Ending::CutOff if silent && (thinks || unfinished) => return Err(Flaw::CutThinking),
            Ending::CutOff => return Err(Flaw::CutOff),
            Ending::Tool => return Err(Flaw::Tool),
            _ if self.tool => return Err(Flaw::Tool),
            Ending::Broken => return Err(Flaw::Broken),
            Ending::Ordinary if unfinished => return Err(Flaw::CutThinking),
            Ending::Ordinary => {}
        }
        if !names.is_empty() && self.model.as_ref().is_none_or(|model| !names.contains(model)) {
            return Err(Flaw::OtherModel);
        }
        let otherwise = |flaw| if silent && !thinks { Flaw::Empty } else { flaw };
        let (rationale, lack) = match from {
            RationaleFrom::Content => (Some(said.clone()), Flaw::Unspoken),
            RationaleFrom::Reasoning => (apart.or(tagged), Flaw::Unreasoned),
            RationaleFrom::Think => (tagged, Flaw::Untagged),
            RationaleFrom::All => {
                // Some servers leave the thoughts among the words and send them apart as well.
                let tagged = tagged.filter(|tagged| apart.as_ref().is_none_or(|apart| apart.trim() != tagged.trim()));
                let parts = [apart, tagged, Some(said.clone())].into_iter().flatten();
                let parts: Vec<String> =
                    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
                (Some(parts.join("\n\n")), Flaw::Empty)
            }
        };
        match rationale.filter(|rationale| !rationale.trim().is_empty()) {
            Some(rationale) => Ok(Words { rationale, said, cut: cut && from == RationaleFrom::Content }),
            None => Err(otherwise(lack)),
        }
    }

    /// Says in words why it cannot be used.
    pub(super) fn told(&self, flaw: Flaw) -> String {
        let Self { limit, finish, model, .. } = self;
        let end = finish.as_deref().unwrap_or_default();
        match flaw {
            Flaw::Empty => "the answer is empty".into(),
            Flaw::Unspoken => "the answer is empty: all its words are reasoning (`reasoning_content`, `reasoning` or \
                               `<think>`), which `rationale_from: reasoning` in `elicit` takes"
                .into(),
            Flaw::Unreasoned => {
                "the answer has no reasoning apart from its words, and `rationale_from: reasoning` in `elicit` takes \
                                 only that"
                    .into()
            }
            Flaw::Untagged => {
                let apart =
                    if self.reasoning.is_some() { "; `rationale_from: reasoning` takes those of a field" } else { "" };
                format!(
                    "the answer has no thoughts between tags such as `<think>…</think>`, and `rationale_from: think` takes only \
                     those{apart}"
                )
            }
            Flaw::Refused => "the teacher refuses".into(),
            Flaw::CutOff => format!("the answer is cut off at {limit} tokens"),
            Flaw::CutThinking => format!("the answer is cut off while the model still thinks; `max_tokens` is {limit}"),
            Flaw::Tool if Ending::of(Some(end)) == Ending::Tool => {
                format!("the teacher calls a tool instead of answering (`{end}`)")
            }
            Flaw::Tool => "the teacher calls a tool instead of answering".into(),
            Flaw::Broken => format!("the answer broke off: the server says `{end}` of its end"),
            Flaw::OtherModel => match model {
                Some(model) => format!("`{model}` answered, which `answers_as` does not name"),
                None => "the server does not say which model answered, and `answers_as` names some".into(),
            },
        }
    }

    /// Says whether an answer that ended by itself would have come to the same under another limit: one that is not lower, or
    /// that it fits. What a server counts may exceed the limit it was given, where it counts thinking apart.
    pub(super) fn fits(&self, limit: u64) -> bool {
        self.limit <= limit || self.answer_tokens.is_some_and(|tokens| tokens <= limit)
    }
}

impl Flaw {
    /// Says whether the answer came whole, and only holds nothing of what is read out of it: to ask again would be to pay
    /// for the same answer twice.
    pub(super) fn is_of_reading(self) -> bool {
        matches!(self, Self::Unspoken | Self::Unreasoned | Self::Untagged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str, finish: Option<&str>) -> Row {
        Row {
            text: text.into(),
            reasoning: None,
            finish: finish.map(str::to_owned),
            refusal: None,
            tool: false,
            model: None,
            server: None,
            prompt_tokens: None,
            answer_tokens: None,
            latency_ms: 0,
            limit: 64,
            body: None,
        }
    }

    fn reading(refusals: &[String]) -> Reading<'_> {
        Reading { refusals, from: RationaleFrom::Content, names: &[] }
    }

    #[test]
    fn which_answers_can_be_used() {
        use Flaw::{Broken, CutOff, CutThinking, Empty, Refused, Tool, Unspoken};
        let refusals = ["I'm sorry".to_owned(), " ".to_owned(), "Ä".to_owned()];
        for (text, finish, expected) in [
            ("Ice is smooth.", Some("stop"), None),
            ("Ice is smooth.", None, None),
            ("Ice is smooth.", Some("eos_token"), None),
            ("Ice is smooth.", Some("STOP"), None),
            ("Ice is", Some("length"), Some(CutOff)),
            ("Ice is", Some("MAX_TOKENS"), Some(CutOff)),
            (" ", Some("length"), Some(CutOff)),
            (" \n", Some("stop"), Some(Empty)),
            ("", Some("content_filter"), Some(Refused)),
            ("Ice", Some("SAFETY"), Some(Refused)),
            ("\ni'm SORRY, but", Some("stop"), Some(Refused)),
            ("<think>Hm.</think>I'm sorry, no", Some("stop"), Some(Refused)),
            ("I am", Some("stop"), None),
            ("é", Some("stop"), None),
            ("Ice is", Some("error"), Some(Broken)),
            ("Ice is", Some("abort"), Some(Broken)),
            ("Ice is", Some("quux"), Some(Broken)),
            ("I will look", Some("tool_calls"), Some(Tool)),
            ("<think>Ice is", Some("stop"), Some(CutThinking)),
            ("<think>Ice is", Some("length"), Some(CutThinking)),
            ("<think>Ice is</think>", Some("stop"), Some(Unspoken)),
            ("<think></think>", Some("stop"), Some(Empty)),
        ] {
            assert_eq!(row(text, finish).words(reading(&refusals)).err(), expected, "{text} {finish:?}");
        }
        let calls = Row { tool: true, ..row("I will look", Some("stop")) };
        assert_eq!(calls.words(reading(&[])).err(), Some(Tool));
        let said = Row { refusal: Some("no".into()), ..row("", Some("stop")) };
        assert_eq!(said.words(reading(&[])).err(), Some(Refused));
        assert_eq!(row("I'm sorry", None).words(reading(&[])).err(), None);
    }

    #[test]
    fn thoughts_are_taken_or_left_out_and_no_label_is_read_from_them() {
        use RationaleFrom::{All, Content, Reasoning, Think};
        let apart = |text: &str, thoughts: &str| Row { reasoning: Some(thoughts.into()), ..row(text, Some("stop")) };
        let words =
            |rationale: &str, said: &str, cut| Ok(Words { rationale: rationale.into(), said: said.into(), cut });
        for (row, from, expected) in [
            (row("It is B.", Some("stop")), Content, words("It is B.", "It is B.", false)),
            (row("It is B.", Some("stop")), Reasoning, Err(Flaw::Unreasoned)),
            (row("<think>Is it A?</think>\n\nB", Some("stop")), Content, words("B", "B", true)),
            (row("<think>Is it A?</think>\n\nB", Some("stop")), Reasoning, words("Is it A?", "B", false)),
            (apart("B", "Is it A?"), Content, words("B", "B", false)),
            (apart("B", "Is it A?"), Reasoning, words("Is it A?", "B", false)),
            (apart("", "Is it A?"), Content, Err(Flaw::Unspoken)),
            (apart("", "Is it A?"), Reasoning, words("Is it A?", "", false)),
            (row("", Some("stop")), Reasoning, Err(Flaw::Empty)),
            (row("<think>Is it A?</think>\n\nB", Some("stop")), Think, words("Is it A?", "B", false)),
            (apart("<think>Is it A?</think>B", "Briefly."), Think, words("Is it A?", "B", false)),
            (apart("<think>Is it A?</think>B", "Briefly."), Reasoning, words("Briefly.", "B", false)),
            (apart("B", "Is it A?"), Think, Err(Flaw::Untagged)),
            (row("B", Some("stop")), Think, Err(Flaw::Untagged)),
            (row(" ", Some("stop")), Think, Err(Flaw::Empty)),
            (apart("B", "Is it A?"), All, words("Is it A?\n\nB", "B", false)),
            (row("<think>Is it A?</think>\n\nB", Some("stop")), All, words("Is it A?\n\nB", "B", false)),
            (apart("<think>Is it A?</think>B", "Is it A?"), All, words("Is it A?\n\nB", "B", false)),
            (apart("", "Is it A?"), All, words("Is it A?", "", false)),
            (row("B", Some("stop")), All, words("B", "B", false)),
            (row("", Some("stop")), All, Err(Flaw::Empty)),
        ] {
            assert_eq!(row.words(Reading { refusals: &[], from, names: &[] }), expected, "{row:?} {from:?}");
        }
        let cut = Row { finish: Some("length".into()), ..apart("", "Is it") };
        assert_eq!(cut.words(Reading { refusals: &[], from: Reasoning, names: &[] }), Err(Flaw::CutThinking));
    }

    #[test]
    fn only_the_models_that_are_named_may_answer() {
        let names = ["m".to_owned()];
        let reading = Reading { refusals: &[], from: RationaleFrom::Content, names: &names };
        for (model, expected) in
            [(Some("m"), None), (Some("n"), Some(Flaw::OtherModel)), (None, Some(Flaw::OtherModel))]
        {
            let row = Row { model: model.map(str::to_owned), ..row("a", None) };
            assert_eq!(row.words(reading).err(), expected, "{model:?}");
        }
    }

    #[test]
    fn an_answer_that_ended_by_itself_is_the_same_under_any_limit_it_fits() {
        let counted = Row { answer_tokens: Some(10), ..row("a", Some("stop")) };
        assert!(counted.fits(10) && counted.fits(1000) && !counted.fits(9));
        let counted_high = Row { answer_tokens: Some(100), ..row("a", Some("stop")) };
        assert!(counted_high.fits(64) && counted_high.fits(65) && !counted_high.fits(63));
        let uncounted = row("a", Some("stop"));
        assert!(uncounted.fits(64) && uncounted.fits(1000) && !uncounted.fits(63));
    }
}
