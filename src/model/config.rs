//! What a model is told by a Hugging Face `config.json`.

use serde_json::Value;

use super::architecture::{Architecture, Fields, Size, missing};
use super::decoder::Decoder;
use super::error::{ConfigError, ModelError};
use super::rotary::Rotary;
use super::tensors::{TensorSpec, Weights};

/// A model's architecture and shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    architecture: Architecture,
    decoder: Decoder,
}

impl Config {
    /// The configuration of a model of this size, with all else as the architecture has it.
    pub fn new(architecture: Architecture, size: Size) -> Self {
        Self { architecture, decoder: architecture.fresh(size) }
    }

    /// Reads the bytes of a `config.json`; `file` names it in errors.
    pub fn from_json(bytes: &[u8], file: &str) -> Result<Self, ConfigError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let json: Value =
            serde_json::from_slice(bytes).map_err(|source| ConfigError::Json { file: file.to_owned(), source })?;
        let fields = Fields { json: &json, file };
        let Some(found) = json.get("model_type").and_then(Value::as_str) else {
            return Err(fields.error("model_type", "must name the architecture"));
        };
        let architecture =
            Architecture::ALL.into_iter().find(|architecture| architecture.name() == found).ok_or_else(|| {
                let known = Architecture::ALL.map(|architecture| format!("`{}`", architecture.name())).join(", ");
                let missing = missing(found, &json).map_or_else(String::new, |missing| format!(" (it has {missing})"));
                ConfigError::UnknownArchitecture { file: file.to_owned(), found: found.to_owned(), missing, known }
            })?;
        Ok(Self { architecture, decoder: architecture.read(&fields)? })
    }

    /// Writes a `config.json` as transformers reads it, with its keys in order.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.architecture.write(&self.decoder))
    }

    /// The architecture.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// What the model is made of.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The name of the tensor that has a row for each token.
    pub fn embedding(&self) -> &'static str {
        self.architecture.names().embedding
    }

    /// Number of tokens in the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.decoder.vocab_size
    }

    /// Width of a token's embedding.
    pub(crate) fn embedding_width(&self) -> usize {
        self.decoder.embedding_width
    }

    /// Largest number of positions of a sequence.
    pub fn context(&self) -> usize {
        let longest = self.decoder.rotary.as_ref().and_then(Rotary::longest);
        longest.map_or(self.decoder.context, |longest| longest.min(self.decoder.context))
    }

    /// Width of the residual stream.
    pub fn d_model(&self) -> usize {
        self.decoder.d_model
    }

    /// Number of blocks.
    pub fn layers(&self) -> usize {
        self.decoder.layers
    }

    /// Number of weights, tied ones counted once.
    pub fn parameter_count(&self) -> u64 {
        self.tensors().iter().map(|spec| spec.count() as u64).sum()
    }

    /// The bytes of all weights as the model holds them, four for each; found without listing the blocks, of which a file may
    /// promise any number.
    pub fn weights_bytes(&self) -> u128 {
        let of = |layers: usize| {
            let mut config = self.clone();
            config.decoder.layers = layers;
            let elements = |spec: &TensorSpec| spec.shape.iter().map(|side| *side as u128).product::<u128>();
            config.tensors().iter().map(elements).sum::<u128>()
        };
        let (one, two) = (of(1), of(2));
        4 * (one + (two - one) * (self.decoder.layers as u128 - 1))
    }

    /// Fails where the weights are so many that this process cannot have the memory for them, rather than end it.
    ///
    /// # Errors
    /// [`ModelError::TooLarge`].
    pub fn require_memory(&self) -> Result<(), ModelError> {
        let bytes = self.weights_bytes();
        let fits = usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
        if fits { Ok(()) } else { Err(ModelError::TooLarge { bytes }) }
    }

    /// Why heads of this width cannot be computed with, where they cannot: too few of their columns are turned by angles.
    pub fn too_narrow(&self) -> Option<String> {
        let width = self.decoder.head_width;
        let none = |rotary: &Rotary| rotary.pairs(width) == 0;
        self.decoder.rotary.as_ref().is_some_and(none).then(|| {
            let name = self.architecture.name();
            format!(
                "heads of {width} columns are too narrow for the angles of `{name}`: take fewer heads or more width"
            )
        })
    }

    /// The same with room for `tokens` tokens, where that is more.
    pub(crate) fn with_vocab(&self, tokens: usize) -> Self {
        let mut config = self.clone();
        config.decoder.vocab_size = config.decoder.vocab_size.max(tokens);
        config
    }

    /// The same with an output head of its own.
    pub(crate) fn untied(&self) -> Self {
        let mut config = self.clone();
        config.decoder.tied = false;
        config
    }

    /// Every tensor of the model, in the order in which they are built.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let mut specs = Vec::new();
        self.build(&mut |spec| specs.push(spec));
        specs
    }

    /// Builds the weights from whatever `make` gives for each tensor.
    pub(crate) fn build<T>(&self, make: &mut impl FnMut(TensorSpec) -> T) -> Weights<T> {
        self.decoder.build(self.architecture.names(), make)
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
    fn weights_are_counted_without_listing_the_blocks() {
        for architecture in Architecture::ALL {
            let size = Size { vocab_size: 50, context: 16, d_model: 8, layers: 5, heads: 2, kv_heads: None };
            let config = Config::new(architecture, size);
            assert_eq!(config.weights_bytes(), 4 * u128::from(config.parameter_count()), "{architecture:?}");
        }
        let absurd = gpt2("").replace("\"n_layer\":12", "\"n_layer\":1000000000");
        let error = Config::from_json(absurd.as_bytes(), "x").expect("valid").require_memory().expect_err("too large");
        expect!["the model's weights take 26404380 GiB of memory, which this machine does not have"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn json_round_trips() {
        let config = Config::from_json(gpt2(",\"n_inner\":100,\"eos_token_id\":7").as_bytes(), "x").expect("valid");
        assert_eq!(Config::from_json(config.to_json().as_bytes(), "y").expect("valid"), config);
    }

    #[test]
    fn heads_without_a_pair_of_columns_to_turn_are_named() {
        let of = |architecture, d_model| {
            let size = Size { vocab_size: 50, context: 16, d_model, layers: 1, heads: 4, kv_heads: None };
            Config::new(architecture, size).too_narrow()
        };
        assert_eq!(of(Architecture::Gpt2, 4), None);
        assert_eq!(of(Architecture::Phi, 16), None);
        let said = "heads of 2 columns are too narrow for the angles of `phi`: take fewer heads or more width";
        assert_eq!(of(Architecture::Phi, 8).as_deref(), Some(said));
        for architecture in Architecture::ALL {
            assert_eq!(of(architecture, 16), None, "{architecture:?}");
        }
    }

    fn check(json: &str, expected: &expect_test::Expect) {
        let error = Config::from_json(json.as_bytes(), "student/config.json").expect_err("invalid");
        expected.assert_eq(&error.to_string());
    }

    #[test]
    fn errors_name_file_and_field() {
        check(
            r#"{"model_type":"bert"}"#,
            &expect![
                "cannot use the model of `student/config.json`: its `model_type` is `bert` (it has an encoder, which does not go on with a text), supported are `gpt2`, `phi`, `gemma`, `llama`, `mistral`, `qwen2`, `qwen3`, `gpt_neox`, `phi3`, `smollm3`, `olmo2`, `gemma2`, `gemma3_text`, `opt`, `granite`"
            ],
        );
        let first = |json: &str| {
            let error = Config::from_json(json.as_bytes(), "x").expect_err("invalid").to_string();
            error.split(", supported").next().expect("a text").to_owned()
        };
        for (json, expected) in [
            (
                r#"{"model_type":"t5"}"#,
                expect![
                    "cannot use the model of `x`: its `model_type` is `t5` (it has an encoder and a decoder, and a student here is a decoder alone)"
                ],
            ),
            (
                r#"{"model_type":"new_pair","is_encoder_decoder":true}"#,
                expect![
                    "cannot use the model of `x`: its `model_type` is `new_pair` (it has an encoder and a decoder, and a student here is a decoder alone)"
                ],
            ),
            (
                r#"{"model_type":"gemma3"}"#,
                expect![
                    "cannot use the model of `x`: its `model_type` is `gemma3` (it has parts for pictures; its part for text, of `model_type` `gemma3_text`, can be used)"
                ],
            ),
            (r#"{"model_type":"odd"}"#, expect!["cannot use the model of `x`: its `model_type` is `odd`"]),
        ] {
            expected.assert_eq(&first(json));
        }
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
                "cannot use the model configuration `student/config.json`: `activation_function` must be `gelu_new` or `gelu_pytorch_tanh` or `gelu` or `gelu_python`, not `relu`"
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
