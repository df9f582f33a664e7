//! Published models: their `config.json` as it is on the hub, and how many parameters each has.

use serde_json::Value;

use crate::config::Config;

/// Name, number of parameters (tied ones once, as transformers counts them) and configuration.
const MODELS: &[(&str, u64, &str)] = &[
    (
        "Qwen2.5-0.5B",
        494_032_768,
        r#"{"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151643,"hidden_act":"silu",
            "hidden_size":896,"initializer_range":0.02,"intermediate_size":4864,"max_position_embeddings":32768,
            "max_window_layers":24,"model_type":"qwen2","num_attention_heads":14,"num_hidden_layers":24,
            "num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,
            "tie_word_embeddings":true,"use_cache":true,"use_sliding_window":false,"vocab_size":151936}"#,
    ),
    (
        "Qwen2.5-1.5B",
        1_543_714_304,
        r#"{"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151643,"hidden_act":"silu",
            "hidden_size":1536,"initializer_range":0.02,"intermediate_size":8960,
            "max_position_embeddings":131072,"max_window_layers":28,"model_type":"qwen2",
            "num_attention_heads":12,"num_hidden_layers":28,"num_key_value_heads":2,"rms_norm_eps":1e-06,
            "rope_theta":1000000.0,"sliding_window":131072,"tie_word_embeddings":true,"use_cache":true,
            "use_sliding_window":false,"vocab_size":151936}"#,
    ),
    (
        "Qwen3-0.6B",
        596_049_920,
        r#"{"attention_bias":false,"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,
            "head_dim":128,"hidden_act":"silu","hidden_size":1024,"initializer_range":0.02,
            "intermediate_size":3072,"max_position_embeddings":40960,"max_window_layers":28,
            "model_type":"qwen3","num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,
            "rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":1000000,"sliding_window":null,
            "tie_word_embeddings":true,"use_cache":true,"use_sliding_window":false,"vocab_size":151936}"#,
    ),
    (
        "Qwen3-1.7B",
        1_720_574_976,
        r#"{"attention_bias":false,"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,
            "head_dim":128,"hidden_act":"silu","hidden_size":2048,"initializer_range":0.02,
            "intermediate_size":6144,"max_position_embeddings":40960,"max_window_layers":28,
            "model_type":"qwen3","num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,
            "rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":1000000,"sliding_window":null,
            "tie_word_embeddings":true,"use_cache":true,"use_sliding_window":false,"vocab_size":151936}"#,
    ),
    (
        "Llama-3.2-1B",
        1_235_814_400,
        r#"{"attention_bias":false,"attention_dropout":0.0,"bos_token_id":128000,
            "eos_token_id":[128001,128008,128009],"head_dim":64,"hidden_act":"silu","hidden_size":2048,
            "initializer_range":0.02,"intermediate_size":8192,"max_position_embeddings":131072,"mlp_bias":false,
            "model_type":"llama","num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,
            "pretraining_tp":1,"rms_norm_eps":1e-05,"rope_scaling":{"factor":32.0,"high_freq_factor":4.0,
            "low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"},
            "rope_theta":500000.0,"tie_word_embeddings":true,"use_cache":true,"vocab_size":128256}"#,
    ),
    (
        "SmolLM3-3B",
        3_075_098_624,
        r#"{"attention_bias":false,"attention_dropout":0.0,"bos_token_id":null,"eos_token_id":128012,
            "hidden_act":"silu","hidden_size":2048,"initializer_range":0.02,"intermediate_size":11008,
            "max_position_embeddings":65536,"max_window_layers":28,"mlp_bias":false,"model_type":"smollm3",
            "no_rope_layer_interval":4,
            "no_rope_layers":[1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0],
            "num_attention_heads":16,"num_hidden_layers":36,"num_key_value_heads":4,"pad_token_id":128004,
            "pretraining_tp":2,"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":5000000.0,
            "sliding_window":null,"use_cache":false,"use_sliding_window":false,"vocab_size":128256}"#,
    ),
    (
        "pythia-410m",
        405_334_016,
        r#"{"bos_token_id":0,"eos_token_id":0,"hidden_act":"gelu","hidden_size":1024,"initializer_range":0.02,
            "intermediate_size":4096,"layer_norm_eps":1e-05,"max_position_embeddings":2048,
            "model_type":"gpt_neox","num_attention_heads":16,"num_hidden_layers":24,"rotary_emb_base":10000,
            "rotary_pct":0.25,"tie_word_embeddings":false,"use_cache":true,"use_parallel_residual":true,
            "vocab_size":50304}"#,
    ),
    (
        "Phi-3-mini-4k-instruct",
        3_821_079_552,
        r#"{"attention_bias":false,"attention_dropout":0.0,"bos_token_id":1,"embd_pdrop":0.0,
            "eos_token_id":32000,"hidden_act":"silu","hidden_size":3072,"initializer_range":0.02,
            "intermediate_size":8192,"max_position_embeddings":4096,"model_type":"phi3",
            "num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":32,
            "original_max_position_embeddings":4096,"pad_token_id":32000,"resid_pdrop":0.0,"rms_norm_eps":1e-05,
            "rope_scaling":null,"rope_theta":10000.0,"sliding_window":2047,"tie_word_embeddings":false,
            "use_cache":true,"vocab_size":32064}"#,
    ),
    (
        "OLMo-2-0425-1B",
        1_484_916_736,
        r#"{"attention_bias":false,"attention_dropout":0.0,"eos_token_id":100257,"hidden_act":"silu",
            "hidden_size":2048,"initializer_range":0.02,"intermediate_size":8192,"max_position_embeddings":4096,
            "model_type":"olmo2","num_attention_heads":16,"num_hidden_layers":16,"num_key_value_heads":16,
            "pad_token_id":100277,"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":500000,
            "tie_word_embeddings":false,"use_cache":false,"vocab_size":100352}"#,
    ),
    (
        "gemma-2-2b",
        2_614_341_888,
        r#"{"attention_bias":false,"attention_dropout":0.0,"attn_logit_softcapping":50.0,"bos_token_id":2,
            "cache_implementation":"hybrid","eos_token_id":1,"final_logit_softcapping":30.0,"head_dim":256,
            "hidden_act":"gelu_pytorch_tanh","hidden_activation":"gelu_pytorch_tanh","hidden_size":2304,
            "initializer_range":0.02,"intermediate_size":9216,"max_position_embeddings":8192,
            "model_type":"gemma2","num_attention_heads":8,"num_hidden_layers":26,"num_key_value_heads":4,
            "pad_token_id":0,"query_pre_attn_scalar":256,"rms_norm_eps":1e-06,"rope_theta":10000.0,
            "sliding_window":4096,"use_cache":true,"vocab_size":256000}"#,
    ),
    (
        "gemma-3-1b-it",
        999_885_952,
        r#"{"attention_bias":false,"attention_dropout":0.0,"attn_logit_softcapping":null,"bos_token_id":2,
            "cache_implementation":"hybrid","eos_token_id":[1,106],"final_logit_softcapping":null,
            "head_dim":256,"hidden_activation":"gelu_pytorch_tanh","hidden_size":1152,"initializer_range":0.02,
            "intermediate_size":6912,"max_position_embeddings":32768,"model_type":"gemma3_text",
            "num_attention_heads":4,"num_hidden_layers":26,"num_key_value_heads":1,"pad_token_id":0,
            "query_pre_attn_scalar":256,"rms_norm_eps":1e-06,"rope_local_base_freq":10000,"rope_scaling":null,
            "rope_theta":1000000,"sliding_window":512,"sliding_window_pattern":6,"use_cache":true,
            "vocab_size":262144}"#,
    ),
    (
        "opt-125m",
        125_239_296,
        r#"{"_remove_final_layer_norm":false,"activation_function":"relu","attention_dropout":0.0,
            "bos_token_id":2,"do_layer_norm_before":true,"dropout":0.1,"eos_token_id":2,"ffn_dim":3072,
            "hidden_size":768,"init_std":0.02,"layerdrop":0.0,"max_position_embeddings":2048,"model_type":"opt",
            "num_attention_heads":12,"num_hidden_layers":12,"pad_token_id":1,"use_cache":true,
            "vocab_size":50272,"word_embed_proj_dim":768}"#,
    ),
    (
        "opt-350m",
        331_196_416,
        r#"{"activation_dropout":0.0,"activation_function":"relu","attention_dropout":0.0,"bos_token_id":2,
            "do_layer_norm_before":false,"dropout":0.1,"eos_token_id":2,"ffn_dim":4096,"hidden_size":1024,
            "init_std":0.02,"layerdrop":0.0,"max_position_embeddings":2048,"model_type":"opt",
            "num_attention_heads":16,"num_hidden_layers":24,"pad_token_id":1,"use_cache":true,
            "vocab_size":50272,"word_embed_proj_dim":512}"#,
    ),
    (
        "granite-3.1-2b-instruct",
        2_533_531_648,
        r#"{"attention_bias":false,"attention_dropout":0.1,"attention_multiplier":0.015625,"bos_token_id":0,
            "embedding_multiplier":12.0,"eos_token_id":0,"hidden_act":"silu","hidden_size":2048,
            "initializer_range":0.02,"intermediate_size":8192,"logits_scaling":8.0,
            "max_position_embeddings":131072,"mlp_bias":false,"model_type":"granite","num_attention_heads":32,
            "num_hidden_layers":40,"num_key_value_heads":8,"pad_token_id":0,"residual_multiplier":0.22,
            "rms_norm_eps":1e-05,"rope_scaling":null,"rope_theta":5000000.0,"tie_word_embeddings":true,
            "use_cache":true,"vocab_size":49155}"#,
    ),
];

#[test]
fn published_configurations_have_the_parameters_that_they_are_known_to_have() {
    for (name, count, json) in MODELS {
        let config = Config::from_json(json.as_bytes(), name).expect("valid");
        assert_eq!(config.parameter_count(), *count, "{name}");
        assert_eq!(config.weights_bytes(), 4 * u128::from(*count), "{name}");
    }
}

#[test]
fn published_configurations_are_written_and_read_back_as_the_same() {
    for (name, _, json) in MODELS {
        let config = Config::from_json(json.as_bytes(), name).expect("valid");
        let written = config.to_json();
        assert_eq!(Config::from_json(written.as_bytes(), name).expect("valid"), config, "{name}");
        let of = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["model_type"].clone();
        assert_eq!(of(&written), of(json), "{name}");
    }
}
