"""Tiles per side: each side alone decides how many tiles it counts for.

Source: https://docs.together.ai/docs/vision-overview (Llama 3.2 Vision: two at 560 px and above);
AWS https://docs.aws.amazon.com/bedrock/latest/userguide/model-training-validation-requirements.html
(the same model: whole tiles that fit).
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy
from vlcalc.tiling.steps import vectors_step


@POLICIES.register("tiles_per_side")
class TilesPerSide(TilingPolicy):
    """A constant number of tokens for each tile of a grid with a cap on either side.

    Attributes:
        tile_size: side of a tile in pixels.
        tile_tokens: tokens of each tile.
        max_per_side: tiles of either side at most.
        count: `whole` counts the tiles that fit into a side, one at least; `started` counts one
            more than fit, so a side of exactly one tile counts as two.
    """

    kind: Literal["tiles_per_side"]
    tile_size: PositiveInt
    tile_tokens: PositiveInt
    max_per_side: PositiveInt
    count: Literal["whole", "started"]

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        columns, rows = (self._tiles(side) for side in image)
        return Tiling(image, columns, rows, (), image_tokens=self.tile_tokens * columns * rows)

    def _tiles(self, side: int) -> int:
        whole = side // self.tile_size
        return min(self.max_per_side, whole + 1 if self.count == "started" else max(whole, 1))

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        tiling = self._tile(image, num_images)
        what = {"whole": "whole tiles, 1 at least", "started": "whole tiles + 1"}[self.count]
        rule = f"{what}, at most {self.max_per_side}, per side of {self.tile_size}-px tiles"
        return (
            Step("tiles", f"{tiling.columns} x {tiling.rows} tiles", rule),
            vectors_step(tiling.image_tokens, f"{self.tile_tokens:,} for each tile"),
        )
