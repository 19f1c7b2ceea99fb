"""Persimmon: LayerNorms and biases throughout, norms of heads, a squared ReLU.

Source: transformers models/persimmon/modeling_persimmon.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import decoder_shape, language
from vlcalc.checkpoint.readers import DECODERS, Block, reads


@reads(
    DECODERS,
    "persimmon",
    vocab_size=262_144,
    hidden_size=4096,
    intermediate_size=16_384,
    num_hidden_layers=36,
    num_attention_heads=64,
    num_key_value_heads=None,
    hidden_act="relu2",
    max_position_embeddings=16_384,
    tie_word_embeddings=False,
    qk_layernorm=True,
)
def persimmon_decoder(text: Config) -> Block:
    """Return Persimmon's block."""
    shape = {
        **decoder_shape(text),
        "gated": False,
        "qkv_bias": True,
        "output_bias": True,
        "mlp_bias": True,
        "qk_norm": text.derived("layer" if text.flag("qk_layernorm") else None, "qk_layernorm"),
        "norm": "layer",
        "rotary_fraction": 0.5,
    }
    return language(text, shape)
