//! A model's own way to write a conversation: the chat template that Hugging Face keeps beside its weights.
//!
//! The dialect is that of transformers: a block on a line of its own leaves no line behind, values have Python's methods,
//! `tojson` keeps characters as they are, and `raise_exception` stops with words of the template's own. There is no
//! `strftime_now`, for what is asked must not depend on the day; templates fall back to a date of theirs.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, context};
use serde_json::Value as Json;

use super::conversation::{Conversation, Message};
use super::prompt::{ENDLESS, FUEL, within_bounds};

/// A chat template that cannot be found, read or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatTemplateError {
    /// A model has none.
    #[error("it has no chat template: neither `chat_template.jinja` nor `chat_template` in `tokenizer_config.json`")]
    None,
    /// A file cannot be read.
    #[error("cannot read `{file}`: {why}")]
    File {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The template is not Jinja, or does not fit a conversation.
    #[error("cannot {what} the chat template, line {line}: {why}")]
    Template {
        /// What was attempted.
        what: &'static str,
        /// The line, counted from 1.
        line: usize,
        /// What the renderer said.
        why: String,
    },
}

/// A chat template with the special tokens it may name.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: Option<String>,
    eos: Option<String>,
}

impl ChatTemplate {
    /// Takes the template out of the files of a model: `chat_template.jinja`, or else a field of `tokenizer_config.json`.
    pub fn from_files(jinja: Option<&[u8]>, config: Option<&[u8]>) -> Result<Self, ChatTemplateError> {
        const CONFIG: &str = "tokenizer_config.json";
        let config: Json = config.map_or(Ok(Json::Null), |bytes| {
            serde_json::from_slice(bytes)
                .map_err(|error| ChatTemplateError::File { file: CONFIG, why: error.to_string() })
        })?;
        let source = match jinja {
            Some(bytes) => String::from_utf8(bytes.to_vec())
                .map_err(|error| ChatTemplateError::File { file: "chat_template.jinja", why: error.to_string() })?,
            None => in_config(&config).ok_or(ChatTemplateError::None)?,
        };
        Self::parse(source, token(&config, "bos_token"), token(&config, "eos_token"))
    }

    fn parse(source: String, bos: Option<String>, eos: Option<String>) -> Result<Self, ChatTemplateError> {
        let mut environment = Environment::new();
        environment.set_debug(true);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the delimiters are Jinja's own"));
        environment.add_function("raise_exception", |said: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, said))
        });
        environment.add_template_owned("chat", source).map_err(|error| wrong("read", &error))?;
        Ok(Self { environment, bos, eos })
    }

    /// Returns the token that ends an answer, where the files name one.
    pub fn eos(&self) -> Option<&str> {
        self.eos.as_deref()
    }

    /// Writes a conversation up to where the model goes on.
    pub fn render(&self, asked: &Conversation) -> Result<String, ChatTemplateError> {
        let message = |Message { role, text }: &Message| context! { role => role.name(), content => text };
        let messages: Vec<Value> = asked.messages.iter().map(message).collect();
        // A token that the files do not name is not there, as in transformers, rather than there and nothing.
        let or_absent = |token: Option<&str>| token.map_or(Value::UNDEFINED, Value::from);
        let variables = context! {
            messages => messages,
            add_generation_prompt => true,
            bos_token => or_absent(self.bos.as_deref()),
            eos_token => or_absent(self.eos.as_deref()),
        };
        let rendered = self.environment.get_template("chat").and_then(|template| template.render(variables));
        rendered.and_then(within_bounds).map_err(|error| wrong("render", &error))
    }
}

/// Returns the template in a configuration: one text, or the one named `default` of several.
fn in_config(config: &Json) -> Option<String> {
    let field = config.get("chat_template")?;
    let named = || field.as_array()?.iter().find(|one| one["name"] == "default")?.get("template")?.as_str();
    field.as_str().or_else(named).map(str::to_owned)
}

/// Returns a special token, which is text or an object with its `content`.
fn token(config: &Json, name: &str) -> Option<String> {
    let field = config.get(name)?;
    field.as_str().or_else(|| field.get("content")?.as_str()).map(str::to_owned)
}

fn wrong(what: &'static str, error: &Error) -> ChatTemplateError {
    let why = match error.kind() {
        ErrorKind::OutOfFuel => ENDLESS.to_owned(),
        kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
    };
    ChatTemplateError::Template { what, line: error.line().unwrap_or(1), why }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::conversation::Role;

    const CONFIG: &str = r#"{"bos_token":"<s>","eos_token":{"content":"</s>"}}"#;

    fn check(source: &str, expected: &Expect) {
        let say = |role, text: &str| Message { role, text: text.into() };
        let asked = Conversation { messages: vec![say(Role::System, "Be brief."), say(Role::User, "Why?")] };
        let template = ChatTemplate::from_files(Some(source.as_bytes()), Some(CONFIG.as_bytes()));
        let rendered = template.and_then(|template| template.render(&asked));
        expected.assert_eq(&rendered.unwrap_or_else(|error| error.to_string()));
    }

    #[test]
    fn the_dialect_of_transformers() {
        check(
            "{{ bos_token }}{% for m in messages %}\n{% if m['role'].startswith('sys') %}{% continue %}{% endif %}\n[INST] {{ m.content.strip() | tojson }} [/INST]\n{% endfor %}\n{%- if add_generation_prompt %}{{ eos_token }}{% endif %}",
            &expect![[r#"
                <s>[INST] "Why?" [/INST]
                </s>"#]],
        );
        check("{% if strftime_now is defined %}today{% else %}then{% endif %}", &expect!["then"]);
    }

    #[test]
    fn a_template_stops_in_its_own_words() {
        check(
            "{% if messages[0].role == 'system' %}\n{{ raise_exception('System role not supported') }}{% endif %}",
            &expect!["cannot render the chat template, line 2: System role not supported"],
        );
    }

    #[test]
    fn a_template_that_does_not_end_is_stopped() {
        check(
            "{% set s = namespace(x='aaaa') %}{% for i in range(60) %}\n{% set s.x = s.x ~ s.x %}{% endfor %}",
            &expect!["cannot render the chat template, line 2: it loops too often or makes too much text for a prompt"],
        );
        check(
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            &expect!["cannot render the chat template, line 1: it loops too often or makes too much text for a prompt"],
        );
    }

    #[test]
    fn where_the_template_stands() {
        let template = |jinja: Option<&str>, config: Option<&str>| {
            let read = ChatTemplate::from_files(jinja.map(str::as_bytes), config.map(str::as_bytes));
            read.and_then(|template| template.render(&Conversation::of("Why?"))).map_err(|error| error.to_string())
        };
        let one = r#"{"chat_template":"one"}"#;
        assert_eq!(template(Some("file"), Some(one)), Ok("file".into()));
        assert_eq!(template(None, Some(one)), Ok("one".into()));
        let several = r#"{"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]}"#;
        assert_eq!(template(None, Some(several)), Ok("d".into()));
        assert!(template(None, Some("{}")).unwrap_err().contains("no chat template"));
        assert!(template(None, None).unwrap_err().contains("no chat template"));
        assert!(template(None, Some("{")).unwrap_err().contains("`tokenizer_config.json`"));
    }
}
