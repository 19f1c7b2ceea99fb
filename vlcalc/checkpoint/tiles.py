"""What image processors say about the tiles that an image is cut into."""

from __future__ import annotations

from vlcalc.checkpoint.config import Config
from vlcalc.checkpoint.image_sizes import square_input
from vlcalc.checkpoint.readers import Block
from vlcalc.core.errors import InputError

MAX_TILES = 1000  # of one image; published checkpoints stay below 50


def counted_tiles(images: Config, kind: str) -> Block:
    """Return side and chooser of tiles whose number is bounded, or that are switched off.

    Args:
        images: with `size`, `crop_to_patches`, `min_patches` and `max_patches`.
        kind: of the chooser.

    Raises:
        InputError: there are more tiles than any model has, or the least number is above the most.
    """
    tiles = {"tile_size": square_input(images)["size"]}
    if not images.flag("crop_to_patches"):
        return {**tiles, "chooser": {"kind": "single"}}
    most, least = images.integer("max_patches"), images.integer("min_patches")
    if not least <= most <= MAX_TILES:
        raise InputError(
            expected=f"`min_patches` of at most `max_patches` of at most {MAX_TILES}",
            got=f"{least} and {most}",
            where=str(images.mark("max_patches")),
        )
    chooser: Block = {"kind": kind, "max_tiles": images.key("max_patches")}
    if kind == "closest_ratio":
        chooser["min_tiles"] = images.key("min_patches")
    return {**tiles, "chooser": chooser}
