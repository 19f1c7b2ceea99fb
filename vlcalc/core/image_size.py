"""The size of an image in pixels, width first."""

from __future__ import annotations

from typing import NamedTuple

from vlcalc.core.errors import InputError

MAX_SIDE_PX = 100_000


class ImageSize(NamedTuple):
    """Pixels of the original image, width first; on the command line `WxH`."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def num_pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def aspect_ratio(self) -> float:
        """Width over height."""
        return self.width / self.height


def check_size(image: ImageSize, *, where: str = "") -> None:
    """Refuse sizes that no image has.

    Raises:
        InputError: a side is below 1 px or above 100,000 px.
    """
    if not (0 < image[0] <= MAX_SIDE_PX and 0 < image[1] <= MAX_SIDE_PX):
        raise InputError(
            expected=f"sides of 1 to {MAX_SIDE_PX:,} px", got=f"{image[0]}x{image[1]}", where=where
        )
