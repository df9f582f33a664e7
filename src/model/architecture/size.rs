//! The sizes of a model, as most architectures spell them.

use super::fields::Fields;
use crate::error::ConfigError;

/// The sizes of a model that is started from scratch; all else is the architecture's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// Largest number of positions.
    pub context: usize,
    /// Width of the residual stream; a multiple of `heads`.
    pub d_model: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads, which divides `heads`; the architecture's habit where it is not given.
    pub kv_heads: Option<usize>,
}

/// What counts where a file does not say, as transformers has it.
#[derive(Clone, Copy, Default)]
pub(super) struct Unsaid {
    /// Number of heads of keys and values; one for each query head where this is not given.
    pub(super) kv_heads: Option<usize>,
    /// Width of a head; the fraction of the stream that falls to each where this is not given.
    pub(super) head_width: Option<usize>,
}

/// The sizes that all but GPT-2 spell alike. `kv_heads` is how many heads of keys and values there are where the file does
/// not say, as transformers has it; one for each head without such a number, and where the file says null.
pub(super) fn size(fields: &Fields<'_>, kv_heads: Option<usize>) -> Result<Size, ConfigError> {
    let heads = fields.count("num_attention_heads")?;
    Ok(Size {
        vocab_size: fields.count("vocab_size")?,
        context: fields.count("max_position_embeddings")?,
        d_model: fields.count("hidden_size")?,
        layers: fields.count("num_hidden_layers")?,
        heads,
        kv_heads: Some(match fields.optional_count("num_key_value_heads")? {
            Some(count) => count,
            None if fields.json.get("num_key_value_heads").is_some() => heads,
            None => kv_heads.unwrap_or(heads),
        }),
    })
}
