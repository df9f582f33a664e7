//! What a sequence begins and ends with: as its model and its tokenizer have it, or as a pipeline says.

use std::fmt::Display;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::sequence::data;
use retort_fingerprint::{ContentHash, Term};
use retort_hub::{CONFIG, GENERATION, TOKENIZER_CONFIG};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::StageError;
use retort_stage::params::{FromNode, Scope};
use retort_text::tokenizer::Tokenizer;

/// The token that ends a sequence of a student that is made from scratch, where its tokenizer has it.
pub(super) const NEW_END: &str = "<|endoftext|>";

/// The tokens before a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Those that the tokenizer's own post-processor puts there.
    Own,
    /// These, or none.
    Given(Vec<String>),
}

/// The token that ends a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The model's own.
    Own,
    /// This one, or none.
    Given(Option<String>),
}

/// Reads `null`, a token, or a list of tokens.
fn tokens(node: &Node, scope: &mut Scope<'_>, expected: &str) -> Option<Vec<String>> {
    match &node.value {
        Value::Null => Some(Vec::new()),
        Value::Text(token) if !token.is_empty() => Some(vec![token.clone()]),
        Value::List(items) if !items.is_empty() => Vec::<String>::from_node(node, scope),
        _ => {
            let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
            scope.fail(wrong.label(format!("expected {expected}")))
        }
    }
}

impl FromNode for Begin {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        tokens(node, scope, "a token, a list of tokens, or `null` for none").map(Self::Given)
    }

    fn absent(_scope: &mut Scope<'_>) -> Option<Self> {
        Some(Self::Own)
    }

    fn schema() -> Json {
        let many = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
        let absent = "Default: what the model's tokenizer puts before a text.";
        json!({ "anyOf": [{ "type": "string" }, many, { "type": "null" }], "x-absent": absent })
    }
}

impl FromNode for End {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::List(_) => {
                let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
                scope.fail(wrong.label("expected a token, or `null` for none"))
            }
            _ => tokens(node, scope, "a token, or `null` for none").map(|mut one| Self::Given(one.pop())),
        }
    }

    fn absent(_scope: &mut Scope<'_>) -> Option<Self> {
        Some(Self::Own)
    }

    fn schema() -> Json {
        let absent = "Default: the model's own end token.";
        json!({ "anyOf": [{ "type": "string" }, { "type": "null" }], "x-absent": absent })
    }
}

impl ContentHash for Begin {
    fn term(&self) -> Term {
        match self {
            Self::Own => Term::variant("own", Term::None),
            Self::Given(tokens) => tokens.term(),
        }
    }
}

impl ContentHash for End {
    fn term(&self) -> Term {
        match self {
            Self::Own => Term::variant("own", Term::None),
            Self::Given(token) => token.term(),
        }
    }
}

impl Begin {
    /// Returns the tokens, all of which the tokenizer has.
    pub(super) fn resolve(&self, tokenizer: &Tokenizer) -> Result<Vec<String>, StageError> {
        let tokens = match self {
            Self::Own => tokenizer.begin().map_err(data)?,
            Self::Given(tokens) => tokens.clone(),
        };
        match tokens.iter().find(|token| tokenizer.id(token).is_none()) {
            Some(token) => Err(unknown("begin", token, "the tokenizer's own is", &tokenizer.begin().map_err(data)?)),
            None => Ok(tokens),
        }
    }
}

impl End {
    /// Returns the token, which the tokenizer has; `own` is the model's.
    pub(super) fn resolve(&self, tokenizer: &Tokenizer, own: &OwnEnd) -> Result<Option<String>, StageError> {
        match self {
            Self::Own => own.token.clone().map(Some).ok_or_else(|| {
                data(format!(
                    "`end` is not given, and {}: name the token that ends a sequence, such as `end: \"</s>\"`, or say \
                     `end: null` for none",
                    own.looked
                ))
            }),
            Self::Given(Some(token)) if tokenizer.id(token).is_none() => {
                Err(unknown("end", token, "the model's own is", own.token.as_slice()))
            }
            Self::Given(token) => Ok(token.clone()),
        }
    }
}

fn unknown(field: &str, token: &str, whose: &str, own: &[String]) -> StageError {
    let own: Vec<String> = own.iter().map(|token| format!("`{token}`")).collect();
    let own = if own.is_empty() { String::new() } else { format!("; {whose} {}", own.join(" ")) };
    data(format!(
        "`{field}`: the tokenizer has no token `{token}`{own}. Name one that it has, leave `{field}` out, or add it with \
         `add_tokens`"
    ))
}

/// The token that a model itself ends a sequence with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnEnd {
    /// The token; `None` where there is none.
    token: Option<String>,
    /// Every token that ends an answer of the model.
    all: Vec<String>,
    /// Where it was looked for in vain, for errors.
    looked: String,
}

/// One token or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(u32),
    Several(Vec<u32>),
}

/// Returns the tokens that end an answer, as `generation_config.json` or `config.json` has them; none where it says nothing.
/// `file` stands in errors.
pub(super) fn eos_ids(bytes: &[u8], file: &str) -> Result<Vec<u32>, StageError> {
    #[derive(Deserialize)]
    struct File {
        eos_token_id: Option<Ids>,
    }
    let read: File = serde_json::from_slice(bytes)
        .map_err(|error| data(format!("cannot read `eos_token_id` of `{file}`: {error}")))?;
    Ok(match read.eos_token_id {
        Some(Ids::One(id)) => vec![id],
        Some(Ids::Several(ids)) => ids,
        None => Vec::new(),
    })
}

impl OwnEnd {
    /// Returns every token that ends an answer of the model, as generation in transformers has them.
    pub(super) fn all(&self) -> &[String] {
        &self.all
    }

    /// That of a student from scratch.
    pub(super) fn of_new(tokenizer: &Tokenizer) -> Self {
        let looked = format!("the student's tokenizer has no `{NEW_END}`");
        let token = tokenizer.id(NEW_END).map(|_| NEW_END.to_owned());
        Self { all: token.iter().cloned().collect(), token, looked }
    }

    /// That of a directory, by its files: `generation_config.json`, then `config.json`, then `tokenizer_config.json`. Of
    /// several, it is the one that the tokenizer's file names, or else the first.
    pub(super) fn of_files<E: Display>(
        tokenizer: &Tokenizer,
        mut file: impl FnMut(&str) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Self, StageError> {
        let named = match file(TOKENIZER_CONFIG).map_err(data)? {
            Some(bytes) => {
                let json: Json = serde_json::from_slice(&bytes)
                    .map_err(|error| data(format!("cannot read `{TOKENIZER_CONFIG}`: {error}")))?;
                let field = &json["eos_token"];
                field.as_str().or_else(|| field["content"].as_str()).map(str::to_owned)
            }
            None => None,
        };
        let named = named.filter(|token| tokenizer.id(token).is_some());
        for name in [GENERATION, CONFIG] {
            let Some(bytes) = file(name).map_err(data)? else { continue };
            let tokens: Vec<String> = eos_ids(&bytes, name)?.into_iter().filter_map(|id| tokenizer.token(id)).collect();
            let chosen = named.as_ref().filter(|named| tokens.contains(named)).or(tokens.first());
            if let Some(token) = chosen.cloned() {
                let further = named.iter().filter(|named| !tokens.contains(named)).cloned().collect::<Vec<_>>();
                return Ok(Self { token: Some(token), all: [tokens, further].concat(), looked: String::new() });
            }
        }
        let looked = format!(
            "neither `{GENERATION}`, `{CONFIG}` nor `{TOKENIZER_CONFIG}` of the model names a token that its tokenizer has"
        );
        Ok(Self { all: named.iter().cloned().collect(), token: named, looked })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use retort_text::tokenizer::train_bpe;

    fn tokenizer() -> Tokenizer {
        train_bpe(["a"], 300, &["<a>", "<b>", "<c>"]).unwrap()
    }

    /// The own end of a model whose files are these.
    fn own(files: &[(&str, &str)]) -> OwnEnd {
        let file = |name: &str| -> Result<Option<Vec<u8>>, Infallible> {
            Ok(files.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_bytes().to_vec()))
        };
        OwnEnd::of_files(&tokenizer(), file).unwrap()
    }

    #[test]
    fn the_decision_table_of_a_model_s_own_end() {
        let id = |token: &str| tokenizer().id(token).unwrap();
        let (a, b, c) = (id("<a>"), id("<b>"), id("<c>"));
        let eos = |ids: &str| format!("{{\"eos_token_id\": {ids}}}");
        let check = |generation: &str, config: &str, named: &str, expected: Option<&str>| {
            let found = own(&[(GENERATION, generation), (CONFIG, config), (TOKENIZER_CONFIG, named)]);
            assert_eq!(found.token.as_deref(), expected, "{generation} {config} {named}");
        };
        let says_c = "{\"eos_token\": \"<c>\"}";
        check(&eos(&a.to_string()), &eos(&b.to_string()), says_c, Some("<a>"));
        check("{}", &eos(&b.to_string()), says_c, Some("<b>"));
        check(&eos("null"), &eos("null"), says_c, Some("<c>"));
        check("{}", "{}", "{\"eos_token\": {\"content\": \"<b>\"}}", Some("<b>"));
        // Of several, the one that the tokenizer names.
        check(&eos(&format!("[{a}, {b}, {c}]")), "{}", says_c, Some("<c>"));
        check(&eos(&format!("[{a}, {b}]")), "{}", says_c, Some("<a>"));
        // An id that the tokenizer lacks is none.
        check(&eos("9999"), &eos(&b.to_string()), says_c, Some("<b>"));
        check("{}", "{}", "{\"eos_token\": \"<z>\"}", None);
        assert_eq!(own(&[(CONFIG, &eos(&a.to_string()))]).token.as_deref(), Some("<a>"));
        let odd = |_: &str| -> Result<Option<Vec<u8>>, Infallible> { Ok(Some(eos("\"<a>\"").into_bytes())) };
        let said = OwnEnd::of_files(&tokenizer(), odd).unwrap_err().to_string();
        assert!(said.starts_with("cannot read `eos_token_id` of `generation_config.json`"), "{said}");
    }

    #[test]
    fn errors_name_the_field_and_what_the_model_has() {
        let tokenizer = tokenizer();
        let none = own(&[]);
        let said = End::Own.resolve(&tokenizer, &none).unwrap_err().to_string();
        assert!(said.starts_with("`end` is not given, and neither `generation_config.json`"), "{said}");
        let some = own(&[(TOKENIZER_CONFIG, "{\"eos_token\": \"<c>\"}")]);
        assert_eq!(End::Own.resolve(&tokenizer, &some).unwrap().as_deref(), Some("<c>"));
        assert_eq!(End::Given(None).resolve(&tokenizer, &none).unwrap(), None);
        let said = End::Given(Some("<|endoftext|>".into())).resolve(&tokenizer, &some).unwrap_err().to_string();
        assert!(
            said.starts_with("`end`: the tokenizer has no token `<|endoftext|>`; the model's own is `<c>`."),
            "{said}"
        );
        let said = Begin::Given(vec!["<s>".into()]).resolve(&tokenizer).unwrap_err().to_string();
        assert!(said.starts_with("`begin`: the tokenizer has no token `<s>`. Name one"), "{said}");
        assert_eq!(Begin::Own.resolve(&tokenizer).unwrap(), Vec::<String>::new());
        let said = End::Own.resolve(&tokenizer, &OwnEnd::of_new(&tokenizer)).unwrap_err().to_string();
        assert!(said.contains("the student's tokenizer has no `<|endoftext|>`"), "{said}");
    }
}
