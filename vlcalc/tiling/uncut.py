"""Up to which size an image is not cut, where that is asked before any grid is chosen.

Source: transformers `models/lfm2_vl/image_processing_lfm2_vl.py::_is_image_too_large` (pixels);
deepseek-ai/DeepSeek-OCR `process/image_process.py` (side).
"""

from __future__ import annotations

from pydantic import model_validator

from vlcalc.core.bounds import PositiveInt
from vlcalc.tiling.base import Frozen, ImageSize


class Uncut(Frozen):
    """An image within every bound that is given stays whole.

    Attributes:
        max_side: pixels that neither side exceeds.
        max_pixels: pixels of the image, its sides first rounded to multiples of `factor`.
        factor: what the sides are rounded to (half to even); one patch at least.
    """

    max_side: PositiveInt | None = None
    max_pixels: PositiveInt | None = None
    factor: PositiveInt = 1

    @model_validator(mode="after")
    def _check_bounds(self) -> Uncut:
        if self.max_side is None and self.max_pixels is None:
            raise ValueError("expected `max_side` or `max_pixels`")
        return self

    def holds(self, image: ImageSize, patch: int) -> bool:
        """Tell whether the image stays whole."""
        if self.max_side is not None and max(image) > self.max_side:
            return False
        if self.max_pixels is None:
            return True
        width, height = (max(patch, round(side / self.factor) * self.factor) for side in image)
        return width * height <= self.max_pixels

    @property
    def rule(self) -> str:
        """The bounds in one line, for explanations."""
        bounds = []
        if self.max_side is not None:
            bounds.append(f"sides up to {self.max_side:,} px")
        if self.max_pixels is not None:
            bounds.append(f"up to {self.max_pixels:,} px, sides in multiples of {self.factor}")
        return "not cut: " + ", ".join(bounds)
