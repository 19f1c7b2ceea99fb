"""Fuyu: pixels of patches straight into the language model.

Source: transformers models/fuyu/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.readers import Block, read_decoder, reads


@reads(
    FAMILIES,
    "fuyu",
    text_config={"model_type": "persimmon"},
    patch_size=30,
    num_channels=3,
    tie_word_embeddings=False,
)
def fuyu(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Fuyu; a word of the language model ends a row of patches."""
    config, images = checkpoint.config, checkpoint.images("FuyuImageProcessor")
    text = config.text("persimmon")
    box = images.section("size").with_defaults({})
    return {
        "tiling": {
            "kind": "fit",
            "patch_size": images.derived(images.side("patch_size"), "patch_size"),
            "max_width": box.key("width"),
            "max_height": box.key("height"),
            "encoder": False,
            "extra": {"token_row": 1},
        },
        "fusion": {
            "kind": "raw_patch",
            "patch_size": config.key("patch_size"),
            "num_channels": config.key("num_channels"),
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }
