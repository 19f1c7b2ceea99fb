"""What `vlcalc bench` was asked to time: options read once at the edge, and the cases they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlcalc.api.loads import model_of
from vlcalc.api.sizes import size_of
from vlcalc.core.dtypes import parse_dtype
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.core.units import parse_count, parse_counts
from vlcalc.spec.parts import chosen_methods, load_language, load_vision

if TYPE_CHECKING:
    from vlcalc.measurement.targets import Case


DEFAULT_VISION = "clip-vit-l-14-336"
DEFAULT_LANGUAGE = "vicuna-7b-v1.5"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The options of `vlcalc bench` that say what to time, as the user typed them."""

    model: str | None
    methods: str | None
    vision: str | None
    language: str | None
    image: str | None
    res: str | None
    tiles: str | None
    text: str
    batch: str
    dtype: str

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The number formats, each once."""
        names = self.dtype.split(",")
        return tuple(dict.fromkeys(parse_dtype(name, where="--dtype") for name in names))

    @property
    def images(self) -> tuple[ImageSize, ...]:
        """The sizes of `--image`."""
        sizes = () if self.image is None else self.image.split(",")
        return tuple(size_of(size, where="--image") for size in sizes)

    def numbers(self, option: str) -> tuple[int, ...]:
        """Return the whole numbers of an option; none where it was not given."""
        text: str | None = getattr(self, option)
        return () if text is None else parse_counts(text, where=f"--{option}")


def asked_cases(asked: Asked) -> list[Case]:
    """Return the cases that the options ask for.

    Raises:
        InputError: an unknown name, a size or count that cannot be, or one that does not go along.
        SpecError: a YAML file that is not valid.
    """
    from vlcalc.measurement.bench import cases_of
    from vlcalc.measurement.targets import Choices

    for option in ("vision", "language"):
        name = getattr(asked, option)
        if name is not None and asked.methods is None:
            raise InputError(
                expected="methods that are put on it",
                got=f"`{name}`",
                where=f"--{option}",
                hint="a model has parts of its own; `--methods` names fusion methods",
            )
    choices = Choices(
        images=asked.images,
        tile_sides_px=asked.numbers("res") or (None,),
        num_tiles=asked.numbers("tiles") or (None,),
        batch_sizes=asked.numbers("batch"),
        dtypes=asked.dtypes,
        text_tokens=parse_count(asked.text, where="--text"),
    )
    return cases_of(
        None if asked.model is None else model_of(asked.model),
        () if asked.methods is None else chosen_methods(asked.methods.split(",")),
        load_vision(asked.vision or DEFAULT_VISION),
        load_language(asked.language or DEFAULT_LANGUAGE),
        choices,
    )
