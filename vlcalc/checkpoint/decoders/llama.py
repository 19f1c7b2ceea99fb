"""Llama and the decoders that are built like it: RMSNorm before each half, gated feed-forward.

Source: transformers models/{llama,mistral,mixtral,granite,phi3}/modeling_*.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import decoder_shape, language, windows
from vlcalc.checkpoint.readers import DECODERS, Block, reads


@reads(
    DECODERS,
    "llama",
    vocab_size=32_000,
    hidden_size=4096,
    intermediate_size=11_008,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=None,
    head_dim=None,
    hidden_act="silu",
    max_position_embeddings=2048,
    tie_word_embeddings=False,
    attention_bias=False,
    mlp_bias=False,
)
@reads(
    DECODERS,
    "granite",
    vocab_size=32_000,
    hidden_size=4096,
    intermediate_size=11_008,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=None,
    hidden_act="silu",
    max_position_embeddings=2048,
    tie_word_embeddings=False,
    attention_bias=False,
    mlp_bias=False,
)
def llama_decoder(text: Config) -> Block:
    """Return Llama's or Granite's block; the multipliers of the latter cost nothing."""
    return language(
        text,
        {
            **decoder_shape(text),
            "qkv_bias": text.key("attention_bias"),
            "output_bias": text.key("attention_bias"),
            "mlp_bias": text.key("mlp_bias"),
        },
    )


@reads(
    DECODERS,
    "mistral",
    vocab_size=32_000,
    hidden_size=4096,
    intermediate_size=14_336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    head_dim=None,
    hidden_act="silu",
    max_position_embeddings=131_072,
    tie_word_embeddings=False,
    sliding_window=4096,
)
@reads(
    DECODERS,
    "phi3",
    vocab_size=32_064,
    hidden_size=3072,
    intermediate_size=8192,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=None,
    hidden_act="silu",
    max_position_embeddings=4096,
    tie_word_embeddings=False,
    sliding_window=None,
)
def mistral_decoder(text: Config) -> Block:
    """Return Mistral's or Phi-3's block; the latter keeps several matrices in one."""
    return language(text, {**decoder_shape(text), **windows(text, None)})


@reads(
    DECODERS,
    "mixtral",
    vocab_size=32_000,
    hidden_size=4096,
    intermediate_size=14_336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    head_dim=None,
    hidden_act="silu",
    max_position_embeddings=131_072,
    tie_word_embeddings=False,
    sliding_window=None,
    num_local_experts=8,
    num_experts_per_tok=2,
)
def mixtral_decoder(text: Config) -> Block:
    """Return Mixtral's block: experts in every layer."""
    experts = {
        "num_experts": text.key("num_local_experts", "num_experts"),
        "num_active": text.key("num_experts_per_tok"),
        "ffn_width": text.key("intermediate_size"),
    }
    return language(text, {**decoder_shape(text), **windows(text, None), "experts": experts})
