"""Gemma's decoders: norms on both sides (2, 3), windows in most layers, norms of heads (3).

Source: transformers models/{gemma,gemma2,gemma3}/modeling_*.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import check_layer_types, decoder_shape, language, windows
from vlcalc.checkpoint.readers import DECODERS, Block, reads


def _shape(text: Config) -> Block:
    return {
        **decoder_shape(text),
        "qkv_bias": text.key("attention_bias"),
        "output_bias": text.key("attention_bias"),
    }


def _windows(text: Config, default_pattern: int) -> Block:
    """Return the windows; every so many layers has none, by default or by an older key."""
    kinds = check_layer_types(text)
    if kinds is None:
        spellings = ("sliding_window_pattern", "_sliding_window_pattern")
        pattern = text.optional_integer(*spellings) or default_pattern
        kinds = [
            "sliding_attention" if index % pattern else "full_attention"
            for index in range(1, min(text.integer("num_hidden_layers"), 10_000) + 1)
        ]
    return windows(text, kinds)


@reads(
    DECODERS,
    "gemma",
    vocab_size=256_000,
    hidden_size=3072,
    intermediate_size=24_576,
    num_hidden_layers=28,
    num_attention_heads=16,
    num_key_value_heads=16,
    head_dim=256,
    hidden_act="gelu_pytorch_tanh",
    max_position_embeddings=8192,
    tie_word_embeddings=True,
    attention_bias=False,
)
def gemma_decoder(text: Config) -> Block:
    """Return Gemma's block."""
    return language(text, _shape(text))


@reads(
    DECODERS,
    "gemma2",
    vocab_size=256_000,
    hidden_size=2304,
    intermediate_size=9216,
    num_hidden_layers=26,
    num_attention_heads=8,
    num_key_value_heads=4,
    head_dim=256,
    hidden_activation="gelu_pytorch_tanh",
    max_position_embeddings=8192,
    tie_word_embeddings=True,
    attention_bias=False,
    sliding_window=4096,
)
def gemma2_decoder(text: Config) -> Block:
    """Return Gemma 2's block."""
    shape = {**_shape(text), **_windows(text, 2), "norm_placement": "sandwich"}
    return language(text, shape)


@reads(
    DECODERS,
    "gemma3_text",
    vocab_size=262_208,
    hidden_size=2304,
    intermediate_size=9216,
    num_hidden_layers=26,
    num_attention_heads=8,
    num_key_value_heads=4,
    head_dim=256,
    hidden_activation="gelu_pytorch_tanh",
    max_position_embeddings=131_072,
    tie_word_embeddings=True,
    attention_bias=False,
    sliding_window=4096,
)
def gemma3_decoder(text: Config) -> Block:
    """Return Gemma 3's block."""
    shape = {**_shape(text), **_windows(text, 6), "norm_placement": "sandwich", "qk_norm": "rms"}
    return language(text, shape)
