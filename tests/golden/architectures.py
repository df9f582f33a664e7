"""The architectures that `make.py` knows: for each a tiny configuration and the weights it starts from.

A configuration names only what differs from the default of transformers. It should switch on what sets the architecture
apart (a window shorter than the texts, fewer heads for keys than for queries, a head size that is not width / heads),
since a case shows nothing about what it leaves off.
"""

from dataclasses import dataclass

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

# What every tiny model has. The vocabulary is that of `tokenizer.json`.
COMMON = {"vocab_size": 640, "bos_token_id": 0, "eos_token_id": 0}

# The form that most decoders share, with the deviations of their own beside it.
DECODER = {
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
SMALL = {**DECODER, "intermediate_size": 192, "num_hidden_layers": 3}
EPSILON = {"rms_norm_eps": 1e-6}
PADDED = {"pad_token_id": 0}


def rope(theta: float = 10000.0, kind: str = "default", **more: float | list[float]) -> dict:
    """Rotary positions as transformers 5 writes them."""
    return {"rope_parameters": {"rope_theta": theta, "rope_type": kind, **more}}


@dataclass(frozen=True)
class Architecture:
    """How a tiny model is made."""

    # The `model_type` of transformers.
    model_type: str
    # Fields of the configuration, besides `COMMON`.
    fields: dict
    # The standard deviation of matrices. Training from unfit weights is chaotic: no two programs then agree.
    scale: float = 0.12


ARCHITECTURES = {
    "gemma": Architecture("gemma", {**SMALL, **EPSILON, **PADDED, **rope(), "num_key_value_heads": 1, "head_dim": 32}),
    "gpt2": Architecture("gpt2", {"n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128}),
    "llama": Architecture("llama", {**SMALL, **EPSILON, **rope(100000.0), "tie_word_embeddings": True}),
    "mistral": Architecture("mistral", {**SMALL, **EPSILON, **rope(1000000.0), "head_dim": 16, "sliding_window": 8}),
    "phi": Architecture(
        "phi", {**SMALL, **rope(partial_rotary_factor=0.5), "intermediate_size": 256, "num_key_value_heads": 4}
    ),
    "gemma2": Architecture(
        "gemma2",
        {
            **DECODER,
            **PADDED,
            **rope(),
            "head_dim": 24,
            "query_pre_attn_scalar": 20,
            "sliding_window": 8,
        },
        scale=0.03,
    ),
    "gemma3": Architecture(
        "gemma3_text",
        {
            **DECODER,
            **PADDED,
            "head_dim": 24,
            # Scores of normed heads over the root of less make training chaotic.
            "query_pre_attn_scalar": 256,
            "sliding_window": 8,
            "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
            "rope_parameters": {
                "full_attention": {"rope_theta": 1000000.0, "rope_type": "linear", "factor": 8.0},
                "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"},
            },
        },
        scale=0.03,
    ),
    "gpt_neox": Architecture(
        "gpt_neox",
        {
            "hidden_size": 64,
            "intermediate_size": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "max_position_embeddings": 128,
            **rope(partial_rotary_factor=0.25),
        },
    ),
    "granite": Architecture(
        "granite",
        {
            **DECODER,
            **EPSILON,
            **PADDED,
            **rope(),
            "embedding_multiplier": 3.0,
            "logits_scaling": 2.0,
            "residual_multiplier": 0.5,
            "attention_multiplier": 0.2,
        },
    ),
    "llama-3": Architecture(
        "llama",
        {
            **DECODER,
            **EPSILON,
            **rope(
                kind="llama3",
                factor=8.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=64,
            ),
        },
    ),
    "llama-yarn": Architecture(
        "llama",
        {**DECODER, **EPSILON, **rope(kind="yarn", factor=4.0, original_max_position_embeddings=32)},
    ),
    "olmo2": Architecture("olmo2", {**DECODER, **PADDED, **rope()}),
    "opt": Architecture(
        "opt",
        {
            "hidden_size": 64,
            "ffn_dim": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "max_position_embeddings": 128,
            "word_embed_proj_dim": 64,
            "dropout": 0.0,
            **PADDED,
        },
    ),
    "opt-350m": Architecture(
        "opt",
        {
            "hidden_size": 64,
            "ffn_dim": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "max_position_embeddings": 128,
            "word_embed_proj_dim": 48,
            "do_layer_norm_before": False,
            "dropout": 0.0,
            **PADDED,
        },
    ),
    "phi3": Architecture(
        "phi3",
        {
            **DECODER,
            **PADDED,
            **rope(
                kind="longrope",
                partial_rotary_factor=0.5,
                short_factor=[1.0, 1.1, 1.5, 2.0],
                long_factor=[1.0, 2.0, 4.0, 8.0],
            ),
            "original_max_position_embeddings": 64,
            "sliding_window": 8,
        },
    ),
    "qwen2": Architecture(
        "qwen2",
        {
            **DECODER,
            **rope(),
            "tie_word_embeddings": True,
            "use_sliding_window": True,
            "sliding_window": 8,
            "max_window_layers": 2,
        },
    ),
    "qwen3": Architecture("qwen3", {**DECODER, **rope(), "head_dim": 24}),
    "smollm3": Architecture("smollm3", {**DECODER, **PADDED, **rope(2000000.0)}),
}


def configuration(architecture: Architecture) -> PreTrainedConfig:
    """The tiny configuration of an architecture."""
    return AutoConfig.for_model(architecture.model_type, **COMMON, **architecture.fields)


def tiny_model(architecture: Architecture, seed: int) -> PreTrainedModel:
    """A model in single precision whose every weight is drawn from one generator, in the order of its parameters."""
    model = AutoModelForCausalLM.from_config(configuration(architecture), dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            weight.copy_(spread(name, noise, architecture.scale))
    return model


def spread(name: str, noise: torch.Tensor, scale: float) -> torch.Tensor:
    """Standard normal noise as a weight of this name: matrices are small, gains lie about one, biases about zero.

    Nothing is left at the zero or one that it is initialised to, or a program that forgot it would agree all the same.
    """
    if noise.dim() > 1:
        return scale * noise
    is_gain = "norm" in name or ("ln_" in name and name.endswith("weight"))
    return 1.0 + 0.3 * noise if is_gain else 0.3 * noise
