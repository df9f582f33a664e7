//! What a teacher sends back.

use serde_json::Value as Json;

use super::Api;

/// An answer, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The words, untouched.
    pub text: String,
    /// What the model thought before, where the server keeps it apart: `reasoning_content`, `reasoning`, parts of thinking.
    pub reasoning: Option<String>,
    /// How it ended, in the server's word: `stop`, `length`, …
    pub finish: Option<String>,
    /// Why the teacher would not answer, where the server says so in a field of its own.
    pub refusal: Option<String>,
    /// The model that answered, as the server calls it.
    pub model: Option<String>,
    /// Tokens of what was asked.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer.
    pub answer_tokens: Option<u64>,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
}

impl Answer {
    /// Reads the body of an answer, taking the liberties that servers take.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn read(api: Api, body: &Json) -> Result<Self, String> {
        let fields = body.as_object().ok_or_else(|| "it is no answer: it is not a JSON object".to_owned())?;
        let choices = fields.get("choices").and_then(Json::as_array);
        let choices = choices.ok_or_else(|| format!("it is no answer: it has no `choices`, but {}", names(body)))?;
        let choice = choices.first().ok_or("it has no choices")?;
        let (said, alone) =
            (choice.get("message").filter(|message| message.is_object()), choice.get("text").and_then(Json::as_str));
        let mut words = Words::default();
        match (api, said, alone) {
            (Api::Chat, Some(said), _) => words.message(said),
            (Api::Completions, _, Some(text)) => words.text.push_str(text),
            (Api::Chat, None, Some(_)) => {
                return Err("its choice has no `message`, but a `text`: it speaks `api: completions`".into());
            }
            (Api::Completions, Some(_), None) => {
                return Err("its choice has no `text`, but a `message`: it speaks `api: chat`".into());
            }
            (Api::Chat, None, None) => return Err("its choice has no `message`".into()),
            (Api::Completions, None, None) => return Err("its choice has no `text`".into()),
        }
        let usage = |names: [&str; 2]| names.iter().find_map(|name| count(body.get("usage")?.get(*name)?));
        Ok(Self {
            text: words.text,
            reasoning: Some(words.reasoning).filter(|words| !words.trim().is_empty()),
            finish: choice.get("finish_reason").and_then(word),
            refusal: Some(words.refusal).filter(|words| !words.is_empty()),
            model: body.get("model").and_then(word),
            prompt_tokens: usage(["prompt_tokens", "input_tokens"]),
            answer_tokens: usage(["completion_tokens", "output_tokens"]),
            latency_ms: 0,
        })
    }
}

/// The words of a message by what they are.
#[derive(Debug, Default)]
struct Words {
    text: String,
    reasoning: String,
    refusal: String,
}

impl Words {
    fn message(&mut self, message: &Json) {
        self.part(message.get("content").unwrap_or(&Json::Null));
        // The same thoughts may stand in several fields.
        let fields = ["reasoning_content", "reasoning", "thinking", "thoughts", "reasoning_details"];
        if self.reasoning.trim().is_empty()
            && let Some(thoughts) =
                fields.iter().filter_map(|field| message.get(field)).map(text_of).find(|text| !text.trim().is_empty())
        {
            self.reasoning = thoughts;
        }
        if let Some(refusal) = message.get("refusal").and_then(Json::as_str) {
            self.refusal.push_str(refusal);
        }
    }

    /// Takes a part of the content: text, or a list of parts that say what they are.
    fn part(&mut self, part: &Json) {
        match part {
            Json::String(text) => self.text.push_str(text),
            Json::Array(parts) => parts.iter().for_each(|part| self.part(part)),
            Json::Object(fields) => match fields.get("type").and_then(Json::as_str) {
                Some("thinking" | "reasoning" | "thought" | "redacted_thinking") => {
                    self.reasoning.push_str(&text_of(part));
                }
                Some("refusal") => self.refusal.push_str(&text_of(part)),
                _ => {
                    if let Some(text) = fields.get("text").and_then(Json::as_str) {
                        self.text.push_str(text);
                    }
                }
            },
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

/// Returns the text in a field for thoughts, which may be a list of parts.
fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(parts) => parts.iter().map(text_of).collect(),
        Json::Object(fields) => {
            let names = ["text", "thinking", "content", "summary", "reasoning", "refusal"];
            names
                .iter()
                .filter_map(|name| fields.get(*name))
                .map(text_of)
                .find(|text| !text.is_empty())
                .unwrap_or_default()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => String::new(),
    }
}

/// Reads a word that some servers wrap: `"stop"`, `{"type": "stop"}`.
fn word(value: &Json) -> Option<String> {
    match value {
        Json::String(word) => Some(word.clone()),
        Json::Object(fields) => {
            ["type", "id", "name"].iter().find_map(|name| fields.get(*name)?.as_str().map(str::to_owned))
        }
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) => None,
    }
}

/// Reads a count that some servers write as a fraction or as text; a negative one says nothing.
fn count(value: &Json) -> Option<u64> {
    let number = match value {
        Json::Number(number) => number.as_f64()?,
        Json::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // Larger than any count of tokens, and far from what a float cannot hold.
    (0.0..1e15).contains(&number).then(|| number.round() as u64)
}

/// Names the fields that are there instead.
fn names(body: &Json) -> String {
    let fields = body.as_object().map(|fields| {
        fields.keys().filter(|name| *name != "choices").take(6).map(|name| format!("`{name}`")).collect::<Vec<_>>()
    });
    fields.filter(|fields| !fields.is_empty()).map_or_else(|| "nothing else".to_owned(), |fields| fields.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chat(body: &Json) -> Result<Answer, String> {
        Answer::read(Api::Chat, body)
    }

    fn said(message: &Json) -> Answer {
        chat(&json!({ "choices": [{ "message": message }] })).unwrap()
    }

    #[test]
    fn the_shapes_of_content() {
        for (content, text, reasoning) in [
            (json!("a"), "a", None),
            (json!(null), "", None),
            (json!([{ "type": "text", "text": "a" }, { "text": "b" }]), "ab", None),
            (json!(["a", "b"]), "ab", None),
            (json!({ "type": "text", "text": "a" }), "a", None),
            (json!([{ "type": "output_text", "text": "a" }]), "a", None),
            (
                json!([{ "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }] }, { "type": "text", "text": "a" }]),
                "a",
                Some("hm"),
            ),
            (json!([{ "type": "thinking", "thinking": "hm" }, { "type": "text", "text": "a" }]), "a", Some("hm")),
            (json!([{ "type": "reasoning", "text": null }, { "type": "text", "text": "a" }]), "a", None),
            (json!(7), "", None),
        ] {
            let answer = said(&json!({ "content": content }));
            assert_eq!((answer.text.as_str(), answer.reasoning.as_deref()), (text, reasoning), "{content}");
        }
    }

    #[test]
    fn the_fields_for_thoughts() {
        for message in [
            json!({ "content": null, "reasoning_content": "hm" }),
            json!({ "content": null, "reasoning": "hm" }),
            json!({ "content": "", "thinking": "hm" }),
            json!({ "reasoning_content": "", "reasoning": "hm" }),
            json!({ "reasoning": "hm", "reasoning_details": [{ "type": "reasoning.text", "text": "hm" }] }),
            json!({ "reasoning": null, "reasoning_details": [{ "type": "reasoning.summary", "summary": "hm" }] }),
            json!({ "reasoning": { "content": "hm" } }),
        ] {
            let answer = said(&message);
            assert_eq!((answer.text.as_str(), answer.reasoning.as_deref()), ("", Some("hm")), "{message}");
        }
        assert_eq!(said(&json!({ "content": "a", "reasoning_content": " " })).reasoning, None);
    }

    #[test]
    fn counts_and_words() {
        for (usage, expected) in [
            (json!({ "prompt_tokens": 3, "completion_tokens": 1 }), (Some(3), Some(1))),
            (json!({ "prompt_tokens": 3.0, "completion_tokens": 1.0 }), (Some(3), Some(1))),
            (json!({ "prompt_tokens": "3", "completion_tokens": " 1 " }), (Some(3), Some(1))),
            (json!({ "input_tokens": 3, "output_tokens": 1 }), (Some(3), Some(1))),
            (json!({ "prompt_tokens": -1, "completion_tokens": "?" }), (None, None)),
            (json!({ "prompt_tokens": 1e300, "completion_tokens": null }), (None, None)),
            (json!(null), (None, None)),
            (json!([]), (None, None)),
        ] {
            let answer = chat(&json!({ "choices": [{ "message": {} }], "usage": usage })).unwrap();
            assert_eq!((answer.prompt_tokens, answer.answer_tokens), expected, "{usage}");
        }
        for (finish, expected) in [
            (json!("length"), Some("length")),
            (json!({ "type": "stop" }), Some("stop")),
            (json!(0), Some("0")),
            (json!(null), None),
        ] {
            let answer =
                chat(&json!({ "choices": [{ "message": {}, "finish_reason": finish }], "model": finish })).unwrap();
            assert_eq!((answer.finish.as_deref(), answer.model.as_deref()), (expected, expected), "{finish}");
        }
    }

    #[test]
    fn what_is_no_answer() {
        for (api, body, why) in [
            (Api::Chat, json!([]), "it is no answer: it is not a JSON object"),
            (Api::Chat, json!({}), "it is no answer: it has no `choices`, but nothing else"),
            (Api::Chat, json!({ "id": 1 }), "it is no answer: it has no `choices`, but `id`"),
            (Api::Chat, json!({ "choices": null }), "it is no answer: it has no `choices`, but nothing else"),
            (Api::Chat, json!({ "choices": [] }), "it has no choices"),
            (Api::Chat, json!({ "choices": [{}] }), "its choice has no `message`"),
            (
                Api::Chat,
                json!({ "choices": [{ "text": "a" }] }),
                "its choice has no `message`, but a `text`: it speaks `api: completions`",
            ),
            (
                Api::Completions,
                json!({ "choices": [{ "message": {} }] }),
                "its choice has no `text`, but a `message`: it speaks `api: chat`",
            ),
        ] {
            assert_eq!(Answer::read(api, &body).unwrap_err(), why, "{body}");
        }
        let answer = Answer::read(Api::Completions, &json!({ "choices": [{ "text": "a", "message": {} }] })).unwrap();
        assert_eq!(answer.text, "a");
    }
}
