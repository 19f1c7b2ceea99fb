"""Regions: a detector finds so many regions in an image; its size never matters.

Source: VisualBERT, arXiv:1908.03557, sections 3.2 and 4.
"""

from __future__ import annotations

from typing import Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import POLICIES, ImageSize, Step, Tiling, TilingPolicy, View


@POLICIES.register("regions")
class Regions(TilingPolicy):
    """One image token a region, of any shape; the regions stand in no grid, so in one row.

    Attributes:
        num_regions: regions that the detector gives, or that are kept of them.
    """

    kind: Literal["regions"]
    num_regions: PositiveInt

    def _tile(self, image: ImageSize, num_images: int) -> Tiling:
        return Tiling(
            resized=image,
            columns=1,
            rows=1,
            views=(View("regions", 1, self.num_regions, 1),),
            image_tokens=self.num_regions,
        )

    def _explain(self, image: ImageSize, num_images: int) -> tuple[Step, ...]:
        return (
            Step("detect", str(image), "by a detector that is no part of the model"),
            Step(
                "tokens",
                f"{self.num_regions:,} image tokens",
                "one a region",
                image_tokens=self.num_regions,
            ),
        )
