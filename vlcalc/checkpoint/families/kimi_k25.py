"""Kimi-K2.5: MoonViT, squares of patches merged, a mixture with latent attention.

Source: transformers models/kimi_k25/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.readers import (
    ENCODERS,
    Block,
    read_decoder,
    read_encoder,
    reader_of,
    reads,
)
from vlcalc.core.errors import InputError

WRAPPER_TOKENS = 4  # start, the word `image`, a token before the content, end


@reads(
    FAMILIES,
    "kimi_k25",
    vision_config={},
    text_config={"model_type": "deepseek_v3"},
    tie_word_embeddings=True,
)
def kimi_k25(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Kimi-K2.5."""
    config, images = checkpoint.config, checkpoint.images("Kimi_K25ImageProcessor")
    text = config.section("text_config")
    section = config.section("vision_config", model_type="kimi_k25_vision")
    vision = section.with_defaults(reader_of(ENCODERS, section).defaults)
    return {
        "vision": read_encoder(vision),
        "tiling": _tiling(images),
        "fusion": {
            "kind": "patch_merger",
            "merge_size": vision.derived(vision.side("merge_kernel_size"), "merge_kernel_size"),
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }


def _tiling(images: Config) -> Block:
    box = images.section("size").with_defaults({})
    if box.integer("max_height") != box.integer("max_width"):
        raise InputError(
            expected="a square of patches",
            got=f"{box.integer('max_width')} x {box.integer('max_height')}",
            where=str(images.mark("size")),
        )
    return {
        "kind": "patch_budget",
        "merge_size": images.key("merge_size"),
        "max_patches": images.key("max_patches"),
        "max_side_patches": box.key("max_width"),
        "long_side": "shrink",
        "extra": {"image": WRAPPER_TOKENS},
    }
