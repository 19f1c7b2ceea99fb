"""Qwen's decoders: biases of queries, keys and values (2), norms of their heads (3), experts.

Source: transformers models/{qwen2,qwen2_vl,qwen2_5_vl,qwen3,qwen3_vl,qwen3_moe,qwen3_vl_moe}/.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import (
    check_layer_types,
    decoder_shape,
    experts_in,
    language,
    windows,
)
from vlcalc.checkpoint.readers import DECODERS, Block, reads

QWEN2_VL_TEXT = {
    "vocab_size": 152_064,
    "hidden_size": 8192,
    "intermediate_size": 29_568,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "hidden_act": "silu",
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": False,
    "use_sliding_window": False,
    "sliding_window": 4096,
    "max_window_layers": 80,
}
QWEN2 = {
    "vocab_size": 151_936,
    "hidden_size": 4096,
    "intermediate_size": 22_016,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "hidden_act": "silu",
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": False,
    "use_sliding_window": False,
    "sliding_window": 4096,
    "max_window_layers": 28,
}


def _windows(text: Config) -> Block:
    """Return the windows: none unless they are switched on, then from some layer on."""
    kinds = check_layer_types(text)
    if not text.flag("use_sliding_window"):
        return {} if kinds is None else windows(text, kinds)
    if kinds is None:
        first = text.integer("max_window_layers", least=0)
        kinds = [
            "full_attention" if index < first else "sliding_attention"
            for index in range(min(text.integer("num_hidden_layers"), 10_000))
        ]
    return windows(text, kinds)


@reads(DECODERS, "qwen2", **QWEN2)
@reads(DECODERS, "qwen2_vl_text", **QWEN2_VL_TEXT)
@reads(DECODERS, "qwen2_5_vl_text", **QWEN2_VL_TEXT)
def qwen2_decoder(text: Config) -> Block:
    """Return Qwen2's block, and that of the language models in Qwen2-VL and Qwen2.5-VL."""
    return language(text, {**decoder_shape(text), **_windows(text), "qkv_bias": True})


def _qwen3_shape(text: Config) -> Block:
    return {
        **decoder_shape(text),
        "qk_norm": "rms",
        "qkv_bias": text.key("attention_bias"),
        "output_bias": text.key("attention_bias"),
    }


@reads(DECODERS, "qwen3", **QWEN2, head_dim=128, attention_bias=False)
def qwen3_decoder(text: Config) -> Block:
    """Return Qwen3's block."""
    return language(text, {**_qwen3_shape(text), **_windows(text)})


@reads(
    DECODERS,
    "qwen3_vl_text",
    vocab_size=151_936,
    hidden_size=4096,
    intermediate_size=22_016,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    head_dim=128,
    hidden_act="silu",
    max_position_embeddings=128_000,
    tie_word_embeddings=False,
    attention_bias=False,
)
def qwen3_vl_decoder(text: Config) -> Block:
    """Return the block of the language model in Qwen3-VL."""
    return language(text, _qwen3_shape(text))


@reads(
    DECODERS,
    "qwen3_moe",
    vocab_size=151_936,
    hidden_size=2048,
    intermediate_size=6144,
    num_hidden_layers=24,
    num_attention_heads=32,
    num_key_value_heads=4,
    hidden_act="silu",
    max_position_embeddings=32_768,
    tie_word_embeddings=False,
    attention_bias=False,
    decoder_sparse_step=1,
    mlp_only_layers=[],
    moe_intermediate_size=768,
    num_experts_per_tok=8,
    num_local_experts=128,
)
@reads(
    DECODERS,
    "qwen3_vl_moe_text",
    vocab_size=151_936,
    hidden_size=2048,
    intermediate_size=5632,
    num_hidden_layers=24,
    num_attention_heads=16,
    num_key_value_heads=16,
    hidden_act="silu",
    max_position_embeddings=128_000,
    tie_word_embeddings=True,
    attention_bias=False,
    decoder_sparse_step=1,
    mlp_only_layers=[],
    moe_intermediate_size=1408,
    num_experts_per_tok=4,
    num_local_experts=60,
)
def qwen3_moe_decoder(text: Config) -> Block:
    """Return the block of Qwen3's mixtures, alone and in Qwen3-VL."""
    dense, step = text.integers("mlp_only_layers"), text.integer("decoder_sparse_step")
    with_experts = [
        index not in dense and (index + 1) % step == 0
        for index in range(min(text.integer("num_hidden_layers"), 10_000))
    ]
    shape = _qwen3_shape(text)
    if any(with_experts):
        shape["experts"] = {
            "num_experts": text.key("num_experts", "num_local_experts"),
            "num_active": text.key("num_experts_per_tok"),
            "ffn_width": text.key("moe_intermediate_size"),
            **experts_in(text, with_experts),
        }
    return language(text, shape)
