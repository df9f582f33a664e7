//! What is sent to a teacher.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use retort_text::conversation::Conversation;

/// Which protocol a server is spoken to with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `chat/completions`: a list of messages, which the server puts into the model's own format.
    Chat,
    /// `completions`: one text, exactly as it is.
    Completions,
    /// `responses`, OpenAI's newer protocol, in which reasoning is an item of its own.
    Responses,
    /// Ollama's own, `api/chat`, which takes options that its version of OpenAI's does not.
    Ollama,
}

retort_fingerprint::words!(Api {
    Chat = "chat",
    Completions = "completions",
    Responses = "responses",
    Ollama = "ollama",
});

impl Api {
    /// Returns the path below the server's address.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Ollama => "chat",
        }
    }
}

/// What a server calls the longest answer it may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitField {
    /// `max_tokens`, which nearly all servers know.
    MaxTokens,
    /// `max_completion_tokens`, which the newer models of OpenAI want instead.
    MaxCompletionTokens,
}

retort_fingerprint::words!(LimitField { MaxTokens = "max_tokens", MaxCompletionTokens = "max_completion_tokens" });

/// How a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The protocol.
    pub api: Api,
    /// The model, as the server calls it.
    pub model: String,
    /// What logits are divided by; the server's own default where it is not given.
    pub temperature: Option<f64>,
    /// The probability that the tokens which may be drawn have together.
    pub top_p: Option<f64>,
    /// The most tokens of an answer.
    pub max_tokens: u64,
    /// What the server calls that.
    pub limit_as: LimitField,
    /// Texts that end an answer.
    pub stop: Vec<String>,
    /// Further fields of the body, which win over those above.
    pub extra: BTreeMap<String, Json>,
}

impl Settings {
    /// Returns the body of a request; `None` where the protocol cannot carry the conversation.
    pub fn body(&self, asked: &Conversation, seed: Option<u64>) -> Option<Json> {
        let messages = || -> Json {
            let message = |role: &str, text: &str| json!({ "role": role, "content": text });
            asked.messages.iter().map(|said| message(said.role.name(), &said.text)).collect()
        };
        let (field, asks) = match self.api {
            Api::Chat | Api::Ollama => ("messages", messages()),
            Api::Responses => ("input", messages()),
            Api::Completions => ("prompt", json!(asked.plain()?)),
        };
        let limit = match (self.api, self.limit_as) {
            (Api::Responses, _) => "max_output_tokens",
            (Api::Ollama, _) => "num_predict",
            (_, LimitField::MaxTokens) => "max_tokens",
            (_, LimitField::MaxCompletionTokens) => "max_completion_tokens",
        };
        let drawn = [
            (limit, Some(json!(self.max_tokens))),
            ("temperature", self.temperature.map(|value| json!(value))),
            ("top_p", self.top_p.map(|value| json!(value))),
            ("seed", seed.map(|value| json!(value))),
            ("stop", (!self.stop.is_empty()).then(|| json!(self.stop))),
        ];
        let drawn = drawn.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(self.model));
        body.insert(field.to_owned(), asks);
        // Some servers stream unless they are told not to.
        body.insert("stream".to_owned(), json!(false));
        if self.api == Api::Ollama {
            body.insert("options".to_owned(), Json::Object(drawn.collect()));
        } else {
            body.extend(drawn);
        }
        for (name, value) in &self.extra {
            match (body.get_mut(name), value) {
                // Further options of Ollama stand beside those above.
                (Some(Json::Object(own)), Json::Object(further)) => own.extend(further.clone()),
                _ => {
                    body.insert(name.clone(), value.clone());
                }
            }
        }
        Some(Json::Object(body))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use retort_text::conversation::{Message, Role};

    fn settings(api: Api) -> Settings {
        Settings {
            api,
            model: "m".into(),
            temperature: Some(0.0),
            top_p: None,
            max_tokens: 64,
            limit_as: LimitField::MaxTokens,
            stop: vec!["</s>".into()],
            extra: BTreeMap::from([("top_k".to_owned(), json!(40))]),
        }
    }

    #[test]
    fn the_protocols() {
        let asked = Conversation::of("Why?");
        let body = |api| settings(api).body(&asked, Some(3)).unwrap().to_string();
        expect![[
            r#"{"max_tokens":64,"messages":[{"content":"Why?","role":"user"}],"model":"m","seed":3,"stop":["</s>"],"stream":false,"temperature":0.0,"top_k":40}"#
        ]]
        .assert_eq(&body(Api::Chat));
        expect![[
            r#"{"max_tokens":64,"model":"m","prompt":"Why?","seed":3,"stop":["</s>"],"stream":false,"temperature":0.0,"top_k":40}"#
        ]]
        .assert_eq(&body(Api::Completions));
        expect![[
            r#"{"input":[{"content":"Why?","role":"user"}],"max_output_tokens":64,"model":"m","seed":3,"stop":["</s>"],"stream":false,"temperature":0.0,"top_k":40}"#
        ]]
        .assert_eq(&body(Api::Responses));
        let mut ollama = settings(Api::Ollama);
        ollama.extra =
            BTreeMap::from([("options".to_owned(), json!({ "num_ctx": 8192 })), ("think".to_owned(), json!(true))]);
        expect![[
            r#"{"messages":[{"content":"Why?","role":"user"}],"model":"m","options":{"num_ctx":8192,"num_predict":64,"seed":3,"stop":["</s>"],"temperature":0.0},"stream":false,"think":true}"#
        ]]
        .assert_eq(&ollama.body(&asked, Some(3)).unwrap().to_string());
    }

    #[test]
    fn roles_need_the_chat_protocol() {
        let say = |role, text: &str| Message { role, text: text.into() };
        let asked = Conversation { messages: vec![say(Role::System, "Explain."), say(Role::User, "Why?")] };
        assert!(settings(Api::Completions).body(&asked, None).is_none());
        assert!(settings(Api::Chat).body(&asked, None).is_some());
    }
}
