"""HD scale: the widest canvas of the image's aspect ratio that has no more than `max_tiles` tiles.

Source: Phi-3-vision `image_processing_phi3_v.py::HD_transform` (remote code of the checkpoint);
vllm-project/vllm `vllm/model_executor/models/phi3v.py`.
"""

from __future__ import annotations

import math
from typing import Literal

from vlcalc.core.bounds import Tiles
from vlcalc.core.errors import RefusedError
from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import CHOOSERS, Chooser, TileGrid


@CHOOSERS.register("hd_scale")
class HdScale(Chooser):
    """As many tiles along the long side as fit; a portrait image is turned for the choice.

    Attributes:
        max_tiles: most tiles of a grid (`num_crops`).
    """

    kind: Literal["hd_scale"]
    max_tiles: Tiles

    def choose(self, image: ImageSize, tile: int) -> TileGrid:
        ratio = max(image) / min(image)
        columns = 1
        while (columns + 1) * math.ceil((columns + 1) / ratio) <= self.max_tiles:
            columns += 1
        short_side = int(columns * tile / ratio)
        if short_side == 0:
            raise RefusedError(
                f"{image}: the short side comes to 0 px in a canvas of {columns * tile:,} px, "
                "which the processor refuses"
            )
        rows = -(-short_side // tile)
        if image.width < image.height:
            return TileGrid(rows, columns)
        return TileGrid(columns, rows)

    @property
    def rule(self) -> str:
        return (
            f"as many tiles along the long side as keep the grid within {self.max_tiles}; "
            "only the aspect ratio counts, not the size"
        )
