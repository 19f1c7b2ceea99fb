"""GLM-4's decoder: norms on both sides, half of each head rotated.

Source: transformers models/glm4v/modeling_glm4v.py::Glm4vTextModel.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.decoder_parts import decoder_shape, language
from vlcalc.checkpoint.readers import DECODERS, Block, reads


@reads(
    DECODERS,
    "glm4v_text",
    vocab_size=151_552,
    hidden_size=4096,
    intermediate_size=13_696,
    num_hidden_layers=40,
    num_attention_heads=32,
    num_key_value_heads=2,
    hidden_act="silu",
    max_position_embeddings=32_768,
    tie_word_embeddings=False,
)
def glm4v_decoder(text: Config) -> Block:
    """Return the block of the language model in GLM-4V."""
    shape = {
        **decoder_shape(text),
        "qkv_bias": True,
        "norm_placement": "sandwich",
        "rotary_fraction": 0.5,
    }
    return language(text, shape)
