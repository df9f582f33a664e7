//! Architectures that are known and not supported, and what each would need.

use serde_json::Value;

const PAIR: &str = "an encoder and a decoder, and a student here is a decoder alone";
const ENCODER: &str = "an encoder, which does not go on with a text";
const EXPERTS: &str = "a mixture of experts, and the blocks here have one MLP for all tokens";
const STATES: &str = "recurrent or convolutional layers, and the blocks here have attention alone";
const SLOPES: &str = "slopes on attention scores (ALiBi) for its positions, and those here are angles or a table";
const PICTURES: &str = "parts for pictures or sound";
const PAIRS: &str = "angles on pairs of neighbouring columns, and those here pair the halves of a head";

/// What is missing for each `model_type`.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &[
            "t5",
            "mt5",
            "umt5",
            "longt5",
            "switch_transformers",
            "bart",
            "mbart",
            "blenderbot",
            "blenderbot-small",
            "led",
            "marian",
            "m2m_100",
            "pegasus",
            "pegasus_x",
            "prophetnet",
            "encoder-decoder",
            "t5gemma",
            "t5gemma2",
            "bigbird_pegasus",
            "plbart",
            "fsmt",
            "nllb-moe",
            "whisper",
        ],
        PAIR,
    ),
    (
        &[
            "bert",
            "roberta",
            "xlm-roberta",
            "distilbert",
            "albert",
            "electra",
            "deberta",
            "deberta-v2",
            "modernbert",
            "mpnet",
            "camembert",
            "longformer",
        ],
        ENCODER,
    ),
    (
        &[
            "mixtral",
            "qwen2_moe",
            "qwen3_moe",
            "olmoe",
            "phimoe",
            "granitemoe",
            "granitemoeshared",
            "deepseek_v2",
            "deepseek_v3",
            "gpt_oss",
            "dbrx",
            "minimax",
            "llama4",
            "llama4_text",
            "jetmoe",
            "ernie4_5_moe",
            "glm4_moe",
            "hunyuan_v1_moe",
        ],
        EXPERTS,
    ),
    (
        &[
            "mamba",
            "mamba2",
            "falcon_mamba",
            "rwkv",
            "recurrent_gemma",
            "jamba",
            "bamba",
            "zamba",
            "zamba2",
            "granitemoehybrid",
            "lfm2",
            "qwen3_next",
            "qwen3_5",
            "qwen3_5_text",
            "falcon_h1",
            "nemotron_h",
            "xlstm",
        ],
        STATES,
    ),
    (&["bloom", "mpt"], SLOPES),
    (&["gptj", "codegen", "cohere", "cohere2", "glm", "glm4", "ernie4_5"], PAIRS),
    (
        &[
            "qwen2_vl",
            "qwen2_5_vl",
            "qwen3_vl",
            "llava",
            "mllama",
            "paligemma",
            "idefics3",
            "smolvlm",
            "phi4_multimodal",
            "mistral3",
        ],
        PICTURES,
    ),
    (&["gemma3"], "parts for pictures; its part for text, of `model_type` `gemma3_text`, can be used"),
    (&["gemma3n", "gemma3n_text", "gemma4", "gemma4_text"], "embeddings of every layer and layers that share keys"),
    (&["gpt_neo"], "attention scores that are not scaled, and windows in turns"),
    (&["falcon", "gpt_bigcode"], "queries, keys and values in one tensor with shared keys"),
    (&["olmo"], "norms without gains"),
];

/// What an architecture has that is missing here, as far as it is known; `json` is its configuration.
pub(crate) fn missing(model_type: &str, json: &Value) -> Option<&'static str> {
    let known = KNOWN.iter().find(|(types, _)| types.contains(&model_type)).map(|(_, missing)| *missing);
    let pair = json.get("is_encoder_decoder").and_then(Value::as_bool) == Some(true);
    known.or(pair.then_some(PAIR))
}
