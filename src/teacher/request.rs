//! What is sent to a teacher.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use retort_text::conversation::Conversation;

/// Which of OpenAI's two protocols a server is spoken to with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `chat/completions`: a list of messages, which the server puts into the model's own format.
    Chat,
    /// `completions`: one text, exactly as it is.
    Completions,
}

retort_fingerprint::words!(Api { Chat = "chat", Completions = "completions" });

impl Api {
    /// Returns the path below the server's address.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Completions => "completions",
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
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Json>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        put("model", Some(json!(self.model)));
        match self.api {
            Api::Chat => {
                let message = |role: &str, text: &str| json!({ "role": role, "content": text });
                let messages = asked.messages.iter().map(|said| message(said.role.name(), &said.text));
                put("messages", Some(messages.collect()));
            }
            Api::Completions => put("prompt", Some(json!(asked.plain()?))),
        }
        let limit = match self.limit_as {
            LimitField::MaxTokens => "max_tokens",
            LimitField::MaxCompletionTokens => "max_completion_tokens",
        };
        put(limit, Some(json!(self.max_tokens)));
        put("temperature", self.temperature.map(|value| json!(value)));
        put("top_p", self.top_p.map(|value| json!(value)));
        put("seed", seed.map(|value| json!(value)));
        // Some servers stream unless they are told not to.
        put("stream", Some(json!(false)));
        put("stop", (!self.stop.is_empty()).then(|| json!(self.stop)));
        for (name, value) in &self.extra {
            put(name, Some(value.clone()));
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
    fn the_two_protocols() {
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
    }

    #[test]
    fn roles_need_the_chat_protocol() {
        let say = |role, text: &str| Message { role, text: text.into() };
        let asked = Conversation { messages: vec![say(Role::System, "Explain."), say(Role::User, "Why?")] };
        assert!(settings(Api::Completions).body(&asked, None).is_none());
        assert!(settings(Api::Chat).body(&asked, None).is_some());
    }
}
