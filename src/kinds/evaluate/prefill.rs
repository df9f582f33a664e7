//! How answers are made to begin: with a text, with tokens to compute on, or with both.

use serde_json::{Value as Json, json};

use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node};
use retort_stage::StageError;
use retort_stage::params::{Count, FromNode, Scope};
use retort_text::tokenizer::Tokenizer;

use super::super::sequence::data;

retort_stage::params! {
    /// Copies of a token before the answer, such as pause tokens: positions to compute on.
    pub struct Fillers {
        /// How many copies. Each is one token.
        pub count: Count,
        /// The token, which the student's tokenizer must have: `add_tokens` of its training adds one.
        pub with: String = "<unk>".into(),
        /// What stands between two copies.
        pub between: String = " ".into(),
    }
}

retort_stage::params! {
    /// How answers are made to begin.
    pub struct PrefillFields {
        /// Copies of a token, which do not belong to the answer and are not shown in it.
        pub fill: Option<Fillers>,
        /// The text that the answer begins with.
        pub text: String = String::new(),
    }
}

/// How answers are made to begin: a text, or `{ fill: { count: 10, with: <pause> }, text: … }`.
#[derive(Debug, Clone)]
pub struct Prefill(PrefillFields);

impl FromNode for Prefill {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let fields = match node.text() {
            Some(text) => PrefillFields { fill: None, text: text.to_owned() },
            None => PrefillFields::from_node(node, scope)?,
        };
        let wrong = match &fields {
            PrefillFields { fill: None, text } if text.is_empty() => "needs a `text`, or tokens to `fill` with",
            PrefillFields { fill: Some(fill), .. } if fill.with.is_empty() => "needs a token in `fill.with`",
            _ => return Some(Self(fields)),
        };
        let message = format!("`{}` {wrong}", scope.path());
        let label = "such as `\"Let us think step by step.\"`, or `{ fill: { count: 10, with: \"<pause>\" } }`";
        scope.fail(Diagnostic::at(node.span, message).label(label))
    }

    fn schema() -> Json {
        json!({ "anyOf": [{ "type": "string" }, PrefillFields::schema()] })
    }
}

impl ContentHash for Prefill {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// What answers begin with, as a student's tokenizer has it.
pub(super) struct Prefilled {
    /// All of the text.
    pub(super) text: String,
    /// The tokens of the text that belongs to the answer.
    pub(super) begun: Vec<u32>,
}

impl Prefill {
    /// Returns what answers begin with.
    ///
    /// # Errors
    /// A text that the tokenizer does not give back, and copies that are not a token each.
    pub(super) fn of(&self, tokenizer: &Tokenizer) -> Result<Prefilled, StageError> {
        let PrefillFields { fill, text } = &self.0;
        let begun = tokenizer.ids(text).map_err(data)?;
        // White space is put where a tokenizer has it, beside added tokens for one.
        let dense = |text: &str| text.split_whitespace().collect::<String>();
        let back = tokenizer.decode(&begun).map_err(data)?;
        if dense(&back) != dense(text) {
            return Err(data(format!(
                "`prefill`: the student's tokenizer gives `{text}` back as `{back}`: use text that it knows, or add what it \
                 lacks with `add_tokens` in training"
            )));
        }
        let Some(Fillers { count, with, between }) = fill else {
            return Ok(Prefilled { text: text.clone(), begun });
        };
        let copies = vec![with.as_str(); count.get()].join(between);
        let ids = tokenizer.ids(&copies).map_err(data)?;
        if ids.len() != count.get() || dense(&tokenizer.decode(&ids).map_err(data)?) != dense(&copies) {
            return Err(data(format!(
                "`prefill.fill`: {} copies of `{with}` are {} tokens to the student's tokenizer, and each should be one that it \
                 gives back: use a token that it has, or add it with `add_tokens` in training",
                count.get(),
                ids.len()
            )));
        }
        let text = if text.is_empty() { copies } else { format!("{copies} {text}") };
        Ok(Prefilled { text, begun })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_text::tokenizer::train_bpe;

    fn prefill(fill: Option<(usize, &str)>, text: &str) -> Prefill {
        let fill =
            fill.map(|(count, with)| Fillers { count: Count::of(count), with: with.into(), between: " ".into() });
        Prefill(PrefillFields { fill, text: text.into() })
    }

    #[test]
    fn answers_begin_with_fillers_that_are_no_part_of_them() {
        let tokenizer = train_bpe(["So the answer is"], 300, &["<pause>"]).unwrap();
        let found = prefill(Some((3, "<pause>")), "So").of(&tokenizer).unwrap();
        assert_eq!(found.text, "<pause> <pause> <pause> So");
        assert_eq!(tokenizer.decode(&found.begun).unwrap(), "So");
        let found = prefill(Some((2, "<pause>")), "").of(&tokenizer).unwrap();
        assert_eq!((found.text.as_str(), found.begun.as_slice()), ("<pause> <pause>", [].as_slice()));
        assert_eq!(prefill(None, "So the").of(&tokenizer).unwrap().text, "So the");
    }

    #[test]
    fn what_the_tokenizer_cannot_give_back_is_refused() {
        let tokenizer = train_bpe(["So the answer is"], 300, &["<pause>"]).unwrap();
        let refused = |prefill: Prefill| prefill.of(&tokenizer).err().unwrap().to_string();
        let several = refused(prefill(Some((4, "<wait>")), ""));
        assert!(several.contains("`prefill.fill`: 4 copies of `<wait>` are "), "{several}");
        // A tokenizer of words alone, which knows neither of these.
        let words = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null, "decoder": null,
            "model": { "type": "WordLevel", "vocab": { "[UNK]": 0, "so": 1 }, "unk_token": "[UNK]" },
        });
        let tokenizer = Tokenizer::from_json(&serde_json::to_vec(&words).unwrap()).unwrap();
        let lost = prefill(None, "so what").of(&tokenizer).err().unwrap().to_string();
        assert!(lost.contains("gives `so what` back as `so [UNK]`"), "{lost}");
        assert!(prefill(None, "so so").of(&tokenizer).is_ok());
    }
}
