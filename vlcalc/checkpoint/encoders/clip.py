"""CLIP's and SigLIP's vision transformers.

Source: transformers models/{clip,git,kosmos2,siglip,idefics2,idefics3,smolvlm}/modeling_*.py.
"""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.encoder_parts import encoder_shape, patches_per_side, vision
from vlcalc.checkpoint.readers import ENCODERS, Block, reads

CLIP_B_32 = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_channels": 3,
    "image_size": 224,
    "patch_size": 32,
    "hidden_act": "quick_gelu",
}


@reads(ENCODERS, "clip_vision_model", **CLIP_B_32)
@reads(ENCODERS, "git_vision_model", **{**CLIP_B_32, "patch_size": 16})
@reads(
    ENCODERS,
    "kosmos_2_vision_model",
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=24,
    num_attention_heads=16,
    num_channels=3,
    image_size=224,
    patch_size=14,
    hidden_act="quick_gelu",
)
def clip_encoder(config: Config) -> Block:
    """Return CLIP's block, in GIT and KOSMOS-2 too: a class token, a norm before all layers."""
    encoder = {
        **encoder_shape(config),
        "patch_bias": False,
        "class_token": True,
        "position_side": patches_per_side(config),
        "pre_norm": True,
    }
    return vision(config, encoder, num_prefix_tokens=1)


@reads(
    ENCODERS,
    "siglip_vision_model",
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    num_channels=3,
    image_size=224,
    patch_size=16,
    hidden_act="gelu_pytorch_tanh",
    vision_use_head=True,
)
def siglip_encoder(config: Config) -> Block:
    """Return SigLIP's block: no class token; pooling by attention where its head is kept."""
    encoder = {
        **encoder_shape(config),
        "position_side": patches_per_side(config),
        "attention_pool": config.key("vision_use_head"),
    }
    return vision(config, encoder)


@reads(
    ENCODERS,
    "idefics2_vision",
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    num_channels=3,
    image_size=224,
    patch_size=32,
    hidden_act="gelu_pytorch_tanh",
)
@reads(
    ENCODERS,
    "idefics3_vision",
    hidden_size=1152,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=16,
    num_channels=3,
    image_size=224,
    patch_size=32,
    hidden_act="gelu_pytorch_tanh",
)
@reads(
    ENCODERS,
    "smolvlm_vision",
    hidden_size=1152,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=16,
    num_channels=3,
    image_size=224,
    patch_size=32,
    hidden_act="gelu_pytorch_tanh",
)
def idefics_encoder(config: Config) -> Block:
    """Return the block of the SigLIP without a head in Idefics2, Idefics3 and SmolVLM."""
    encoder = {**encoder_shape(config), "position_side": patches_per_side(config)}
    return vision(config, encoder)
