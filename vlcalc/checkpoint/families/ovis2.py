"""Ovis2: a visual vocabulary whose rows are mixed.

Source: transformers models/ovis2/.
"""

from __future__ import annotations

from vlcalc.checkpoint.checkpoint import FAMILIES, Checkpoint
from vlcalc.checkpoint.readers import (
    ENCODERS,
    Block,
    read_decoder,
    read_encoder,
    reader_of,
    reads,
)
from vlcalc.checkpoint.tiles import counted_tiles

THRESHOLD = 0.9  # share of the pixels that the class keeps


@reads(
    FAMILIES,
    "ovis2",
    vision_config={},
    text_config={"model_type": "qwen2"},
    tie_word_embeddings=True,
)
def ovis2(checkpoint: Checkpoint) -> Block:
    """Return the blocks of Ovis2."""
    config, images = checkpoint.config, checkpoint.images("Ovis2ImageProcessor")
    section = config.section("vision_config", model_type="ovis2_vision")
    vision = section.with_defaults(reader_of(ENCODERS, section).defaults)
    covering = images.flag("use_covering_area_grid")
    tiles = counted_tiles(images, "covering" if covering else "closest_ratio")
    chooser = tiles["chooser"]
    assert isinstance(chooser, dict)
    if chooser["kind"] == "covering":
        chooser["threshold"] = THRESHOLD
    text = config.section("text_config")
    stride = vision.key("hidden_stride")
    return {
        "vision": read_encoder(vision),
        "tiling": {
            "kind": "grid",
            **tiles,
            "merge_size": stride,
            "thumbnail": "if_split",
            "extra": {"image": 3, "column_gap": 1, "row_gap": 1},
        },
        "fusion": {
            "kind": "visual_embedding_table",
            "num_codes": vision.key("vocab_size"),
            "num_indicators": vision.key("num_visual_indicator_tokens"),
            "merge_size": stride,
        },
        "language": read_decoder(text, tied_embeddings=checkpoint.tied(text, text_counts=False)),
    }
