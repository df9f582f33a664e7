//! What the file of an architecture says of it.

use serde_json::Value;

use super::fields::Fields;
use super::size::Size;
use crate::decoder::Decoder;
use crate::error::ConfigError;
use crate::tensors::Names;

/// One architecture.
pub(super) struct Family {
    /// Reads its `config.json`.
    pub(super) read: fn(&Fields<'_>) -> Result<Decoder, ConfigError>,
    /// Writes it.
    pub(super) write: fn(&Decoder) -> Value,
    /// Describes a model of this size that starts at random.
    pub(super) fresh: fn(Size) -> Decoder,
    /// What it calls its tensors.
    pub(super) names: &'static Names,
    /// Whether several query heads may share a head of keys and values.
    pub(super) groups: bool,
}
