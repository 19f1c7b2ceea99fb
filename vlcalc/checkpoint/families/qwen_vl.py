"""Qwen2-VL, Qwen2.5-VL, Qwen3-VL: any size of image, squares of patches merged.

The wrapper of an image, a start and an end token, is the chat template's.

Source: transformers models/{qwen2_vl,qwen2_5_vl,qwen3_vl,qwen3_vl_moe}/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.image_sizes import pixel_bounds
from vlcalc.checkpoint.readers import (
    ENCODERS,
    Block,
    read_decoder,
    read_encoder,
    reader_of,
    reads,
)

WRAPPER_TOKENS = 2


@reads(FAMILIES, "qwen2_vl", vision_config={}, tie_word_embeddings=False)
def qwen2_vl(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Qwen2-VL."""
    return _qwen2(checkpoint, "qwen2_vl", norm="layer")


@reads(FAMILIES, "qwen2_5_vl", vision_config={}, tie_word_embeddings=False)
def qwen2_5_vl(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Qwen2.5-VL."""
    return _qwen2(checkpoint, "qwen2_5_vl", norm="rms")


def _qwen2(checkpoint: Checkpoint, name: str, *, norm: str) -> Block:
    vision = vision_section(checkpoint.config, f"{name}_vision")
    fusion = {
        "kind": "patch_merger",
        "merge_size": vision.key("spatial_merge_size"),
        "norm": norm,
    }
    text = checkpoint.config.text(f"{name}_text")
    return {
        "vision": read_encoder(vision),
        "tiling": resize_tiling(checkpoint.images("Qwen2VLImageProcessor")),
        "video": _clip(checkpoint.videos("Qwen2VLImageProcessor"), "frame", {"clip": 2}),
        "fusion": fusion,
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=True)),
    }


@reads(FAMILIES, "qwen3_vl", vision_config={}, text_config={}, tie_word_embeddings=False)
def qwen3_vl(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Qwen3-VL."""
    return _qwen3(checkpoint, "qwen3_vl")


@reads(FAMILIES, "qwen3_vl_moe", vision_config={}, text_config={}, tie_word_embeddings=False)
def qwen3_vl_moe(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Qwen3-VL with experts."""
    return _qwen3(checkpoint, "qwen3_vl_moe")


def _qwen3(checkpoint: Checkpoint, name: str) -> Block:
    vision = vision_section(checkpoint.config, f"{name}_vision")
    taps = "deepstack_visual_indexes"
    fusion = {
        "kind": "deepstack_merger",
        "merge_size": vision.key("spatial_merge_size"),
        "num_levels": vision.derived(len(vision.integers(taps)), taps),
    }
    text = checkpoint.config.section("text_config", model_type=f"{name}_text")
    extra = {
        "group": 2,
        "tokenizer_dependent": "a time stamp before every group of frames is not counted",
    }
    return {
        "vision": read_encoder(vision),
        "tiling": resize_tiling(checkpoint.images("Qwen2VLImageProcessor")),
        "video": _clip(checkpoint.videos("Qwen3VLVideoProcessor"), "clip", extra),
        "fusion": fusion,
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }


def vision_section(config: Config, model_type: str) -> Config:
    """Return the encoder's configuration with the defaults of its class."""
    section = config.section("vision_config", model_type=model_type)
    return section.with_defaults(reader_of(ENCODERS, section).defaults)


def resize_tiling(images: Config) -> Block:
    """Return the tiling: both sides to whole merged squares, within bounds of the area."""
    return {
        "kind": "smart_resize",
        "merge_size": images.key("merge_size"),
        **pixel_bounds(images),
        "extra": {"image": WRAPPER_TOKENS},
    }


def _clip(videos: Config, budget: str, extra: Block) -> Block:
    return {
        "kind": "clip",
        "budget": budget,
        "merge_size": videos.key("merge_size"),
        "temporal_patch_size": videos.key("temporal_patch_size"),
        **pixel_bounds(videos),
        "extra": extra,
    }
