//! What an architecture is told by a Hugging Face `config.json`.

use serde_json::Value;

use super::gpt2::Gpt2Config;

/// The architectures this program knows, by their `model_type`.
pub const ARCHITECTURES: &[&str] = &["gpt2"];

/// The shape of a model: which architecture and how large.
#[derive(Clone, Debug, PartialEq)]
pub enum Config {
    /// GPT-2 (Radford et al. 2019).
    Gpt2(Gpt2Config),
}

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The bytes are not a JSON object.
    #[error("cannot read the model configuration `{file}`: {source}")]
    Json {
        /// The file.
        file: String,
        /// What the JSON parser found.
        source: serde_json::Error,
    },
    /// The architecture is not one of [`ARCHITECTURES`].
    #[error("cannot use the model of `{file}`: its `model_type` is `{found}`, supported are {}", list(ARCHITECTURES))]
    UnknownArchitecture {
        /// The file.
        file: String,
        /// The `model_type` it names.
        found: String,
    },
    /// A field is missing or has a value that the architecture cannot have.
    #[error("cannot use the model configuration `{file}`: `{field}` {problem}")]
    Field {
        /// The file.
        file: String,
        /// The key in the JSON object.
        field: String,
        /// What is wrong with its value.
        problem: String,
    },
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Config {
    /// Reads the bytes of a `config.json`; `file` names it in errors.
    pub fn from_json(bytes: &[u8], file: &str) -> Result<Self, ConfigError> {
        let json: Value =
            serde_json::from_slice(bytes).map_err(|source| ConfigError::Json { file: file.to_owned(), source })?;
        let fields = Fields { json: &json, file };
        match json.get("model_type").and_then(Value::as_str) {
            Some("gpt2") => Ok(Self::Gpt2(Gpt2Config::read(&fields)?)),
            Some(found) => Err(ConfigError::UnknownArchitecture { file: file.to_owned(), found: found.to_owned() }),
            None => Err(fields.error("model_type", "must name the architecture")),
        }
    }

    /// Writes a `config.json` as transformers reads it, with its keys in order.
    pub fn to_json(&self) -> String {
        let json = match self {
            Self::Gpt2(config) => config.write(),
        };
        format!("{json:#}\n")
    }

    /// The `model_type`.
    pub fn architecture(&self) -> &'static str {
        match self {
            Self::Gpt2(_) => "gpt2",
        }
    }

    /// Number of tokens in the vocabulary.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Gpt2(config) => config.vocab_size,
        }
    }

    /// Largest number of positions of a sequence.
    pub fn context(&self) -> usize {
        match self {
            Self::Gpt2(config) => config.n_positions,
        }
    }

    /// Width of the residual stream.
    pub fn d_model(&self) -> usize {
        match self {
            Self::Gpt2(config) => config.n_embd,
        }
    }

    /// Number of blocks.
    pub fn layers(&self) -> usize {
        match self {
            Self::Gpt2(config) => config.n_layer,
        }
    }

    /// Number of weights, tied ones counted once.
    pub fn parameter_count(&self) -> u64 {
        self.tensors().iter().map(|spec| spec.shape.iter().map(|&n| n as u64).product::<u64>()).sum()
    }

    /// Every tensor of the model, in the order the architecture takes them.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let mut specs = Vec::new();
        match self {
            Self::Gpt2(config) => {
                config.build(&mut |spec| specs.push(spec));
            }
        }
        specs
    }
}

/// One tensor of a model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorSpec {
    /// Its name in a Hugging Face file.
    pub(crate) name: String,
    /// Its shape as stored.
    pub(crate) shape: Vec<usize>,
    /// How it starts out.
    pub(crate) init: Init,
    /// Whether the Hugging Face Trainer's default exempts it from weight decay: biases and normalisation.
    pub(crate) exempt: bool,
}

/// How a tensor starts out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Init {
    /// All zero.
    Zero,
    /// All one.
    One,
    /// Normal with this standard deviation.
    Normal(f64),
}

/// The fields of a `config.json`, read with errors that name file and field.
pub(crate) struct Fields<'a> {
    json: &'a Value,
    file: &'a str,
}

impl Fields<'_> {
    /// An error about `field`.
    pub(crate) fn error(&self, field: &str, problem: &str) -> ConfigError {
        ConfigError::Field { file: self.file.to_owned(), field: field.to_owned(), problem: problem.to_owned() }
    }

    /// A whole number of at least one, or `default` where the field is absent or null.
    pub(crate) fn count(&self, field: &str, default: Option<usize>) -> Result<usize, ConfigError> {
        match (self.json.get(field), default) {
            (None | Some(Value::Null), Some(default)) => Ok(default),
            (None | Some(Value::Null), None) => Err(self.error(field, "is missing")),
            (Some(value), _) => value
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| (1..=1 << 31).contains(n))
                .ok_or_else(|| self.error(field, &format!("must be a whole number of at least 1, not `{value}`"))),
        }
    }

    /// A positive number, or `default`.
    pub(crate) fn positive(&self, field: &str, default: f64) -> Result<f64, ConfigError> {
        match self.json.get(field) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|x| *x > 0.0 && x.is_finite())
                .ok_or_else(|| self.error(field, &format!("must be a number above 0, not `{value}`"))),
        }
    }

    /// A truth value, or `default`.
    pub(crate) fn flag(&self, field: &str, default: bool) -> Result<bool, ConfigError> {
        match self.json.get(field) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(value) => Err(self.error(field, &format!("must be true or false, not `{value}`"))),
        }
    }

    /// The id of a token, where there is one.
    pub(crate) fn token(&self, field: &str) -> Result<Option<u32>, ConfigError> {
        match self.json.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .map(Some)
                .ok_or_else(|| self.error(field, &format!("must be the id of a token, not `{value}`"))),
        }
    }

    /// A text, or `default`.
    pub(crate) fn text(&self, field: &str, default: &str) -> Result<String, ConfigError> {
        match self.json.get(field) {
            None | Some(Value::Null) => Ok(default.to_owned()),
            Some(Value::String(value)) => Ok(value.clone()),
            Some(value) => Err(self.error(field, &format!("must be text, not `{value}`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn gpt2(more: &str) -> String {
        format!(
            r#"{{"model_type":"gpt2","vocab_size":50257,"n_positions":1024,"n_embd":768,"n_layer":12,"n_head":12{more}}}"#
        )
    }

    #[test]
    fn gpt2_has_the_published_parameter_counts() {
        let small = Config::from_json(gpt2("").as_bytes(), "config.json").expect("valid");
        assert_eq!(small.parameter_count(), 124_439_808);
        let xl =
            gpt2("").replace("768", "1600").replace("_layer\":12", "_layer\":48").replace("_head\":12", "_head\":25");
        assert_eq!(Config::from_json(xl.as_bytes(), "config.json").expect("valid").parameter_count(), 1_557_611_200);
    }

    #[test]
    fn json_round_trips() {
        let config = Config::from_json(gpt2(",\"n_inner\":100,\"eos_token_id\":7").as_bytes(), "x").expect("valid");
        assert_eq!(Config::from_json(config.to_json().as_bytes(), "y").expect("valid"), config);
    }

    fn check(json: &str, expected: &expect_test::Expect) {
        let error = Config::from_json(json.as_bytes(), "student/config.json").expect_err("invalid");
        expected.assert_eq(&error.to_string());
    }

    #[test]
    fn errors_name_file_and_field() {
        check(
            r#"{"model_type":"bert"}"#,
            &expect!["cannot use the model of `student/config.json`: its `model_type` is `bert`, supported are `gpt2`"],
        );
        check(
            "{}",
            &expect![
                "cannot use the model configuration `student/config.json`: `model_type` must name the architecture"
            ],
        );
        check(
            r#"{"model_type":"gpt2"}"#,
            &expect!["cannot use the model configuration `student/config.json`: `vocab_size` is missing"],
        );
        check(
            &gpt2("").replace("_head\":12", "_head\":7"),
            &expect![
                "cannot use the model configuration `student/config.json`: `n_head` must divide `n_embd` (768), not `7`"
            ],
        );
        check(
            &gpt2(",\"activation_function\":\"relu\""),
            &expect![
                "cannot use the model configuration `student/config.json`: `activation_function` must be `gelu_new` or `gelu_pytorch_tanh`, not `relu`"
            ],
        );
        check(
            &gpt2(",\"scale_attn_by_inverse_layer_idx\":true"),
            &expect![
                "cannot use the model configuration `student/config.json`: `scale_attn_by_inverse_layer_idx` must be false"
            ],
        );
        check(
            "not json",
            &expect!["cannot read the model configuration `student/config.json`: expected ident at line 1 column 2"],
        );
    }
}
