"""Gemma 3 and PaliGemma: one square, a SigLIP, a linear layer.

Source: transformers models/{gemma3,paligemma}/.
"""

from __future__ import annotations

import math

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads
from vlcalc.checkpoint.tiles import MAX_TILES
from vlcalc.core.errors import InputError


@reads(
    FAMILIES,
    "gemma3",
    vision_config={"model_type": "siglip_vision_model"},
    text_config={},
    mm_tokens_per_image=256,
    tie_word_embeddings=True,
)
def gemma3(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Gemma 3; crops (pan and scan) are off in every call that is not told."""
    config = checkpoint.config
    images = checkpoint.images("Gemma3ImageProcessor", do_pan_and_scan=False)
    text = config.section("text_config", model_type="gemma3_text")
    vision = read_encoder(config.section("vision_config"))
    side = math.isqrt(config.integer("mm_tokens_per_image"))
    pooled = config.derived(side, "mm_tokens_per_image")
    return {
        "vision": vision,
        "tiling": _tiling(images, _merge_size(config, vision, side)),
        "fusion": {"kind": "gemma_projector", "pooled_columns": pooled, "pooled_rows": pooled},
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }


def _merge_size(config: Config, vision: Block, side: int) -> object:
    """Return the side of the square of patches that is averaged to one token."""
    encoder = vision["encoder"]
    assert isinstance(encoder, dict)
    patches = encoder["position_side"].value
    if patches % side:
        raise InputError(
            expected=f"the square of a number that divides {patches}, the patches along a side",
            got=str(config.integer("mm_tokens_per_image")),
            where=str(config.mark("mm_tokens_per_image")),
        )
    return config.derived(patches // side, "mm_tokens_per_image")


def _tiling(images: Config, merge_size: object) -> Block:
    """Return one square, or crops along the long side and the whole image, each in four tokens."""
    square = square_input(images)
    if not images.flag("do_pan_and_scan"):
        return {"kind": "fixed", **square, "merge_size": merge_size, "extra": {"image": 4}}
    if images.integer("pan_and_scan_max_num_crops") > MAX_TILES:
        raise InputError(
            expected=f"at most {MAX_TILES} crops",
            got="more",
            where=str(images.mark("pan_and_scan_max_num_crops")),
        )
    return {
        "kind": "grid",
        "tile_size": square["size"],
        "chooser": {
            "kind": "long_axis",
            "min_ratio": images.key("pan_and_scan_min_ratio_to_activate"),
            "min_crop": images.key("pan_and_scan_min_crop_size"),
            "max_crops": images.key("pan_and_scan_max_num_crops"),
        },
        "merge_size": merge_size,
        "thumbnail": "if_split",
        "extra": {
            "view": 4,
            "tokenizer_dependent": "the sentence around the crops of an image is not counted",
        },
    }


@reads(
    FAMILIES,
    "paligemma",
    vision_config={
        "model_type": "siglip_vision_model",
        "intermediate_size": 4096,
        "hidden_size": 1152,
        "patch_size": 14,
        "image_size": 224,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "vision_use_head": False,
    },
    text_config={
        "model_type": "gemma",
        "hidden_size": 2048,
        "num_hidden_layers": 18,
        "intermediate_size": 16_384,
        "num_attention_heads": 8,
        "num_key_value_heads": 1,
        "vocab_size": 257_152,
    },
    tie_word_embeddings=True,
)
def paligemma(checkpoint: Checkpoint) -> Block:
    """Return the blocks of PaliGemma, of either version."""
    config = checkpoint.config
    text = config.section("text_config")
    return {
        "vision": read_encoder(config.section("vision_config")),
        "tiling": {"kind": "fixed", **square_input(checkpoint.images("SiglipImageProcessor"))},
        "fusion": {"kind": "linear"},
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }
