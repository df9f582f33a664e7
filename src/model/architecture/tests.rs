//! The published configurations, old and new keys, and what is refused.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{Architecture, Size};
use crate::config::Config;
use crate::rotary::RotaryScaling;

mod published;

fn read(json: &Value) -> Config {
    Config::from_json(json.to_string().as_bytes(), "config.json").expect("valid")
}

/// A small configuration with `changes` made to it.
fn small(architecture: &str, changes: Value) -> Value {
    let mut json = match architecture {
        "gpt2" => {
            json!({"vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12})
        }
        _ => json!({
            "vocab_size": 640, "max_position_embeddings": 128, "hidden_size": 64, "num_hidden_layers": 3,
            "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 192,
        }),
    };
    json["model_type"] = architecture.into();
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (key, value) in changes {
        json[key] = value;
    }
    json
}

#[test]
fn published_models_have_their_parameter_counts() {
    let check = |json: Value, count: u64| assert_eq!(read(&json).parameter_count(), count, "{json}");
    check(small("gpt2", json!({})), 124_439_808);
    check(small("gpt2", json!({"n_embd": 1600, "n_layer": 48, "n_head": 25})), 1_557_611_200);
    check(
        small(
            "phi",
            json!({
                "vocab_size": 51200, "max_position_embeddings": 2048, "hidden_size": 2048, "num_hidden_layers": 24,
                "num_attention_heads": 32, "num_key_value_heads": null, "intermediate_size": 8192,
                "partial_rotary_factor": 0.5, "rope_theta": 10000.0,
            }),
        ),
        1_418_270_720,
    );
    check(
        small(
            "gemma",
            json!({
                "vocab_size": 256_000, "max_position_embeddings": 8192, "hidden_size": 2048, "num_hidden_layers": 18,
                "num_attention_heads": 8, "num_key_value_heads": 1, "intermediate_size": 16384, "head_dim": 256,
                "hidden_act": "gelu", "rope_theta": 10000.0,
            }),
        ),
        2_506_172_416,
    );
    check(
        small(
            "mistral",
            json!({
                "vocab_size": 32000, "max_position_embeddings": 32768, "hidden_size": 4096, "num_hidden_layers": 32,
                "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "sliding_window": 4096,
            }),
        ),
        7_241_732_096,
    );
}

#[test]
fn what_is_written_reads_back_as_the_same() {
    let size = Size { vocab_size: 100, context: 32, d_model: 24, layers: 2, heads: 4, kv_heads: Some(2) };
    for architecture in Architecture::ALL {
        let config = Config::new(architecture, size);
        assert_eq!(read(&serde_json::from_str(&config.to_json()).expect("JSON")), config);
    }
    for changed in [
        small("gpt2", json!({"n_inner": 100, "eos_token_id": 7, "attn_pdrop": 0.25, "tie_word_embeddings": false})),
        small("phi", json!({"rope_parameters": {"rope_theta": 5e4, "partial_rotary_factor": 0.25}})),
        small("gemma", json!({"head_dim": 32, "rms_norm_eps": 1e-5})),
        small("llama", json!({"eos_token_id": [1, 2], "attention_bias": true, "mlp_bias": true})),
        small("mistral", json!({"sliding_window": 8, "attention_dropout": 0.1})),
        small("gpt2", json!({"activation_function": "gelu"})),
        small("llama", json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}})),
        small("llama", json!({"rope_scaling": {"type": "yarn", "factor": 4.0, "beta_fast": 16, "truncate": false}})),
        small("qwen2", json!({"use_sliding_window": true, "sliding_window": 8, "max_window_layers": 1})),
        small(
            "qwen3",
            json!({"use_sliding_window": true, "layer_types": [
            "full_attention", "sliding_attention", "full_attention"]}),
        ),
        small("qwen3", json!({"attention_bias": true, "head_dim": 24, "tie_word_embeddings": true})),
        small("smollm3", json!({"no_rope_layers": [0, 1, 0, 1], "use_sliding_window": true, "sliding_window": 8})),
        small(
            "gemma2",
            json!({"attn_logit_softcapping": null, "final_logit_softcapping": 5.5, "query_pre_attn_scalar": 20}),
        ),
        small(
            "gemma3_text",
            json!({"sliding_window_pattern": 2, "rope_local_base_freq": 5e3, "rope_theta": 1e5,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0}}),
        ),
        small(
            "phi3",
            json!({"partial_rotary_factor": 0.5, "resid_pdrop": 0.1, "sliding_window": 8,
            "max_position_embeddings": 1024, "original_max_position_embeddings": 128, "rope_scaling": {"type": "su",
            "short_factor": [1.0, 1.5, 2.0, 2.5], "long_factor": [4, 8, 16, 32]}}),
        ),
        small(
            "gpt_neox",
            json!({"use_parallel_residual": false, "hidden_act": "gelu_new", "rotary_pct": 1.0,
            "rotary_emb_base": 2e4, "hidden_dropout": 0.1, "num_key_value_heads": null}),
        ),
        small("opt", json!({"ffn_dim": 100, "word_embed_proj_dim": 32, "do_layer_norm_before": false})),
        small("opt", json!({"ffn_dim": 100, "_remove_final_layer_norm": true, "activation_function": "gelu"})),
        small("granite", json!({"attention_multiplier": 0.1, "logits_scaling": 3.0, "residual_multiplier": 0.22})),
        small("olmo2", json!({"rms_norm_eps": 1e-6})),
    ] {
        let config = read(&changed);
        assert_eq!(read(&serde_json::from_str(&config.to_json()).expect("JSON")), config, "{changed}");
    }
}

#[test]
fn old_and_new_rotary_keys_mean_the_same() {
    let scaling = json!({"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192, "rope_type": "llama3"});
    let mut new = scaling.clone();
    new["rope_theta"] = 5e5.into();
    let old = read(&small("llama", json!({"rope_theta": 5e5, "rope_scaling": scaling})));
    assert_eq!(old, read(&small("llama", json!({"rope_parameters": new}))));
    let linear = read(&small("llama", json!({"rope_scaling": {"type": "linear", "factor": 2}})));
    let rotary = linear.decoder().rotary.clone().expect("rotary");
    assert_eq!((rotary.theta.to_bits(), rotary.scaling), (1e4_f64.to_bits(), RotaryScaling::Linear { factor: 2.0 }));
    let fraction = |json| read(&small("phi", json)).decoder().rotary.as_ref().map(|rotary| rotary.fraction);
    assert_eq!(fraction(json!({"partial_rotary_factor": 0.25})), Some(0.25));
    assert_eq!(fraction(json!({})), Some(0.5));
}

#[test]
fn what_a_file_leaves_out_is_as_transformers_has_it() {
    let without = |architecture: &str, fields: &[&str]| {
        let mut json = small(architecture, json!({ "num_attention_heads": 8, "hidden_size": 64 }));
        let object = json.as_object_mut().expect("an object");
        fields.iter().for_each(|field| drop(object.remove(*field)));
        let decoder = read(&json).decoder().clone();
        (decoder.kv_heads, decoder.head_width, decoder.window)
    };
    let kv = &["num_key_value_heads"];
    assert_eq!(without("llama", kv), (8, 8, None));
    assert_eq!(without("phi", kv), (8, 8, None));
    assert_eq!(without("mistral", kv), (8, 8, Some(4096)));
    assert_eq!(without("gemma", &[]), (2, 256, None));
    let of = |architecture: &str, changes: Value| read(&small(architecture, changes)).decoder().clone();
    assert_eq!(of("mistral", json!({ "num_attention_heads": 16, "num_key_value_heads": null })).kv_heads, 16);
    assert_eq!(of("mistral", json!({ "sliding_window": null })).window, None);
    assert_eq!(of("gemma", json!({ "num_attention_heads": 16, "head_dim": 32 })).head_width, 32);
    let sixteen = json!({"model_type": "gemma", "vocab_size": 64, "max_position_embeddings": 128, "hidden_size": 64,
        "num_hidden_layers": 1, "num_attention_heads": 16, "intermediate_size": 64});
    assert_eq!((read(&sixteen).decoder().kv_heads, read(&sixteen).decoder().head_width), (16, 256));

    // GPT-2's sizes have a second name each, and its context a third in the oldest files.
    let named = |json: Value| read(&json).decoder().context;
    let sizes = json!({"model_type": "gpt2", "vocab_size": 50, "hidden_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 4});
    let with = |field: &str, value: usize| {
        let mut json = sizes.clone();
        json[field] = value.into();
        json
    };
    assert_eq!(named(sizes.clone()), 1024);
    assert_eq!(named(with("n_ctx", 512)), 512);
    assert_eq!(named(with("max_position_embeddings", 256)), 256);
}

#[test]
fn scaled_positions_are_read_as_transformers_reads_them() {
    let scaling = |json: Value| read(&small("llama", json)).decoder().rotary.clone().expect("rotary").scaling;
    let yarn = |json: Value| match scaling(json) {
        RotaryScaling::Yarn { factor, attention_factor, original_context, .. } => {
            (factor, (attention_factor * 1e6).round() / 1e6, original_context)
        }
        other => panic!("{other:?}"),
    };
    let kind = |more: Value| {
        let mut json = json!({"rope_type": "yarn", "factor": 4.0});
        more.as_object().expect("an object").iter().for_each(|(key, value)| json[key] = value.clone());
        json
    };
    assert_eq!(yarn(json!({"rope_parameters": kind(json!({}))})), (4.0, 1.138_629, 128));
    let original = json!({"original_max_position_embeddings": 32});
    assert_eq!(yarn(json!({"rope_scaling": kind(original.clone())})), (4.0, 1.138_629, 32));
    // What stands outside goes before, and a factor that is missing follows from the two contexts.
    let outside = json!({"rope_scaling": kind(original), "original_max_position_embeddings": 64});
    assert_eq!(yarn(outside), (4.0, 1.138_629, 64));
    let no_factor = json!({"rope_scaling": {"type": "yarn", "original_max_position_embeddings": 64}});
    assert_eq!(yarn(no_factor), (2.0, 1.069_315, 64));
    let scales = kind(json!({"mscale": 2.0, "mscale_all_dim": 1.0}));
    assert_eq!(yarn(json!({"rope_scaling": scales})), (4.0, 1.121_751, 128));
    assert_eq!(yarn(json!({"rope_scaling": kind(json!({"attention_factor": 1.5}))})), (4.0, 1.5, 128));
    // The older key goes before the newer, unless it says nothing.
    let both = |old: Value| json!({"rope_scaling": old, "rope_parameters": {"rope_type": "linear", "factor": 3.0}});
    assert_eq!(scaling(both(json!({"type": "dynamic", "factor": 2.0}))), RotaryScaling::Dynamic { factor: 2.0 });
    assert_eq!(scaling(both(Value::Null)), RotaryScaling::Linear { factor: 3.0 });
    let llama3 = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0});
    assert!(matches!(scaling(json!({"rope_scaling": llama3})), RotaryScaling::Llama3 { original_context: 128, .. }));
}

fn check(json: &Value, expected: &Expect) {
    let error = Config::from_json(json.to_string().as_bytes(), "student/config.json").expect_err("invalid");
    expected.assert_eq(&error.to_string());
}

#[test]
fn what_an_architecture_cannot_have_is_refused_by_name() {
    check(
        &small("llama", json!({"hidden_act": "relu"})),
        &expect![
            "cannot use the model configuration `student/config.json`: `hidden_act` must be `silu` or `swish`, not `relu`"
        ],
    );
    check(
        &small("llama", json!({"num_key_value_heads": 3})),
        &expect![
            "cannot use the model configuration `student/config.json`: `num_key_value_heads` must divide `num_attention_heads` (4), not `3`"
        ],
    );
    check(
        &small("mistral", json!({"num_attention_heads": 6, "num_key_value_heads": 2})),
        &expect![
            "cannot use the model configuration `student/config.json`: `num_attention_heads` must divide `hidden_size` (64) where `head_dim` is absent, not `6`"
        ],
    );
    check(
        &small("llama", json!({"rope_scaling": {"rope_type": "ntk", "factor": 4.0}})),
        &expect![
            "cannot use the model configuration `student/config.json`: `rope_type` must be `default`, `linear`, `dynamic`, `yarn`, `longrope` or `llama3`, not `ntk`"
        ],
    );
    check(
        &small("llama", json!({"rope_scaling": {"rope_type": "linear"}})),
        &expect!["cannot use the model configuration `student/config.json`: `factor` is missing"],
    );
    check(
        &small("phi", json!({"qk_layernorm": true})),
        &expect!["cannot use the model configuration `student/config.json`: `qk_layernorm` must be false"],
    );
    check(
        &small("phi", json!({"partial_rotary_factor": 1.5})),
        &expect![
            "cannot use the model configuration `student/config.json`: `partial_rotary_factor` turns 1.5 of a head's 16 columns"
        ],
    );
    check(
        &small("qwen3", json!({"layer_types": ["full_attention"]})),
        &expect![
            "cannot use the model configuration `student/config.json`: `layer_types` must have a kind for each of `num_hidden_layers` (3), not 1"
        ],
    );
    check(
        &small("gemma2", json!({"layer_types": ["full_attention", "chunked_attention", "full_attention"]})),
        &expect![[
            r#"cannot use the model configuration `student/config.json`: `layer_types` must name `sliding_attention` or `full_attention`, not `"chunked_attention"`"#
        ]],
    );
    check(
        &small("smollm3", json!({"no_rope_layers": [1, 0]})),
        &expect![
            "cannot use the model configuration `student/config.json`: `no_rope_layers` must have 1 or 0 for each of 3 layers"
        ],
    );
    check(
        &small("phi3", json!({"rope_scaling": {"type": "longrope", "short_factor": [1.0], "long_factor": [1.0]}})),
        &expect![
            "cannot use the model configuration `student/config.json`: `short_factor` must be a list of 8 numbers above 0"
        ],
    );
    check(
        &small("opt", json!({"ffn_dim": 64, "enable_bias": false})),
        &expect!["cannot use the model configuration `student/config.json`: `enable_bias` must be true"],
    );
    check(
        &small("gpt_neox", json!({"rotary_pct": 0.05})),
        &expect![
            "cannot use the model configuration `student/config.json`: `partial_rotary_factor` turns 0.05 of a head's 16 columns"
        ],
    );
    check(
        &small("gpt2", json!({"attn_pdrop": 1.0})),
        &expect![
            "cannot use the model configuration `student/config.json`: `attn_pdrop` must be at least 0 and below 1, not `1.0`"
        ],
    );
}
