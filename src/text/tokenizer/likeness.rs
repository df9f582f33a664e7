//! Whether two tokenizers are one and the same: they give a text the same ids, and an id means the same token.
//!
//! What is put around a text has no part in it, nor how ids become text again, nor how an added token takes in the white space
//! beside it: whoever compares two tokenizers puts sequences together by one of them.

use std::collections::BTreeMap;

use retort_fingerprint::Digest;
use serde_json::Value as Json;

use super::{Tokenizer, TokenizerError};

impl Tokenizer {
    /// Returns the digest of all that decides which ids a text has and what they mean.
    pub fn fingerprint(&self) -> Result<Digest, TokenizerError> {
        let mut bytes = Vec::new();
        for (id, token) in self.tokens() {
            bytes.extend_from_slice(&id.to_le_bytes());
            bytes.extend_from_slice(&(token.len() as u64).to_le_bytes());
            bytes.extend_from_slice(token.as_bytes());
        }
        for (_, rule) in self.rules()? {
            bytes.extend_from_slice(rule.to_string().as_bytes());
            bytes.push(b'\n');
        }
        Ok(Digest::of(&bytes))
    }

    /// Says in what it differs from another tokenizer, which is called `other`, itself being called `own`; `None` where the two are one
    /// and the same.
    pub fn difference(&self, own: &str, other: &str, of: &Self) -> Result<Option<String>, TokenizerError> {
        if self.fingerprint()? == of.fingerprint()? {
            return Ok(None);
        }
        let (mine, theirs) = (self.tokens(), of.tokens());
        let lacking = |of: &Self, token: &str| match of.id(token) {
            Some(id) => format!("the id {id}"),
            None => "no id".to_owned(),
        };
        if let Some((id, token)) = mine.iter().find(|(id, token)| theirs.get(id) != Some(token)) {
            return Ok(Some(format!(
                "the token `{token}` has the id {id} in {own} and {} in {other}",
                lacking(of, token)
            )));
        }
        if let Some((id, token)) = theirs.iter().find(|(id, token)| mine.get(id) != Some(token)) {
            return Ok(Some(format!(
                "the token `{token}` has {} in {own} and the id {id} in {other}",
                lacking(self, token)
            )));
        }
        let differing = self.rules()?.into_iter().zip(of.rules()?).find(|(a, b)| a != b);
        let rule = differing.map_or("merges", |((name, _), _)| name);
        Ok(Some(format!("the vocabularies are the same, and the {rule} of {own} and of {other} differ")))
    }

    /// Every token by its id.
    fn tokens(&self) -> BTreeMap<u32, String> {
        self.inner().get_vocab(true).into_iter().map(|(token, id)| (id, token)).collect()
    }

    /// How texts become tokens, but for the vocabulary.
    fn rules(&self) -> Result<Vec<(&'static str, Json)>, TokenizerError> {
        let written: Json = serde_json::from_slice(&self.to_json()?)
            .map_err(|error| TokenizerError::Write { why: error.to_string() })?;
        let mut model = written["model"].clone();
        if let Some(fields) = model.as_object_mut() {
            fields.remove("vocab");
        }
        let part = |name: &str| written[name].clone();
        Ok(vec![("normalizers", part("normalizer")), ("pre-tokenizers", part("pre_tokenizer")), ("merges", model)])
    }
}

#[cfg(test)]
mod tests {
    use super::super::train_bpe;
    use super::*;

    fn made(texts: &[&str], special: &[&str]) -> Tokenizer {
        train_bpe(texts.iter().copied(), 300, special).expect("trains")
    }

    #[test]
    fn tokenizers_are_told_apart_by_what_they_make_of_texts() {
        let texts = ["the cat sat on the mat", "that is that"];
        let one = made(&texts, &["[M]"]);
        let difference = |of: &Tokenizer| one.difference("the student's", "the teacher's", of).expect("written");
        assert_eq!(difference(&one.clone()), None);
        // What stands around a text is not part of it.
        let mut begun = one.clone();
        begun.set_begin(&["[M]".to_owned()]).expect("set");
        assert_eq!(difference(&begun), None);
        assert_eq!(one.fingerprint().unwrap(), begun.fingerprint().unwrap());
        let mut more = one.clone();
        more.add_special(&["[N]"]).expect("added");
        let id = more.id("[N]").expect("there");
        let said = format!("the token `[N]` has no id in the student's and the id {id} in the teacher's");
        assert_eq!(difference(&more), Some(said));
        let other = difference(&made(&["some words else", "and others"], &["[M]"])).expect("another");
        assert!(other.starts_with("the token `"), "{other}");
        // The same vocabulary with other rules.
        let mut json: Json = serde_json::from_slice(&one.to_json().unwrap()).unwrap();
        json["normalizer"] = serde_json::json!({ "type": "Lowercase" });
        let lower = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
        let said = "the vocabularies are the same, and the normalizers of the student's and of the teacher's differ";
        assert_eq!(difference(&lower).as_deref(), Some(said));
    }
}
