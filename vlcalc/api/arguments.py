"""Sizes and extras as callers of the API give or need them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vlcalc.api.argument import Argument
from vlcalc.core.errors import InputError
from vlcalc.core.files import exists, is_file
from vlcalc.core.image_size import ImageSize
from vlcalc.core.units import parse_size

if TYPE_CHECKING:
    from vlcalc.runs.run import Run


AnySize = ImageSize | tuple[int, int] | str | Path
AnyRun: TypeAlias = "Run | str | Path"
# Two numbers with something between them are meant as a size, not as the name of a file.
SIZE_LIKE = re.compile(r"\s*[-+]?[\d_.]+\s*(?:[xX]|[^\w.])\s*[-+]?[\d_.]+\s*")


def size_of(image: AnySize | None) -> ImageSize:
    """Return a size of (width, height), of `"1920x1080"`, or of an image file's header.

    Raises:
        InputError: it is no size, or the file cannot be read.
    """
    if isinstance(image, Path):
        return _header_size(image)
    if isinstance(image, str):
        is_name = not is_size(image) and (Path(image).suffix or is_file(image))
        return _header_size(Path(image)) if is_name else parse_size(image, where=Argument("image"))
    sides = tuple(image) if isinstance(image, tuple | list) else ()
    if [type(side) for side in sides] != [int, int]:
        raise InputError(expected="a size (width, height) in whole pixels", got=repr(image)[:60])
    return ImageSize(*sides)


def _header_size(path: Path) -> ImageSize:
    from vlcalc.core.image_headers import read_size  # a size alone need not wait for it

    return read_size(path)


def named_sizes(
    images: Iterable[AnySize], broken: dict[str, str] | None = None
) -> list[tuple[str, ImageSize]]:
    """Return (file or "", size) of sizes, files, folders and globs.

    Args:
        images: sizes as of `size_of`, and names of folders and globs.
        broken: where to note files of folders and globs that cannot be read, with the error;
            without it the first of them is an error.

    Raises:
        InputError: a size that no image has, or a file that is no image.
    """
    from vlcalc.core.image_headers import find_images

    sizes: list[tuple[str, ImageSize]] = []

    def leave_out(error: InputError) -> None:
        if broken is None:
            raise error
        broken[error.where] = str(error)

    for image in images:
        if not isinstance(image, str) or is_size(image):
            sizes.append(("", size_of(image)))
            continue
        for path in find_images(image, leave_out):
            sizes.extend(_sized(path, None if str(path) == image else broken))
    return sizes


def _sized(path: Path, broken: dict[str, str] | None) -> Iterator[tuple[str, ImageSize]]:
    try:
        yield str(path), _header_size(path)
    except InputError as error:
        if broken is None:
            raise
        broken[str(path)] = str(error)


def is_size(text: str) -> bool:
    """Tell whether a text is meant as a size; a file of that name comes first."""
    return bool(SIZE_LIKE.fullmatch(text)) and not exists(text)


def run_of(run: AnyRun, argument: str) -> tuple[Run, Argument]:
    """Return a timed run, or what its file keeps, and its place in errors.

    Raises:
        InputError: the file cannot be read, or keeps something else.
    """
    from vlcalc.runs.file import load_run

    if not isinstance(run, str | Path):
        return run, Argument(argument)
    try:
        return load_run(Path(run), where=argument), Argument(f"{argument} {run}")
    except InputError as error:
        error.where = Argument(error.where)
        raise


def can_trace() -> bool:
    """Return whether modules can be run on the meta device here."""
    return importlib.util.find_spec("torch") is not None


def require_torch(purpose: str) -> None:
    """Refuse to count or time modules where torch or fvcore is missing.

    Args:
        purpose: what needs them, as a verb: `counts modules`.

    Raises:
        InputError: one of them is missing.
    """
    missing = [name for name in ("torch", "fvcore") if importlib.util.find_spec(name) is None]
    if missing:
        from vlcalc.core.install import install_hint

        raise InputError(
            expected=f"the extra `vlcalc[torch]`, which {purpose}",
            got=f"no {' and no '.join(missing)}",
            hint=install_hint(),
        )
