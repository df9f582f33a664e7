//! The layers with a window, as `layer_types` names them.

use serde_json::{Value, json};

use super::fields::Fields;
use crate::decoder::Decoder;
use crate::error::ConfigError;
use crate::layers::Layers;

const KINDS: [(&str, bool); 2] = [("sliding_attention", true), ("full_attention", false)];

/// Reads which of so many layers have a window; `usual` where the file does not say.
pub(super) fn read(fields: &Fields<'_>, layers: usize, usual: Layers) -> Result<Layers, ConfigError> {
    let Some(value) = fields.get("layer_types") else { return Ok(usual) };
    let kinds: &[Value] = value.as_array().map_or(&[], Vec::as_slice);
    if kinds.len() != layers {
        let problem = format!("must have a kind for each of `num_hidden_layers` ({layers}), not {}", kinds.len());
        return Err(fields.error("layer_types", &problem));
    }
    let windowed = |kind: &Value| {
        KINDS.iter().find(|(known, _)| kind == known).map(|(_, windowed)| *windowed).ok_or_else(|| {
            fields.error("layer_types", &format!("must name `{}` or `{}`, not `{kind}`", KINDS[0].0, KINDS[1].0))
        })
    };
    Ok(Layers::listed(kinds.iter().map(windowed).collect::<Result<_, _>>()?))
}

/// Names the kind of every layer.
pub(super) fn written(decoder: &Decoder) -> Value {
    let windowed = |layer: usize| decoder.window.is_some() && decoder.windowed.has(layer);
    let kind = |layer: usize| KINDS[usize::from(!windowed(layer))].0;
    json!((0..decoder.layers).map(kind).collect::<Vec<_>>())
}

/// Reads the window of Qwen's models, which a switch turns on, in the layers from `max_window_layers` on.
pub(super) fn read_switched(fields: &Fields<'_>, read: Decoder) -> Result<Decoder, ConfigError> {
    let on = fields.flag("use_sliding_window", false)?;
    let window = match fields.json.get("sliding_window") {
        None => Some(4096),
        Some(_) => fields.optional_count("sliding_window")?,
    };
    let first = match fields.get("max_window_layers") {
        // Zero is allowed here.
        Some(value) if value.as_u64() == Some(0) => 0,
        _ => fields.optional_count("max_window_layers")?.unwrap_or(28),
    };
    let window = window.filter(|_| on);
    let windowed = self::read(fields, read.layers, Layers::from(first, read.layers))?;
    Ok(Decoder { window, windowed: if window.is_some() { windowed } else { Layers::All }, ..read })
}
