//! What a teacher sends back.

use serde_json::Value as Json;

use super::Api;

/// An answer, as it came, and what is read out of it.
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
    /// Whether it calls a tool, whatever the server says of its end.
    pub tool: bool,
    /// The model that answered, as the server calls it.
    pub model: Option<String>,
    /// Tokens of what was asked.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer.
    pub answer_tokens: Option<u64>,
    /// The body it was read out of, as it arrived: decompressed, and with every key struck out.
    pub body: String,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
}

impl Answer {
    /// Reads an answer out of a body that was kept.
    ///
    /// # Errors
    /// Says why it is no answer.
    pub fn of_body(api: Api, body: &str) -> Result<Self, String> {
        let answer = Self::read(api, &super::body::json(body)?)?;
        Ok(Self { body: body.to_owned(), ..answer })
    }

    /// Reads the JSON of an answer, taking the liberties that servers take. The body is left to whoever has it.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn read(api: Api, body: &Json) -> Result<Self, String> {
        if !body.is_object() {
            return Err("it is no answer: it is not a JSON object".to_owned());
        }
        let (words, finish) = match api {
            Api::Chat | Api::Completions => choice(api, body)?,
            Api::Responses => output(body)?,
            Api::Ollama => message(body)?,
        };
        let usage = |names: [&str; 2]| names.iter().find_map(|name| count(body.get("usage")?.get(*name)?));
        let evaluated = |name: &str| body.get(name).and_then(count);
        Ok(Self {
            text: words.text,
            reasoning: Some(words.reasoning).filter(|words| !words.trim().is_empty()),
            finish,
            refusal: Some(words.refusal).filter(|words| !words.is_empty()),
            tool: words.tool,
            model: body.get("model").and_then(word),
            prompt_tokens: usage(["prompt_tokens", "input_tokens"]).or_else(|| evaluated("prompt_eval_count")),
            answer_tokens: usage(["completion_tokens", "output_tokens"]).or_else(|| evaluated("eval_count")),
            body: String::new(),
            latency_ms: 0,
        })
    }
}

/// Reads the first choice of `chat/completions` or `completions`, and how it ended.
fn choice(api: Api, body: &Json) -> Result<(Words, Option<String>), String> {
    let choices = body.get("choices").and_then(Json::as_array);
    let choices = choices.ok_or_else(|| format!("it is no answer: it has no `choices`, but {}", names(body)))?;
    let choice = choices.first().ok_or("it has no choices")?;
    let (said, alone) =
        (choice.get("message").filter(|message| message.is_object()), choice.get("text").and_then(Json::as_str));
    let mut words = Words::default();
    match (api, said, alone) {
        (Api::Completions, _, Some(text)) => {
            words.text.push_str(text);
            words.thoughts(choice);
        }
        (Api::Completions, Some(_), None) => {
            return Err("its choice has no `text`, but a `message`: it speaks `api: chat`".into());
        }
        (Api::Completions, None, None) => return Err("its choice has no `text`".into()),
        (_, Some(said), _) => words.message(said),
        (_, None, Some(_)) => {
            return Err("its choice has no `message`, but a `text`: it speaks `api: completions`".into());
        }
        (_, None, None) => return Err("its choice has no `message`".into()),
    }
    Ok((words, choice.get("finish_reason").and_then(word)))
}

/// Reads the output of `responses`: reasoning, messages and calls of tools, one after the other.
fn output(body: &Json) -> Result<(Words, Option<String>), String> {
    let items = body.get("output").and_then(Json::as_array);
    let items = items.ok_or_else(|| format!("it is no answer: it has no `output`, but {}", names(body)))?;
    let mut words = Words::default();
    for item in items {
        match item.get("type").and_then(Json::as_str) {
            Some("message") => words.part(item.get("content").unwrap_or(&Json::Null)),
            Some(kind) if kind.ends_with("_call") => words.tool = true,
            _ => words.part(item),
        }
    }
    let reason = body.get("incomplete_details").and_then(|details| details.get("reason")).and_then(word);
    Ok((words, reason.or_else(|| body.get("status").and_then(word))))
}

/// Reads the message of Ollama's own protocol.
fn message(body: &Json) -> Result<(Words, Option<String>), String> {
    let said = body.get("message").filter(|message| message.is_object());
    let said = said.ok_or_else(|| format!("it is no answer: it has no `message`, but {}", names(body)))?;
    let mut words = Words::default();
    words.message(said);
    let unfinished = body.get("done") == Some(&Json::Bool(false));
    let finish = body.get("done_reason").and_then(word);
    Ok((words, finish.or_else(|| unfinished.then(|| "unfinished".to_owned()))))
}

/// The words of a message by what they are.
#[derive(Debug, Default)]
struct Words {
    text: String,
    reasoning: String,
    refusal: String,
    tool: bool,
}

/// Fields that hold thoughts; the same ones may stand in several.
const THOUGHTS: [&str; 7] = [
    "reasoning_content",
    "reasoning",
    "thinking",
    "thoughts",
    "reasoning_text",
    "reasoning_details",
    "thinking_blocks",
];

impl Words {
    fn message(&mut self, message: &Json) {
        self.part(message.get("content").unwrap_or(&Json::Null));
        self.thoughts(message);
        if let Some(refusal) = message.get("refusal").and_then(Json::as_str) {
            self.refusal.push_str(refusal);
        }
        let calls = message.get("tool_calls").and_then(Json::as_array).is_some_and(|calls| !calls.is_empty());
        self.tool |= calls || message.get("function_call").is_some_and(Json::is_object);
    }

    /// Takes thoughts out of fields of their own, unless they stood among the words.
    fn thoughts(&mut self, message: &Json) {
        if self.reasoning.trim().is_empty()
            && let Some(thoughts) = THOUGHTS
                .iter()
                .filter_map(|field| message.get(*field))
                .map(text_of)
                .find(|text| !text.trim().is_empty())
        {
            self.reasoning = thoughts;
        }
    }

    /// Takes a part of the content: text, or a list of parts that say what they are.
    fn part(&mut self, part: &Json) {
        match part {
            Json::String(text) => self.text.push_str(text),
            Json::Array(parts) => parts.iter().for_each(|part| self.part(part)),
            Json::Object(fields) => match fields.get("type").and_then(Json::as_str) {
                Some("thinking" | "reasoning" | "thought" | "redacted_thinking" | "reasoning_text") => {
                    self.reasoning.push_str(&text_of(part));
                }
                Some("refusal") => self.refusal.push_str(&text_of(part)),
                Some("tool_use" | "tool_call" | "function_call") => self.tool = true,
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
        fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, _)| name)
            .filter(|name| *name != "choices")
            .take(6)
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
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

    #[test]
    fn tools_are_seen_whatever_is_said_of_the_end() {
        for (message, tool) in [
            (json!({ "content": "a" }), false),
            (json!({ "content": "a", "tool_calls": [] }), false),
            (json!({ "content": "a", "tool_calls": null, "function_call": null }), false),
            (json!({ "content": null, "tool_calls": [{ "id": "x" }] }), true),
            (json!({ "content": null, "function_call": { "name": "f" } }), true),
            (json!({ "content": [{ "type": "text", "text": "a" }, { "type": "tool_use", "name": "f" }] }), true),
        ] {
            assert_eq!(said(&message).tool, tool, "{message}");
        }
    }

    /// The servers of the table in `docs/teachers.md`, each with the shape in which it sends thoughts.
    #[test]
    fn the_shapes_of_servers() {
        type Case = (&'static str, Api, Json, &'static str, Option<&'static str>, Option<&'static str>);
        let table: &[Case] = &[
            (
                "OpenAI responses",
                Api::Responses,
                json!({
                    "object": "response", "status": "completed", "error": null, "incomplete_details": null, "model": "m",
                    "output": [
                        { "type": "reasoning", "id": "rs", "summary": [{ "type": "summary_text", "text": "hm" }] },
                        { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "a" }] },
                    ],
                    "usage": { "input_tokens": 3, "output_tokens": 1 },
                }),
                "a",
                Some("hm"),
                Some("completed"),
            ),
            (
                "OpenAI responses, without a summary",
                Api::Responses,
                json!({
                    "status": "incomplete", "incomplete_details": { "reason": "max_output_tokens" },
                    "output": [{ "type": "reasoning", "summary": [], "encrypted_content": "gAAA" }],
                }),
                "",
                None,
                Some("max_output_tokens"),
            ),
            (
                "responses of an open model",
                Api::Responses,
                json!({
                    "status": "completed",
                    "output": [
                        { "type": "reasoning", "summary": [], "content": [{ "type": "reasoning_text", "text": "hm" }] },
                        { "type": "message", "content": [{ "type": "output_text", "text": "a" }] },
                    ],
                }),
                "a",
                Some("hm"),
                Some("completed"),
            ),
            (
                "Ollama's own protocol",
                Api::Ollama,
                json!({
                    "model": "m", "created_at": "t", "done": true, "done_reason": "stop",
                    "message": { "role": "assistant", "content": "a", "thinking": "hm" },
                    "prompt_eval_count": 3, "eval_count": 1,
                }),
                "a",
                Some("hm"),
                Some("stop"),
            ),
            (
                "Ollama's own protocol, cut off",
                Api::Ollama,
                json!({ "message": { "content": "", "thinking": "hm" }, "done": true, "done_reason": "length" }),
                "",
                Some("hm"),
                Some("length"),
            ),
            (
                "OpenRouter",
                Api::Chat,
                json!({ "choices": [{ "finish_reason": "stop", "message": {
                    "content": "a", "reasoning": null,
                    "reasoning_details": [
                        { "type": "reasoning.text", "text": "hm", "signature": null, "index": 0 },
                        { "type": "reasoning.encrypted", "data": "gAAA", "index": 1 },
                    ],
                } }] }),
                "a",
                Some("hm"),
                Some("stop"),
            ),
            (
                "LiteLLM before Anthropic",
                Api::Chat,
                json!({ "choices": [{ "finish_reason": "stop", "message": {
                    "content": "a", "thinking_blocks": [{ "type": "thinking", "thinking": "hm", "signature": "s" }],
                } }] }),
                "a",
                Some("hm"),
                Some("stop"),
            ),
            (
                "OpenRouter completions",
                Api::Completions,
                json!({ "choices": [{ "finish_reason": "stop", "text": "a", "reasoning": "hm" }] }),
                "a",
                Some("hm"),
                Some("stop"),
            ),
        ];
        for (server, api, body, text, reasoning, finish) in table {
            let answer = Answer::of_body(*api, &body.to_string()).unwrap();
            let found = (answer.text.as_str(), answer.reasoning.as_deref(), answer.finish.as_deref());
            assert_eq!(found, (*text, *reasoning, *finish), "{server}");
            assert_eq!(answer.body, body.to_string(), "{server}");
        }
        let tool = json!({ "status": "completed", "output": [{ "type": "function_call", "name": "f" }] });
        assert!(Answer::read(Api::Responses, &tool).unwrap().tool);
        for (api, body, why) in [
            (Api::Responses, json!({ "choices": [] }), "it is no answer: it has no `output`, but nothing else"),
            (Api::Ollama, json!({ "response": "a" }), "it is no answer: it has no `message`, but `response`"),
        ] {
            assert_eq!(Answer::read(api, &body).unwrap_err(), why, "{body}");
        }
        let counts = Answer::read(Api::Ollama, &table[3].2).unwrap();
        assert_eq!((counts.prompt_tokens, counts.answer_tokens), (Some(3), Some(1)));
    }
}
