"""Pixtral's vision transformer: any size of image, rotated positions, built like a decoder.

Source: transformers models/pixtral/modeling_pixtral.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import encoder_shape, vision
from vlcalc.checkpoint.readers import ENCODERS, Block, reads


@reads(
    ENCODERS,
    "pixtral",
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=24,
    num_attention_heads=16,
    num_channels=3,
    image_size=1024,
    patch_size=16,
    hidden_act="gelu",
)
def pixtral_encoder(config: Config) -> Block:
    """Return Pixtral's block."""
    encoder = {
        **encoder_shape(config),
        "patch_bias": False,
        "rotary": True,
        "gated": True,
        "qkv_bias": False,
        "output_bias": False,
        "mlp_bias": False,
        "norm": "rms",
        "pre_norm": True,
        "post_norm": False,
    }
    return vision(config, encoder)
