//! Rotary settings in a `config.json`, under the keys of old and new versions of transformers.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use crate::decoder::Decoder;
use crate::error::ConfigError;
use crate::rotary::{Rotary, RotaryScaling};

/// How layers with a window and the others are called where `rope_parameters` tells of each.
const WINDOWED: &str = "sliding_attention";
const WHOLE: &str = "full_attention";

/// Reads the angles of all layers, and those of layers with a window where they are others; what the file leaves out is as
/// `usual` has it. The settings are those of `rope_parameters`, or the older `rope_theta`, `rope_scaling` and
/// `partial_rotary_factor`. As in transformers, `rope_scaling` counts where both say something.
pub(super) fn read(
    fields: &Fields<'_>,
    usual: &Decoder,
    head_width: usize,
) -> Result<(Rotary, Option<Rotary>), ConfigError> {
    let said = |fields: &Fields<'_>| fields.json.as_object().is_some_and(|json| !json.is_empty());
    let plain = || Rotary { theta: 10_000.0, fraction: 1.0, scaling: RotaryScaling::None };
    let usual_whole = usual.rotary.clone().unwrap_or_else(plain);
    let new = fields.inside("rope_parameters")?;
    // A windowed layer of a file of old settings has angles of its own only where the architecture gives it some.
    let windowed = usual.windowed_rotary.clone();
    if let Some(each) = new.filter(|new| new.get(WHOLE).or(new.get(WINDOWED)).is_some()) {
        let of = |kind: &str, usual: &Rotary| match each.inside(kind)? {
            Some(of) => read_one(fields, Some(of), usual, head_width),
            None => Ok(usual.clone()),
        };
        let whole = of(WHOLE, &usual_whole)?;
        let windowed = of(WINDOWED, windowed.as_ref().unwrap_or(&usual_whole))?;
        return Ok((whole.clone(), Some(windowed).filter(|windowed| *windowed != whole)));
    }
    let old = fields.inside("rope_scaling")?.filter(said);
    let whole = read_one(fields, old.or(new), &usual_whole, head_width)?;
    let windowed = match windowed {
        Some(usual) => Some(Rotary { theta: fields.positive("rope_local_base_freq", usual.theta)?, ..usual }),
        None => None,
    };
    Ok((whole.clone(), windowed.filter(|windowed| *windowed != whole)))
}

/// Reads the settings of one kind of layers; `fields` is the configuration around them.
fn read_one(
    fields: &Fields<'_>,
    given: Option<Fields<'_>>,
    usual: &Rotary,
    head_width: usize,
) -> Result<Rotary, ConfigError> {
    // Versions in between wrote some of the settings in the one place and some in the other.
    let theta = fields.positive("rope_theta", usual.theta)?;
    let fraction = fields.positive("partial_rotary_factor", usual.fraction)?;
    let read = Rotary {
        theta: given.map_or(Ok(theta), |given| given.positive("rope_theta", theta))?,
        fraction: given.map_or(Ok(fraction), |given| given.positive("partial_rotary_factor", fraction))?,
        scaling: RotaryScaling::None,
    };
    let scaling = match given {
        Some(given) => read_scaling(&given, fields, read.pairs(head_width))?,
        None => usual.scaling.clone(),
    };
    Ok(Rotary { scaling, ..read })
}

/// Reads how the frequencies of so many pairs are scaled; `whole` is the configuration around it.
fn read_scaling(fields: &Fields<'_>, whole: &Fields<'_>, pairs: usize) -> Result<RotaryScaling, ConfigError> {
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
            let inferred = match (fields.optional_positive("mscale")?, fields.optional_positive("mscale_all_dim")?) {
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
        // The first files of Phi 3 say `su`.
        "longrope" | "su" => {
            let original_context = original_context()?;
            let factor = match fields.optional_positive("factor")? {
                Some(factor) => factor,
                None => context()? as f64 / original_context as f64,
            };
            let inferred =
                if factor <= 1.0 { 1.0 } else { (1.0 + libm::log(factor) / libm::log(original_context as f64)).sqrt() };
            Ok(RotaryScaling::LongRope {
                attention_factor: fields.positive("attention_factor", inferred)?,
                short_factor: fields.positives("short_factor", pairs)?,
                long_factor: fields.positives("long_factor", pairs)?,
                original_context,
            })
        }
        other => {
            let known = "`default`, `linear`, `dynamic`, `yarn`, `longrope` or `llama3`";
            Err(fields.error("rope_type", &format!("must be {known}, not `{other}`")))
        }
    }
}

/// Adds the settings to `json` under the keys of old and of new versions.
pub(super) fn write(decoder: &Decoder, json: &mut Map<String, Value>) {
    let Some(rotary) = &decoder.rotary else { return };
    let scaled = scaling(&rotary.scaling);
    json.insert("rope_theta".to_owned(), json!(rotary.theta));
    json.insert("rope_scaling".to_owned(), if rotary.scaling == RotaryScaling::None { Value::Null } else { scaled });
    if rotary.fraction < 1.0 {
        json.insert("partial_rotary_factor".to_owned(), json!(rotary.fraction));
    }
    if let RotaryScaling::LongRope { original_context, .. } = rotary.scaling {
        json.insert("original_max_position_embeddings".to_owned(), json!(original_context));
    }
    let parameters = match &decoder.windowed_rotary {
        None => parameters(rotary),
        Some(windowed) => {
            json.insert("rope_local_base_freq".to_owned(), json!(windowed.theta));
            json!({ WHOLE: parameters(rotary), WINDOWED: parameters(windowed) })
        }
    };
    json.insert("rope_parameters".to_owned(), parameters);
}

/// The settings as new versions of transformers have them.
fn parameters(rotary: &Rotary) -> Value {
    let mut json = scaling(&rotary.scaling);
    json["rope_theta"] = json!(rotary.theta);
    if rotary.fraction < 1.0 {
        json["partial_rotary_factor"] = json!(rotary.fraction);
    }
    json
}

fn scaling(scaling: &RotaryScaling) -> Value {
    match scaling {
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
        RotaryScaling::LongRope { attention_factor, short_factor, long_factor, original_context } => json!({
            "rope_type": "longrope",
            "attention_factor": attention_factor,
            "long_factor": long_factor,
            "original_max_position_embeddings": original_context,
            "short_factor": short_factor,
        }),
    }
}
