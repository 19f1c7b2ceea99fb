"""Sizes of images as callers of the API give them."""

from __future__ import annotations

from pathlib import Path

from vlcalc.core.errors import InputError
from vlcalc.core.image_headers import read_size
from vlcalc.core.image_size import ImageSize
from vlcalc.core.units import parse_size

AnySize = ImageSize | tuple[int, int] | str | Path


def size_of(image: AnySize, *, where: str = "") -> ImageSize:
    """Return a size of (width, height), of `"1920x1080"`, or of an image file's header.

    Raises:
        InputError: it is no size, or the file cannot be read.
    """
    if isinstance(image, Path):
        return read_size(image)
    if isinstance(image, str):
        return read_size(Path(image)) if Path(image).suffix else parse_size(image, where=where)
    sides = tuple(image) if isinstance(image, tuple | list) else ()
    if [type(side) for side in sides] != [int, int]:
        raise InputError(expected="a size (width, height) in whole pixels", got=repr(image)[:60])
    return ImageSize(*sides)
