"""Fresh random image sizes: log-uniform sides of 1 to 6,000 px, extreme ratios included."""

from __future__ import annotations

import math
import os
import random
import secrets

from vlcalc.core.image_size import ImageSize

MAX_SIDE_PX = 6000
# New in every run; a failure names it, and the variable brings its sizes back.
SEED = os.environ.get("VLCALC_ORACLE_SEED") or secrets.token_hex(4)


def random_sizes(
    name: str, number: int, *, max_ratio: float = math.inf, max_pixels: float = math.inf
) -> list[ImageSize]:
    """Return `number` sizes for a test of that name: any shape, near squares, strips, multiples."""
    dice = random.Random(SEED + name)
    draws = (_any_shape, _near_square, _strip, _multiple)
    sizes: list[ImageSize] = []
    while len(sizes) < number:
        size = draws[len(sizes) % len(draws)](dice)
        sizes.append(_within(size, max_ratio, max_pixels))
    return sizes


def _side(dice: random.Random) -> int:
    return round(math.exp(dice.uniform(0, math.log(MAX_SIDE_PX))))


def _any_shape(dice: random.Random) -> ImageSize:
    return ImageSize(_side(dice), _side(dice))


def _near_square(dice: random.Random) -> ImageSize:
    width = _side(dice)
    return ImageSize(width, min(MAX_SIDE_PX, max(1, round(width * dice.uniform(0.6, 1.6)))))


def _strip(dice: random.Random) -> ImageSize:
    long, short = _side(dice), dice.randint(1, 8)
    return ImageSize(long, short) if dice.random() < 0.5 else ImageSize(short, long)


def _multiple(dice: random.Random) -> ImageSize:
    """Sides at, or one pixel beside, half a multiple of an encoder's unit: where roundings flip."""
    unit = dice.choice((14, 28, 30, 32, 48, 336, 384, 448, 512))
    sides = (unit * dice.randint(1, 2 * 1500 // unit) // 2 + dice.choice((-1, 0, 1)) for _ in "wh")
    width, height = (max(1, side) for side in sides)
    return ImageSize(width, height)


def _within(size: ImageSize, max_ratio: float, max_pixels: float) -> ImageSize:
    """Shrink a size that is too large, and shorten the long side of one that is too thin."""
    scale = min(1.0, math.sqrt(max_pixels / size.num_pixels))
    width, height = (max(1, int(side * scale)) for side in size)
    longest = max(1, int(min(width, height) * min(max_ratio, MAX_SIDE_PX)))
    return ImageSize(min(width, longest), min(height, longest))
