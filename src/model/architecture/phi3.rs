//! Phi 3, 3.5 and 4 mini (Abdin et al. 2024): as Llama, with one tensor of queries, keys and values and one of gate and up,
//! perhaps a window, and factors of the angles for long contexts.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, Unsaid};
use super::written::{common, object, shortest};
use super::{Family, llama};
use crate::decoder::{Decoder, DropoutRates};
use crate::error::ConfigError;
use crate::kernels::Normal;
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: true };

const NAMES: Names =
    Names { qkv: &["self_attn.qkv_proj"], mlp_in: &["mlp.gate_up_proj"], lora: &["qkv_proj"], ..llama::NAMES };

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    fields.one_of("hidden_act", &[("silu", ()), ("swish", ())])?;
    let read = llama::read_shared(fields, Unsaid::default(), fresh)?;
    Ok(Decoder {
        window: fields.optional_count("sliding_window")?,
        dropout: DropoutRates { residual: fields.rate("resid_pdrop", 0.0)?, ..read.dropout },
        ..read
    })
}

fn fresh(size: Size) -> Decoder {
    let llama = llama::fresh(size);
    Decoder { normal: Normal { epsilon: 1e-5, ..llama.normal }, ..llama }
}

fn write(decoder: &Decoder) -> Value {
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["Phi3ForCausalLM"],
        "hidden_act": "silu",
        "model_type": "phi3",
        "pad_token_id": null,
        "resid_pdrop": decoder.dropout.residual,
        "rms_norm_eps": shortest(decoder.normal.epsilon),
        "sliding_window": decoder.window,
    })));
    Value::Object(json)
}
