//! `SmolLM3` (Bakouch et al. 2025): as Llama, but in every fourth layer nothing is rotated.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, Unsaid};
use super::written::{common, object, shortest};
use super::{Family, llama, windows};
use crate::decoder::Decoder;
use crate::error::ConfigError;
use crate::layers::Layers;
use crate::rotary::{Rotary, RotaryScaling};

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &llama::NAMES, groups: true };

/// Every so many layers one does not rotate.
const INTERVAL: usize = 4;

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    let read = llama::read_biased(fields, Unsaid { kv_heads: Some(4), ..Unsaid::default() }, fresh)?;
    let rotary_layers = rotary_layers(fields, read.layers)?;
    let on = fields.flag("use_sliding_window", false)?;
    let window = fields.optional_count("sliding_window")?.filter(|_| on);
    let windowed = match window {
        // Without a list, the layers that do not rotate have the window.
        Some(_) if fields.get("layer_types").is_none() => {
            Layers::listed((0..read.layers).map(|layer| !rotary_layers.has(layer)).collect())
        }
        Some(_) => windows::read(fields, read.layers, Layers::All)?,
        None => Layers::All,
    };
    Ok(Decoder { window, windowed, rotary_layers, ..read })
}

/// The layers that rotate queries and keys.
fn rotary_layers(fields: &Fields<'_>, layers: usize) -> Result<Layers, ConfigError> {
    let Some(value) = fields.get("no_rope_layers") else {
        let interval = fields.optional_count("no_rope_layer_interval")?.unwrap_or(INTERVAL);
        return Ok(Layers::all_but_every(interval, layers));
    };
    let wrong = || fields.error("no_rope_layers", &format!("must have 1 or 0 for each of {layers} layers"));
    let listed: &[Value] = value.as_array().map(Vec::as_slice).filter(|of| of.len() >= layers).ok_or_else(wrong)?;
    let turns = |value: &Value| value.as_u64().filter(|turns| *turns <= 1).map(|turns| turns == 1).ok_or_else(wrong);
    Ok(Layers::listed(listed[..layers].iter().map(turns).collect::<Result<_, _>>()?))
}

fn fresh(size: Size) -> Decoder {
    Decoder {
        rotary: Some(Rotary { theta: 2_000_000.0, fraction: 1.0, scaling: RotaryScaling::None }),
        rotary_layers: Layers::all_but_every(INTERVAL, size.layers),
        tied: true,
        ..llama::fresh(size)
    }
}

fn write(decoder: &Decoder) -> Value {
    let rotary_layers: Vec<u8> = (0..decoder.layers).map(|layer| u8::from(decoder.rotary_layers.has(layer))).collect();
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["SmolLM3ForCausalLM"],
        "attention_bias": decoder.biases.qkv,
        "hidden_act": "silu",
        "layer_types": windows::written(decoder),
        "mlp_bias": decoder.biases.mlp,
        "model_type": "smollm3",
        "no_rope_layers": rotary_layers,
        "pad_token_id": null,
        "rms_norm_eps": shortest(decoder.normal.epsilon),
        "sliding_window": decoder.window,
        "use_sliding_window": decoder.window.is_some(),
    })));
    Value::Object(json)
}
