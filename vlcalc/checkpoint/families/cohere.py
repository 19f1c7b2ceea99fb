"""Aya Vision and Command A Vision: tiles, pixel shuffle, a gated MLP.

Source: transformers models/{aya_vision,cohere2_vision}/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Sourced
from vlcalc.checkpoint.decoder_parts import width_of
from vlcalc.checkpoint.encoder_parts import with_features
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads
from vlcalc.checkpoint.tiles import counted_tiles


@reads(
    FAMILIES,
    "aya_vision",
    vision_config={
        "model_type": "siglip_vision_model",
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "patch_size": 14,
        "image_size": 384,
        "num_hidden_layers": 26,
        "num_attention_heads": 14,
        "vision_use_head": False,
    },
    text_config={"model_type": "cohere2"},
    downsample_factor=2,
    vision_feature_layer=-1,
    tie_word_embeddings=True,
)
def aya_vision(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Aya Vision; a tag with its number stands before every tile."""
    config = checkpoint.config
    vision = read_encoder(config.section("vision_config"))
    images = checkpoint.images("GotOcr2ImageProcessor", crop_to_patches=True)
    tiling = {
        **counted_tiles(images, "closest_ratio"),
        "extra": {"image": 2, "view": 1},
    }
    return {
        "vision": with_features(vision, config, "vision_feature_layer"),
        **_fused(checkpoint, tiling, input_norm="layer"),
    }


@reads(
    FAMILIES,
    "cohere2_vision",
    vision_config={
        "model_type": "siglip_vision_model",
        "hidden_size": 1152,
        "intermediate_size": 3072,
        "image_size": 512,
        "num_hidden_layers": 27,
        "num_attention_heads": 12,
    },
    text_config={"model_type": "cohere2"},
    downsample_factor=2,
    alignment_intermediate_size=36_864,
    tie_word_embeddings=True,
)
def cohere2_vision(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Command A Vision; a line break stands behind every tile."""
    tiling = {
        **counted_tiles(checkpoint.images("Cohere2VisionImageProcessor"), "least_upscale"),
        "extra": {"image": 2, "view": 1},
    }
    return {
        "vision": read_encoder(checkpoint.config.section("vision_config")),
        **_fused(checkpoint, tiling, input_norm=None),
    }


def _fused(checkpoint: Checkpoint, tiling: Block, *, input_norm: str | None) -> Block:
    config = checkpoint.config
    text = config.section("text_config")
    language = read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False))
    factor = config.key("downsample_factor")
    return {
        "tiling": {"kind": "grid", **tiling, "merge_size": factor, "thumbnail": "if_split"},
        "fusion": {
            "kind": "pixel_shuffle",
            "factor": factor,
            "hidden_width": _hidden_width(checkpoint, language),
            "gated": True,
            "input_norm": input_norm,
            "activation": "silu",
        },
        "language": language,
    }


def _hidden_width(checkpoint: Checkpoint, language: Block) -> Sourced:
    """Return the width between the layers: half of what the first gives, the rest being gates."""
    name, config = "alignment_intermediate_size", checkpoint.config
    if name in config.defaults or config.has(name):
        return config.derived(config.integer(name) // 2, name)
    return config.derived(width_of(language) // 2, "text_config")
