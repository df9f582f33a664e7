//! Rotary settings in a `config.json`, under the keys of old and new versions of transformers.

use serde_json::{Map, Value, json};

use super::Fields;
use crate::config::ConfigError;
use crate::rotary::{Rotary, RotaryScaling};

/// Reads `rope_parameters`, or else the older `rope_theta`, `rope_scaling` and `partial_rotary_factor`.
pub(super) fn read(fields: &Fields<'_>, share: f64) -> Result<Rotary, ConfigError> {
    let new = fields.inside("rope_parameters")?;
    let scaling = match new {
        Some(_) => new,
        None => fields.inside("rope_scaling")?,
    };
    // Versions in between wrote some of the settings in the one place and some in the other.
    let theta = fields.positive("rope_theta", 10_000.0)?;
    let share = fields.positive("partial_rotary_factor", share)?;
    Ok(Rotary {
        theta: new.map_or(Ok(theta), |new| new.positive("rope_theta", theta))?,
        share: new.map_or(Ok(share), |new| new.positive("partial_rotary_factor", share))?,
        scaling: scaling.map_or(Ok(RotaryScaling::None), |scaling| read_scaling(&scaling))?,
    })
}

fn read_scaling(fields: &Fields<'_>) -> Result<RotaryScaling, ConfigError> {
    let kind = fields.text("rope_type", fields.text("type", "default")?)?;
    let required = |field: &str| match fields.get(field) {
        Some(_) => fields.positive(field, 1.0),
        None => Err(fields.error(field, "is missing")),
    };
    match kind {
        "default" => Ok(RotaryScaling::None),
        "linear" => Ok(RotaryScaling::Linear { factor: required("factor")? }),
        "llama3" => {
            let (low_freq_factor, high_freq_factor) = (required("low_freq_factor")?, required("high_freq_factor")?);
            if low_freq_factor >= high_freq_factor {
                let problem = format!("must be above `low_freq_factor` ({low_freq_factor}), not `{high_freq_factor}`");
                return Err(fields.error("high_freq_factor", &problem));
            }
            Ok(RotaryScaling::Llama3 {
                factor: required("factor")?,
                low_freq_factor,
                high_freq_factor,
                original_context: fields.count("original_max_position_embeddings")?,
            })
        }
        other => Err(fields.error("rope_type", &format!("must be `default`, `linear` or `llama3`, not `{other}`"))),
    }
}

/// Adds the settings to `json` under the keys of old and of new versions.
pub(super) fn write(rotary: &Rotary, json: &mut Map<String, Value>) {
    let Rotary { theta, share, scaling } = rotary;
    let mut scaled = match *scaling {
        RotaryScaling::None => json!({"rope_type": "default"}),
        RotaryScaling::Linear { factor } => json!({"rope_type": "linear", "factor": factor}),
        RotaryScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": low_freq_factor,
            "high_freq_factor": high_freq_factor,
            "original_max_position_embeddings": original_context,
        }),
    };
    json.insert("rope_theta".to_owned(), json!(theta));
    json.insert("rope_scaling".to_owned(), if *scaling == RotaryScaling::None { Value::Null } else { scaled.clone() });
    scaled["rope_theta"] = json!(theta);
    if *share < 1.0 {
        json.insert("partial_rotary_factor".to_owned(), json!(share));
        scaled["partial_rotary_factor"] = json!(share);
    }
    json.insert("rope_parameters".to_owned(), scaled);
}
