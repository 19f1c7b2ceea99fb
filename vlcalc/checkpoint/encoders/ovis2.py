"""AIMv2's vision transformer in Ovis2, built like a decoder.

Source: transformers models/ovis2/modeling_ovis2.py::Ovis2VisionTransformer.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import encoder_shape, patches_per_side, vision
from vlcalc.checkpoint.readers import ENCODERS, Block, reads


@reads(
    ENCODERS,
    "ovis2_vision",
    hidden_size=1024,
    intermediate_size=2816,
    num_hidden_layers=24,
    num_attention_heads=8,
    num_channels=3,
    image_size=224,
    patch_size=14,
    hidden_act="silu",
    qkv_bias=False,
    mlp_bias=False,
    vocab_size=16_384,
    hidden_stride=1,
    num_visual_indicator_tokens=5,
)
def ovis2_encoder(config: Config) -> Block:
    """Return the block of Ovis2's encoder."""
    encoder = {
        **encoder_shape(config),
        "position_side": patches_per_side(config),
        "gated": True,
        "qkv_bias": config.key("qkv_bias"),
        "output_bias": config.key("qkv_bias"),
        "mlp_bias": config.key("mlp_bias"),
        "norm": "rms",
        "pre_norm": True,
    }
    return vision(config, encoder)
