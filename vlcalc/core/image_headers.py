"""Files, folders and globs -> image sizes. Only headers are read; EXIF rotation is honoured."""

from __future__ import annotations

import glob
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from vlcalc.core.errors import InputError
from vlcalc.core.files import exists, is_folder, open_regular
from vlcalc.core.folders import OnError, files_below, files_matching
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
START_BYTES = 1024
# What images start with that Pillow does not read.
# Sources: ISO/IEC 23008-12 (brands of `ftyp`); ISO/IEC 18181-2; SVG 1.1, section 5.
UNSUPPORTED = {
    "HEIC": re.compile(rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL),
    "AVIF": re.compile(rb".{4}ftypavi[fs]", re.DOTALL),  # where Pillow was built without it
    "JPEG XL": re.compile(rb"\xff\x0a|\0{3}\x0cJXL "),
    "SVG": re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:[?!].*<)?svg\b", re.DOTALL),
}


def read_size(path: Path) -> ImageSize:
    """Return the size an image is shown at, from its header.

    Raises:
        InputError: the file cannot be read, is no image, or ends early.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with open_regular(path) as file, _headers_only(), Image.open(file) as image:
            size = _shown_size(image)
            truncated = image.format == "JPEG" and _ends_early(image)
    except UnidentifiedImageError:
        raise _unidentified(path) from None
    except (OSError, SyntaxError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise _unusable(path, reason.lower()) from None
    if truncated:
        raise _unusable(path, "a truncated JPEG, without its end marker")
    check_size(size, where=str(path))
    return size


def find_images(pattern: str, on_error: OnError | None = None) -> Iterator[Path]:
    """Yield the files that a file name, a folder (searched whole) or a glob stands for.

    Folders below are entered where they are on the same file system, and not through links.

    Args:
        pattern: what the user wrote.
        on_error: what is called for each folder that is left out; without it, the first is raised.

    Raises:
        InputError: there is no such file, or none of them is an image by its name.
    """
    left_out: list[InputError] = []

    def leave_out(error: InputError) -> None:
        left_out.append(error)
        (on_error or _raise)(error)

    if is_folder(pattern):
        files, expected = files_below(pattern, leave_out), "a folder with images"
    elif exists(pattern) or not glob.has_magic(pattern):
        yield Path(pattern)
        return
    else:
        files, expected = iter(files_matching(pattern, leave_out)), "a pattern that matches images"
    images = (path for path in files if path.suffix.lower() in SUFFIXES)
    first = next(images, None)
    if first is None:
        known = " ".join(sorted(SUFFIXES))
        nothing = InputError(expected=expected, got="none", where=pattern, hint=f"known: {known}")
        raise left_out[0] if left_out else nothing
    yield first
    yield from images


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
def _headers_only() -> Iterator[None]:
    """Let Pillow open headers of huge images, and keep its warnings: no pixel is decoded here."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _unidentified(path: Path) -> InputError:
    """Return the error of a file that Pillow cannot make out: what it is, if not an image."""
    with open_regular(path) as file:
        start = file.read(START_BYTES)
    for name, pattern in UNSUPPORTED.items():
        if pattern.match(start):
            return _unusable(path, f"{name}, which is not supported", "convert it to PNG or JPEG")
    if start.startswith(START_OF_JPEG):
        return _unusable(path, "a truncated JPEG, cut inside its header")
    return _unusable(
        path, "a file that is no image, whatever its name says" if start else "an empty file"
    )


def _raise(error: InputError) -> NoReturn:
    raise error


def _unusable(path: Path, got: str, hint: str = "") -> InputError:
    return InputError(expected="an image", got=got, where=str(path), hint=hint)
