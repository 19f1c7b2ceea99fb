"""The vision transformers of BLIP, BLIP-2 and InstructBLIP (EVA).

Source: transformers models/{blip,blip_2,instructblip}/modeling_*.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import encoder_shape, patches_per_side, vision
from vlcalc.checkpoint.readers import ENCODERS, Block, reads

EVA = {
    "hidden_size": 1408,
    "intermediate_size": 6144,
    "num_hidden_layers": 39,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 14,
    "hidden_act": "gelu",
    "qkv_bias": True,
}


@reads(ENCODERS, "blip_2_vision_model", **EVA)
@reads(ENCODERS, "instructblip_vision_model", **EVA)
def eva_encoder(config: Config) -> Block:
    """Return the block of BLIP-2's and InstructBLIP's encoder."""
    return _block(config, qkv_bias=config.key("qkv_bias"))


@reads(
    ENCODERS,
    "blip_vision_model",
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    image_size=384,
    patch_size=16,
    hidden_act="gelu",
)
def blip_encoder(config: Config) -> Block:
    """Return the block of BLIP's encoder."""
    return _block(config, qkv_bias=True)


def _block(config: Config, *, qkv_bias: object) -> Block:
    """Return the block of either; they have always three channels."""
    encoder = {
        **encoder_shape(config.with_defaults({**config.defaults, "num_channels": 3})),
        "class_token": True,
        "position_side": patches_per_side(config),
        "qkv_bias": qkv_bias,
    }
    return vision(config, encoder, num_prefix_tokens=1)
