//! Rotary settings in a `config.json`, under the keys of old and new versions of transformers.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use crate::error::ConfigError;
use crate::rotary::{Rotary, RotaryScaling};

/// Reads `rope_parameters`, or the older `rope_theta`, `rope_scaling` and `partial_rotary_factor`. As in transformers,
/// `rope_scaling` counts where both say something.
pub(super) fn read(fields: &Fields<'_>, share: f64) -> Result<Rotary, ConfigError> {
    let said = |fields: &Fields<'_>| fields.json.as_object().is_some_and(|json| !json.is_empty());
    let old = fields.inside("rope_scaling")?.filter(said);
    let new = match old {
        Some(_) => old,
        None => fields.inside("rope_parameters")?,
    };
    // Versions in between wrote some of the settings in the one place and some in the other.
    let theta = fields.positive("rope_theta", 10_000.0)?;
    let share = fields.positive("partial_rotary_factor", share)?;
    Ok(Rotary {
        theta: new.map_or(Ok(theta), |new| new.positive("rope_theta", theta))?,
        share: new.map_or(Ok(share), |new| new.positive("partial_rotary_factor", share))?,
        scaling: new.map_or(Ok(RotaryScaling::None), |scaling| read_scaling(&scaling, fields))?,
    })
}

/// Reads how frequencies are scaled; `whole` is the configuration around it.
fn read_scaling(fields: &Fields<'_>, whole: &Fields<'_>) -> Result<RotaryScaling, ConfigError> {
    let kind = fields.text("rope_type", fields.text("type", "default")?)?;
    let required = |field: &str| match fields.get(field) {
        Some(_) => fields.positive(field, 1.0),
        None => Err(fields.error(field, "is missing")),
    };
    let context = || whole.count("max_position_embeddings");
    let original_context = || {
        let outside = whole.optional_count("original_max_position_embeddings")?;
        let inside = fields.optional_count("original_max_position_embeddings")?;
        outside.or(inside).map_or_else(context, Ok)
    };
    match kind {
        "default" => Ok(RotaryScaling::None),
        "dynamic" => Ok(RotaryScaling::Dynamic { factor: required("factor")? }),
        "yarn" => {
            let original_context = original_context()?;
            let factor = match fields.get("factor") {
                Some(_) => required("factor")?,
                None => context()? as f64 / original_context as f64,
            };
            let scale = |weight: f64| if factor <= 1.0 { 1.0 } else { 0.1 * weight * libm::log(factor) + 1.0 };
            let optional = |field: &str| fields.get(field).map(|_| fields.positive(field, 1.0)).transpose();
            let inferred = match (optional("mscale")?, optional("mscale_all_dim")?) {
                (Some(mscale), Some(all)) => scale(mscale) / scale(all),
                _ => scale(1.0),
            };
            Ok(RotaryScaling::Yarn {
                factor,
                attention_factor: fields.positive("attention_factor", inferred)?,
                beta_fast: fields.positive("beta_fast", 32.0)?,
                beta_slow: fields.positive("beta_slow", 1.0)?,
                original_context,
                truncate: fields.flag("truncate", true)?,
            })
        }
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
                original_context: original_context()?,
            })
        }
        other => {
            let known = "`default`, `linear`, `dynamic`, `yarn` or `llama3`";
            Err(fields.error("rope_type", &format!("must be {known}, not `{other}`")))
        }
    }
}

/// Adds the settings to `json` under the keys of old and of new versions.
pub(super) fn write(rotary: &Rotary, json: &mut Map<String, Value>) {
    let Rotary { theta, share, scaling } = rotary;
    let mut scaled = match *scaling {
        RotaryScaling::None => json!({"rope_type": "default"}),
        RotaryScaling::Dynamic { factor } => json!({"rope_type": "dynamic", "factor": factor}),
        RotaryScaling::Yarn { factor, attention_factor, beta_fast, beta_slow, original_context, truncate } => json!({
            "rope_type": "yarn",
            "attention_factor": attention_factor,
            "beta_fast": beta_fast,
            "beta_slow": beta_slow,
            "factor": factor,
            "original_max_position_embeddings": original_context,
            "truncate": truncate,
        }),
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
