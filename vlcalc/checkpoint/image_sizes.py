"""What an image processor's file says about the encoder's input."""

from __future__ import annotations

from vlcalc.checkpoint.config import Config, Sourced
from vlcalc.checkpoint.readers import Block
from vlcalc.core.errors import InputError


def square_input(images: Config) -> Block:
    """Return side and fit of the one square that every image is brought to.

    Raises:
        InputError: images are not brought to one square.
    """
    if "do_center_crop" in images.defaults and images.flag("do_center_crop"):
        return {"size": images.derived(images.side("crop_size"), "crop_size"), "fit": "crop"}
    size = images.key("size").value
    if isinstance(size, dict) and "height" not in size:
        raise InputError(
            expected="a size with `height` and `width`, or a crop",
            got="one that depends on the image",
            where=str(images.mark("size")),
        )
    return {"size": images.derived(images.side("size"), "size"), "fit": "squash"}


def size_field(images: Config, field: str, *spellings: str, key: str = "size") -> Sourced:
    """Return a number of pixels of a size, or of an older key beside it.

    Args:
        images: what is said about images.
        field: its name inside the size, e.g. `longest_edge`.
        spellings: older keys that say the same.
        key: the key of the size.

    Raises:
        InputError: neither says it.
    """
    for name in spellings:
        if images.has(name):
            return images.key(name)
    size = images.section(key).with_defaults({})
    return size.key(field)


def pixel_bounds(images: Config) -> Block:
    """Return the least and the largest area in pixels, by the older keys where those are there."""
    return {
        "min_pixels": size_field(images, "shortest_edge", "min_pixels"),
        "max_pixels": size_field(images, "longest_edge", "max_pixels"),
    }
