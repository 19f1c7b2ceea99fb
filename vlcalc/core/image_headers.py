"""Files, folders and globs -> image sizes. Only headers are read; EXIF rotation is honoured."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize, check_size

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
        *(".avif", ".ppm", ".pgm", ".pnm", ".jp2"),
    )
)
ORIENTATION_TAG = 0x0112
TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that swap width and height
START_OF_JPEG = b"\xff\xd8\xff"
END_OF_IMAGE = b"\xff\xd9"
SCAN_BYTES = 1 << 16


class Named(NamedTuple):
    """The size of an image with the file it was read from."""

    file: str
    size: ImageSize


def read_size(path: Path) -> ImageSize:
    """Return the size an image is shown at, from its header.

    Raises:
        InputError: the file cannot be read, is no image, or ends early.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with _without_pixel_limit(), Image.open(path) as image:
            size = _shown_size(image)
            truncated = image.format == "JPEG" and _ends_early(image)
    except UnidentifiedImageError:
        raise _unusable(path, _what_it_is(path)) from None
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unusable(path, reason.lower()) from None
    if truncated:
        raise _unusable(path, "a truncated JPEG, without its end marker")
    check_size(size)
    return size


def find_images(pattern: str) -> Iterator[Path]:
    """Yield the files that a file name, a folder (searched whole) or a glob stands for.

    Raises:
        InputError: there is no such file, or none of them is an image by its name.
    """
    path = Path(pattern)
    if path.is_dir():
        yield from _at_least_one(_walk(path), pattern, "a folder with images")
    elif path.exists() or not glob.has_magic(pattern):
        yield path
    else:
        matches = (Path(name) for name in sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207
        files = (path for path in matches if path.suffix.lower() in SUFFIXES)
        yield from _at_least_one(files, pattern, "a pattern that matches images")


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122
                yield Path(parent, name)


def _at_least_one(paths: Iterator[Path], pattern: str, expected: str) -> Iterator[Path]:
    first = next(paths, None)
    if first is None:
        known = " ".join(sorted(SUFFIXES))
        raise InputError(expected=expected, got="none", where=pattern, hint=f"known: {known}")
    yield first
    yield from paths


def _shown_size(image: Image) -> ImageSize:
    from PIL.Image import Exif

    width, height = image.size
    if image.format == "TIFF":  # Pillow has turned it already
        return ImageSize(width, height)
    # Not `image.getexif()`: for a PNG it decodes all pixels to look behind them.
    exif = Exif()
    exif.load(image.info.get("exif") or b"")
    if exif.get(ORIENTATION_TAG) in TRANSPOSED:
        return ImageSize(height, width)
    return ImageSize(width, height)


def _ends_early(image: Image) -> bool:
    """Tell whether a JPEG has no end marker behind the start of its pixel data."""
    stream = image.fp  # type: ignore[attr-defined]
    if stream is None:
        return False
    start, position = stream.tell(), stream.seek(0, os.SEEK_END)
    while position > start:
        chunk_start = max(start, position - SCAN_BYTES)
        stream.seek(chunk_start)
        if END_OF_IMAGE in stream.read(position - chunk_start + 1):
            return False
        position = chunk_start
    return True


@contextmanager
def _without_pixel_limit() -> Iterator[None]:
    """Let Pillow open headers of huge images: no pixel is decoded here."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _what_it_is(path: Path) -> str:
    """Say what a file is that Pillow cannot make out."""
    with path.open("rb") as file:
        start = file.read(3)
    if start == START_OF_JPEG:
        return "a truncated JPEG, cut inside its header"
    return "a file that is no image, whatever its name says" if start else "an empty file"


def _unusable(path: Path, got: str) -> InputError:
    return InputError(expected="an image", got=got, where=str(path))
