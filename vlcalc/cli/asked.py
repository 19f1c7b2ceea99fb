"""What the user asked of `vlcalc tokens`, read once at the edge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vlcalc.core import units
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize

# Two numbers with something between them are meant as a size, not as the name of a file.
SIZE_LIKE = re.compile(r"\s*[-+]?[\d_.]+\s*(?:[xX]|[^\w.])\s*[-+]?[\d_.]+\s*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The options of `vlcalc tokens` as the user typed them."""

    res: str | None
    patch: int | None
    tiles: int | None
    grid: str | None
    thumbnail: bool | None
    merge: int | None
    tile: int | None
    model: list[str]
    image: list[str]
    images: int
    frames: int | None
    video: tuple[str, str] | None
    text: str
    reserve: str
    context: str | None
    detail: str | None
    cost: bool
    sort: str | None
    explain: bool
    sizes: Path | None
    each: bool
    check: bool
    format: str
    output: Path | None

    @property
    def text_tokens(self) -> int:
        """Tokens of text in the prompt."""
        return units.parse_count(self.text, where="--text")

    @property
    def reserve_tokens(self) -> int:
        """Tokens kept free for the answer."""
        return units.parse_count(self.reserve, where="--reserve")

    @property
    def windows(self) -> tuple[int, ...]:
        """Context windows asked for; none means the models' own, or the reference ones."""
        if self.context is None:
            return ()
        return units.parse_counts(self.context, where="--context")

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Sides of `--res` in pixels."""
        return units.parse_counts(self.res or "", where="--res", minimum=1)

    def refuse(self, *options: str, hint: str) -> None:
        """Refuse options that do not go with the rest.

        Raises:
            InputError: one of them was given.
        """
        for option in options:
            value = getattr(self, option)
            if value is None or value is False or value == []:
                continue
            typed = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            got = f"--{option}" if value is True else f"`{typed}`"
            raise InputError(expected=f"no --{option} here", got=got, hint=hint)

    def check_not_empty(self) -> None:
        """Refuse options that were given without a value.

        Raises:
            InputError: one of them is empty.
        """
        texts = ("res", "grid", "context", "detail", "sort", "text", "reserve", "model", "image")
        for option in texts:
            value = getattr(self, option)
            if value == "" or (isinstance(value, list) and "" in value):
                raise InputError(expected="a value", got="nothing", where=f"--{option}")


def is_size(text: str) -> bool:
    """Tell whether an `--image` is meant as a size; a file of that name comes first."""
    return bool(SIZE_LIKE.fullmatch(text)) and not Path(text).exists()


def image_sizes(
    patterns: list[str], broken: dict[str, str] | None = None
) -> list[tuple[str, ImageSize]]:
    """Return (file or "", size) of sizes, files, folders and globs.

    Args:
        patterns: what `--image` was given.
        broken: where to note files of folders and globs that cannot be read, with the error;
            without it the first of them is an error.

    Raises:
        InputError: a size that no image has, or a file that is no image.
    """
    from vlcalc.core.image_headers import find_images

    sizes: list[tuple[str, ImageSize]] = []
    for pattern in patterns:
        if is_size(pattern):
            sizes.append(("", units.parse_size(pattern, where="--image")))
            continue
        for path in find_images(pattern):
            noted = None if str(path) == pattern else broken
            sizes.extend(_size_of(path, noted))
    return sizes


def _size_of(path: Path, broken: dict[str, str] | None) -> Iterator[tuple[str, ImageSize]]:
    from vlcalc.core.image_headers import read_size

    try:
        yield str(path), read_size(path)
    except InputError as error:
        if broken is None:
            raise
        broken[str(path)] = str(error)
