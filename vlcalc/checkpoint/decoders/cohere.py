"""Command R7B and Command A: one norm without bias that attention and feed-forward both start from.

Source: transformers models/cohere2/modeling_cohere2.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import check_layer_types, decoder_shape, language, windows
from vlcalc.checkpoint.readers import DECODERS, Block, reads


@reads(
    DECODERS,
    "cohere2",
    vocab_size=256_000,
    hidden_size=8192,
    intermediate_size=22_528,
    num_hidden_layers=40,
    num_attention_heads=64,
    num_key_value_heads=None,
    hidden_act="silu",
    max_position_embeddings=8192,
    tie_word_embeddings=True,
    attention_bias=False,
    sliding_window=4096,
    sliding_window_pattern=4,
)
def cohere2_decoder(text: Config) -> Block:
    """Return the block of Command R7B."""
    kinds = check_layer_types(text)
    if kinds is None:
        pattern = text.integer("sliding_window_pattern", "_sliding_window_pattern")
        kinds = [
            "sliding_attention" if index % pattern else "full_attention"
            for index in range(1, min(text.integer("num_hidden_layers"), 10_000) + 1)
        ]
    shape = {
        **decoder_shape(text),
        **windows(text, kinds),
        "qkv_bias": text.key("attention_bias"),
        "output_bias": text.key("attention_bias"),
        "norm": "layer_no_bias",
        "norm_placement": "parallel",
    }
    return language(text, shape)
