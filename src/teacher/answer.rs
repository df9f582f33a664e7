//! What a teacher sends back.

use serde::Deserialize;

use super::Api;

/// An answer, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The words, untouched.
    pub text: String,
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

#[derive(Deserialize)]
struct Body {
    choices: Vec<Choice>,
    model: Option<String>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Said>,
    text: Option<String>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<Content>,
    refusal: Option<String>,
}

/// Most servers send text; some send a list of parts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl Answer {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn parse(api: Api, body: &str) -> Result<Self, String> {
        let body: Body = serde_json::from_str(body).map_err(|error| format!("it is no answer: {error}"))?;
        let [choice, ..] = &mut { body.choices }[..] else { return Err("it has no choices".into()) };
        let (text, refusal) = match (api, choice.message.take(), choice.text.take()) {
            (Api::Chat, Some(said), _) => {
                let text = match said.content {
                    Some(Content::Text(text)) => text,
                    Some(Content::Parts(parts)) => parts.into_iter().map(|part| part.text).collect(),
                    None => String::new(),
                };
                (text, said.refusal.filter(|refusal| !refusal.is_empty()))
            }
            (Api::Completions, _, Some(text)) => (text, None),
            (Api::Chat, None, _) => return Err("its choice has no `message`".into()),
            (Api::Completions, _, None) => return Err("its choice has no `text`".into()),
        };
        let usage = body.usage.unwrap_or(Usage { prompt_tokens: None, completion_tokens: None });
        Ok(Self {
            text,
            finish: choice.finish_reason.take(),
            refusal,
            model: body.model,
            prompt_tokens: usage.prompt_tokens,
            answer_tokens: usage.completion_tokens,
            latency_ms: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_liberties_that_servers_take() {
        let chat = |body: &str| Answer::parse(Api::Chat, body).map(|answer| answer.text);
        assert_eq!(chat(r#"{"choices":[{"message":{"content":"a"}}]}"#), Ok("a".into()));
        assert_eq!(chat(r#"{"choices":[{"message":{"content":null}}],"usage":null}"#), Ok(String::new()));
        let parts = r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]}}]}"#;
        assert_eq!(chat(parts), Ok("ab".into()));
        for (body, said) in [
            (r#"{"choices":[]}"#, "it has no choices"),
            (r#"{"choices":[{"text":"a"}]}"#, "its choice has no `message`"),
            ("<html>", "it is no answer: expected value at line 1 column 1"),
            (
                r#"{"choices":[{"message":{"content":"a""#,
                "it is no answer: EOF while parsing an object at line 1 column 37",
            ),
        ] {
            assert_eq!(chat(body), Err(said.into()), "{body}");
        }
        let whole = r#"{"choices":[{"text":"a","finish_reason":"length"}],"model":"m","usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
        let answer = Answer::parse(Api::Completions, whole).unwrap();
        assert_eq!(
            (answer.finish.as_deref(), answer.prompt_tokens, answer.answer_tokens),
            (Some("length"), Some(3), Some(1))
        );
    }
}
