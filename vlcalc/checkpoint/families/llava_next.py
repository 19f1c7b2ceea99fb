"""LLaVA-NeXT, LLaVA-NeXT-Video and LLaVA-OneVision: tiles of a chosen canvas, stitched again.

Source: transformers models/{llava_next,llava_next_video,llava_onevision}/processing_*.py and
modeling_*.py (`pack_image_features`).
"""

from __future__ import annotations

import re

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config, Sourced, plain_integer, plain_value
from vlcalc.checkpoint.encoder_parts import with_features
from vlcalc.checkpoint.families.llava import CLIP_L_336, drops_first
from vlcalc.checkpoint.image_processors import LLAVA_NEXT_CANVASES, ONEVISION_CANVASES
from vlcalc.checkpoint.readers import Block, read_decoder, read_encoder, reads
from vlcalc.core.errors import InputError

MAX_CANVASES = 1000
NEWLINE = {"what": "newline vector", "component": "fusion", "num_text_vectors": 1}


@reads(
    FAMILIES,
    "llava_next",
    vision_config=CLIP_L_336,
    text_config={"model_type": "llama"},
    projector_hidden_act="gelu",
    multimodal_projector_bias=True,
    vision_feature_layer=-2,
    vision_feature_select_strategy="default",
    image_grid_pinpoints=LLAVA_NEXT_CANVASES,
    tie_word_embeddings=False,
)
def llava_next(checkpoint: Checkpoint) -> Block:
    """Return the blocks of LLaVA-NeXT."""
    images = checkpoint.images("LlavaNextImageProcessor")
    return _blocks(checkpoint, images, text_counts=False)


@reads(
    FAMILIES,
    "llava_next_video",
    vision_config=CLIP_L_336,
    text_config={"model_type": "llama"},
    projector_hidden_act="gelu",
    multimodal_projector_bias=True,
    vision_feature_layer=-2,
    vision_feature_select_strategy="default",
    image_grid_pinpoints=LLAVA_NEXT_CANVASES,
    spatial_pool_stride=2,
    tie_word_embeddings=False,
)
def llava_next_video(checkpoint: Checkpoint) -> Block:
    """Return the blocks of LLaVA-NeXT-Video: images as LLaVA-NeXT, the map of a frame pooled."""
    images = checkpoint.images("LlavaNextImageProcessor")
    blocks = _blocks(checkpoint, images, text_counts=True)
    frame = {
        "kind": "fixed",
        "size": tile_side(images),
        "merge_size": checkpoint.config.key("spatial_pool_stride"),
    }
    return {**blocks, "video": {"kind": "frames", "frame": frame}}


@reads(
    FAMILIES,
    "llava_onevision",
    vision_config={
        "model_type": "siglip_vision_model",
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "patch_size": 14,
        "image_size": 384,
        "num_hidden_layers": 26,
        "num_attention_heads": 16,
        "vision_use_head": False,
    },
    text_config={"model_type": "qwen2"},
    projector_hidden_act="gelu",
    multimodal_projector_bias=True,
    vision_feature_layer=-1,
    vision_feature_select_strategy="full",
    vision_aspect_ratio="anyres_max_9",
    image_grid_pinpoints=ONEVISION_CANVASES,
    tie_word_embeddings=False,
)
def llava_onevision(checkpoint: Checkpoint) -> Block:
    """Return the blocks of LLaVA-OneVision: a map well above so many tiles' worth is shrunk."""
    images = checkpoint.images("LlavaOnevisionImageProcessor")
    blocks = _blocks(checkpoint, images, text_counts=True, max_tiles=_max_tiles(checkpoint))
    vision = blocks["vision"]
    assert isinstance(vision, dict)
    side = plain_integer(tile_side(images)) // plain_integer(vision["patch_size"])
    frame = {"kind": "fixed", "size": tile_side(images), "tokens": (-(-side // 2)) ** 2 or 1}
    return {**blocks, "video": {"kind": "frames", "frame": frame, "clip_tokens": 1}}


def _blocks(
    checkpoint: Checkpoint, images: Config, *, text_counts: bool, max_tiles: Sourced | None = None
) -> Block:
    config = checkpoint.config
    text, vision = config.section("text_config"), read_encoder(config.section("vision_config"))
    encoder = {
        **with_features(vision, config, "vision_feature_layer"),
        "drop_cls": drops_first(checkpoint),
    }
    if plain_value(encoder["drop_cls"]) != (plain_integer(encoder["num_prefix_tokens"]) == 1):
        raise InputError(
            expected="`default` for an encoder with a class token, `full` for one without",
            got="the other",
            where=f"{config.where}vision_feature_select_strategy",
        )
    layout = {"kind": "stitched", "newline": True, "unpad": "ratio"}
    return {
        "vision": encoder,
        "tiling": {
            "kind": "grid",
            "tile_size": tile_side(images),
            "chooser": {"kind": "pinpoint", "order": "height_width", "canvases": canvases(images)},
            "thumbnail": "always",
            "layout": {**layout, **({"max_tiles": max_tiles} if max_tiles else {})},
        },
        "fusion": {
            "kind": "mlp",
            "activation": config.activation("projector_hidden_act"),
            "bias": config.key("multimodal_projector_bias"),
        },
        "language": read_decoder(
            text, tied_embeddings=checkpoint.tied(text, text_counts=text_counts)
        ),
        "extra_params": [NEWLINE],
    }


def tile_side(images: Config) -> Sourced:
    """Return the side of a tile: the crop where there is one, else the size, however spelled."""
    if "crop_size" in images.defaults or images.has("crop_size"):
        return images.derived(images.side("crop_size"), "crop_size")
    return images.derived(images.side("size"), "size")


def canvases(images: Config) -> Sourced:
    """Return the canvases, height first; raises InputError for more than any model has."""
    name = "image_grid_pinpoints"
    if len(images.items(name)) > MAX_CANVASES:
        raise InputError(
            expected=f"at most {MAX_CANVASES} canvases", got="more", where=str(images.mark(name))
        )
    return images.key(name)


def _max_tiles(checkpoint: Checkpoint) -> Sourced | None:
    name = "vision_aspect_ratio"
    config = checkpoint.processor if checkpoint.processor.has(name) else checkpoint.config
    ratio = config.string(name)
    match = re.fullmatch(r"anyres(?:_max_(\d{1,4}))?", ratio)
    if not match:
        raise InputError(
            expected="`anyres` or `anyres_max_N`",
            got=f"`{ratio[:40]}`",
            where=str(config.mark(name)),
        )
    return config.derived(int(match[1]), name) if match[1] else None
