//! A model's own way to write a conversation: the chat template that Hugging Face keeps beside its weights.
//!
//! The dialect is that of transformers: a block on a line of its own leaves no line behind, values have Python's methods,
//! `tojson` is `json.dumps`, `raise_exception` stops with words of the template's own, the model's special tokens stand by
//! their names, and neither tools nor documents are given. What a model is asked must not depend on the day, so
//! `strftime_now` tells a [`Day`] that is given.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::civil::{Date, Time};
use jiff::fmt::strtime;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, context};
use serde_json::Value as Json;

use super::chat_dialect::{GENERATED, generation, json_dumps, translated};
use super::conversation::{Conversation, Message};
use super::prompt::{ENDLESS, FUEL, json_value, within_bounds};

/// The day that templates are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(Date);

impl Day {
    /// The day unless another is given: the one that Llama's templates name where there is no clock.
    pub const DEFAULT: Self = Self(Date::constant(2024, 7, 26));
}

impl FromStr for Day {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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

/// What a template wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// The bytes that the template marks as written by the model, with `{% generation %}`.
    pub generated: Vec<Range<usize>>,
}

/// A chat template with the special tokens it may name.
#[derive(Debug)]
pub struct ChatTemplate {
    source: String,
    environment: Environment<'static>,
    /// The special tokens by the names that templates know them by: texts, or lists of texts.
    special: BTreeMap<String, Json>,
    /// Whether a rendering asked for the day.
    asked_day: Arc<AtomicBool>,
}

impl ChatTemplate {
    /// Takes the template out of the files of a model: `chat_template.jinja`, or else a field of `tokenizer_config.json`.
    /// `today` is the day that it is told.
    pub fn from_files(jinja: Option<&[u8]>, config: Option<&[u8]>, today: Day) -> Result<Self, ChatTemplateError> {
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
        Self::new(&source, special_tokens(&config), today)
    }

    /// Reads a template; `special` are the special tokens by the names that it may know them by.
    pub fn new(source: &str, special: BTreeMap<String, Json>, Day(today): Day) -> Result<Self, ChatTemplateError> {
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
        let asked_day = Arc::new(AtomicBool::new(false));
        let asks = Arc::clone(&asked_day);
        environment.add_function("strftime_now", move |format: String| -> Result<String, Error> {
            asks.store(true, Ordering::Relaxed);
            strtime::format(&format, today.to_datetime(Time::midnight()))
                .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
        });
        environment.add_filter("generation", |written: String| Value::from_safe_string(generation(&written)));
        environment.add_filter("tojson", |value: Value, arguments: Kwargs| json_dumps(&value, &arguments));
        environment.add_template_owned("chat", translated(source)).map_err(|error| wrong("read", &error))?;
        Ok(Self { source: source.to_owned(), environment, special, asked_day })
    }

    /// Returns the template's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the special tokens by the names that templates know them by.
    pub fn special(&self) -> &BTreeMap<String, Json> {
        &self.special
    }

    /// Returns the token that ends an answer, where the files name one.
    pub fn eos(&self) -> Option<&str> {
        self.special.get("eos_token").and_then(Json::as_str)
    }

    /// Says whether something that was rendered depends on the day.
    pub fn asked_day(&self) -> bool {
        self.asked_day.load(Ordering::Relaxed)
    }

    /// Writes a conversation up to where the model goes on.
    pub fn render(&self, asked: &Conversation) -> Result<String, ChatTemplateError> {
        self.write(asked, true).map(|rendered| rendered.text)
    }

    /// Writes a conversation; `goes_on` says whether the model is to go on, which templates know as `add_generation_prompt`.
    pub fn write(&self, said: &Conversation, goes_on: bool) -> Result<Rendered, ChatTemplateError> {
        if said.messages.iter().any(|message| message.text.contains(GENERATED)) {
            let why = "a message contains a character that Unicode does not assign, U+FDD3 or U+FDD4".to_owned();
            return Err(ChatTemplateError::Template { what: "render", line: 1, why });
        }
        let message = |Message { role, text }: &Message| context! { role => role.name(), content => text };
        let messages: Vec<Value> = said.messages.iter().map(message).collect();
        let special = self.special.iter().map(|(name, token)| (name.clone(), json_value(token)));
        // A token that the files do not name is not there, as in transformers, rather than there and nothing.
        let variables = context! {
            messages => messages,
            tools => Value::from(()),
            documents => Value::from(()),
            add_generation_prompt => goes_on,
            ..Value::from_pairs(special)
        };
        let rendered = self.environment.get_template("chat").and_then(|template| template.render(variables));
        rendered.and_then(within_bounds).map(|text| unmarked(&text)).map_err(|error| wrong("render", &error))
    }
}

/// Takes the marks out of what was rendered, and says what stood between them.
fn unmarked(marked: &str) -> Rendered {
    let mut rendered = Rendered { text: String::with_capacity(marked.len()), generated: Vec::new() };
    let mut rest = marked;
    while let Some(at) = rest.find(GENERATED) {
        let (before, behind) = rest.split_at(at);
        rendered.text.push_str(before);
        let here = rendered.text.len();
        if behind.starts_with(GENERATED[0]) {
            rendered.generated.push(here..here);
        } else if let Some(last) = rendered.generated.last_mut() {
            last.end = here;
        }
        rest = behind.get(GENERATED[0].len_utf8()..).unwrap_or_default();
    }
    rendered.text.push_str(rest);
    rendered
}

/// Returns the template in a configuration: one text, or the one named `default` of several.
fn in_config(config: &Json) -> Option<String> {
    let field = config.get("chat_template")?;
    let named = || field.as_array()?.iter().find(|one| one["name"] == "default")?.get("template")?.as_str();
    field.as_str().or_else(named).map(str::to_owned)
}

/// Returns the special tokens of a configuration by name, and those without a name in a list.
fn special_tokens(config: &Json) -> BTreeMap<String, Json> {
    // A token is text, or an object with its `content`.
    let text = |field: &Json| field.as_str().or_else(|| field.get("content")?.as_str()).map(Json::from);
    let mut found = BTreeMap::new();
    for (name, field) in config.as_object().into_iter().flatten() {
        if name.ends_with("_token") {
            found.extend(text(field).map(|token| (name.clone(), token)));
        } else if name == "additional_special_tokens" || name == "extra_special_tokens" {
            let tokens = field.as_array().map(|tokens| tokens.iter().filter_map(text).collect::<Vec<_>>());
            found.extend(tokens.map(|tokens| (name.clone(), Json::from(tokens))));
        }
    }
    found
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

    const CONFIG: &str = r#"{"bos_token":"<s>","eos_token":{"content":"</s>"},"unk_token":"<unk>","pad_token":null,
        "extra_special_tokens":["<x>"]}"#;

    fn check(source: &str, expected: &Expect) {
        let say = |role, text: &str| Message { role, text: text.into() };
        let asked = Conversation { messages: vec![say(Role::System, "Be brief."), say(Role::User, "Why?")] };
        let template = ChatTemplate::from_files(Some(source.as_bytes()), Some(CONFIG.as_bytes()), Day::DEFAULT);
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
        check("{{ strftime_now('%d %b %Y, %A, %H:%M') }}", &expect!["26 Jul 2024, Friday, 00:00"]);
        check("{% generation %}{{ messages[1].content }}{%- endgeneration -%} !", &expect!["Why?!"]);
        check("{{ '%s says %s' % (messages[0].role, messages[0]['content']) }}", &expect!["system says Be brief."]);
        check("{{ '%03d' % 7 }}{{ 7 % 4 }}", &expect!["0073"]);
        check("{{ unk_token }}{{ pad_token is defined }}{{ extra_special_tokens[0] }}", &expect!["<unk>False<x>"]);
    }

    #[test]
    fn what_a_model_wrote_is_marked_where_the_template_says_so() {
        let source = "{% for m in messages %}\n<{{ m.role }}>\n{%- if m.role == 'assistant' %}\n{% generation %}\n{{ m.content }};{% endgeneration %}\n\n{% else %}\n{{ m.content }}{% endif %}\n{% endfor %}\n{% if add_generation_prompt %}<assistant>{% endif %}";
        let template = ChatTemplate::new(source, BTreeMap::new(), Day::DEFAULT).unwrap();
        let say = |role, text: &str| Message { role, text: text.into() };
        let asked = [say(Role::User, "Why?")];
        let said = |more: &[&str]| {
            let more = more.iter().map(|text| say(Role::Assistant, text));
            Conversation { messages: asked.iter().cloned().chain(more).collect() }
        };
        let rendered = template.write(&said(&["so", "Ä"]), false).unwrap();
        let marked: Vec<&str> = rendered.generated.iter().map(|at| &rendered.text[at.clone()]).collect();
        assert_eq!(rendered.text, "<user>Why?<assistant>so;\n<assistant>Ä;\n");
        assert_eq!(marked, ["so;", "Ä;"]);
        let asked = template.write(&said(&[]), true).unwrap();
        assert_eq!((asked.text.as_str(), asked.generated.len()), ("<user>Why?<assistant>", 0));
        let odd = template.write(&said(&["\u{fdd3}"]), false).unwrap_err().to_string();
        assert!(odd.contains("U+FDD3"), "{odd}");
    }

    #[test]
    fn neither_tools_nor_documents_are_given() {
        check("{% if tools is not none %}tools{% endif %}{{ documents is none }}", &expect!["True"]);
        check("{% if tools is defined and tools %}tools{% endif %}none", &expect!["none"]);
    }

    #[test]
    fn json_is_what_python_writes() {
        check("{{ messages[0] | tojson }}", &expect![[r#"{"role": "system", "content": "Be brief."}"#]]);
        check(
            r#"{{ {"b": [1, 2.0, true, none], "a": "<b>&'\"\n é"} | tojson }}"#,
            &expect![[r#"{"b": [1, 2.0, true, null], "a": "<b>&'\"\n é"}"#]],
        );
        check(
            "{{ {'b': 1, 'a': 'é'} | tojson(sort_keys=true, ensure_ascii=true) }}",
            &expect![[r#"{"a": "\u00e9", "b": 1}"#]],
        );
        check(
            "{{ {'a': [1, {}], 'b': []} | tojson(indent=2) }}",
            &expect![[r#"
            {
              "a": [
                1,
                {}
              ],
              "b": []
            }"#]],
        );
        check("{{ [1, 2] | tojson(separators=(',', ':')) }}{{ 1e-7 | tojson }}", &expect!["[1,2]1e-07"]);
        check(
            "{{ missing | tojson }}",
            &expect!["cannot render the chat template, line 1: undefined cannot be written as JSON"],
        );
    }

    #[test]
    fn what_templates_do_in_transformers() {
        for (source, expected) in [
            (
                r#"{% for m in messages if m.role != "system" %}{{ loop.length }}{{ m.content|e }}{% if not loop.last %}|{% endif %}{% endfor %}{% filter trim %} x {% endfilter %}{{ range(3)|list }}{{ {"a": 1}|tojson }}{{ [1,2]|tojson(indent=2) }}{{ "<b>"|tojson }}"#,
                "1 Hi &lt;b&gt; x[0, 1, 2]{\"a\": 1}[\n  1,\n  2\n]\"<b>\"",
            ),
            (
                r#"{% for m in messages %}{% if m.role == "assistant" %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}<{{ m.role }}>{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"#,
                "<user> Hi <b> <assistant>",
            ),
            (
                r#"{% for m in messages %}{% if loop.previtem is defined and loop.previtem.role == m.role %}{{ raise_exception("same") }}{% endif %}{{ m["content"] if m["content"] is string else m["content"][0]["text"] }}{% break %}{% endfor %}"#,
                " Hi <b> ",
            ),
            (
                r#"{% macro f(x) %}[{{ x }}]{% endmacro %}{% for m in messages %}{{ f(m.content | trim) }}{{ "%s!" | format(m.role) }}{{ "{}".format(m.role) }}{% endfor %}"#,
                "[Hi <b>]user!user",
            ),
            (
                r#"{% for m in messages %}{{ m.content.split("</think>")[-1].lstrip("\n") }}{{ m.get("tool_calls") }}{{ m.tool_calls is defined }}{{ m.content | length }}{% endfor %}{{ messages | map(attribute="role") | join(",") }}{{ date_string if date_string is defined else "26 Jul 2024" }}"#,
                " Hi <b> NoneFalse8user26 Jul 2024",
            ),
            (
                r#"{% set users = messages | selectattr("role", "equalto", "user") | list %}{{ users[-1].content }}{% for m in messages[::-1] %}{{ m.content }}{% endfor %}"#,
                " Hi <b>  Hi <b> ",
            ),
            (
                r#"{%- set today = strftime_now("%Y-%m-%d") %}{{ bos_token }}[SYS]{{ today }}[/SYS]{% for m in messages %}[INST]{{ m.content }}[/INST]{% endfor %}"#,
                "<s>[SYS]2024-07-26[/SYS][INST] Hi <b> [/INST]",
            ),
            (
                r"{%- if documents %}D{% endif %}{%- if tools is not none %}{% for t in tools %}{{ t | tojson(indent=4) }}{% endfor %}{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}",
                " Hi <b> ",
            ),
            (
                r"{%- if tools is not none and tools|length > 0 %}T{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}",
                " Hi <b> ",
            ),
        ] {
            let template = ChatTemplate::from_files(Some(source.as_bytes()), Some(CONFIG.as_bytes()), Day::DEFAULT);
            let rendered = template.and_then(|template| template.render(&Conversation::of(" Hi <b> ")));
            assert_eq!(rendered.unwrap_or_else(|error| error.to_string()), expected, "{source}");
        }
    }

    #[test]
    fn whether_the_day_was_asked_for_is_known() {
        let asked = |source: &str| {
            let template =
                ChatTemplate::from_files(Some(source.as_bytes()), None, "2026-02-03".parse().unwrap()).unwrap();
            (template.render(&Conversation::of("Why?")).unwrap(), template.asked_day())
        };
        assert_eq!(asked("{{ strftime_now('%Y-%m-%d') }}"), ("2026-02-03".into(), true));
        assert_eq!(asked("{% if strftime_now is defined %}a clock{% endif %}"), ("a clock".into(), false));
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
            let read = ChatTemplate::from_files(jinja.map(str::as_bytes), config.map(str::as_bytes), Day::DEFAULT);
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
