"""`vlcalc.tokens` and its like: what images cost models, and what is left of their windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from vlcalc.api import defaults
from vlcalc.api.argument import Argument
from vlcalc.api.arguments import AnySize, named_sizes, size_of
from vlcalc.api.overrides import spec_with
from vlcalc.core.errors import InputError, VlcalcError
from vlcalc.core.image_size import ImageSize
from vlcalc.report.report import Report
from vlcalc.spec import catalogue
from vlcalc.spec.loader import build_entry
from vlcalc.spec.schema import Spec
from vlcalc.tiling.base import Footage
from vlcalc.tokens.budget import Request, TokenBudget, budget
from vlcalc.tokens.columns import COLUMNS, sorted_token_rows, token_table
from vlcalc.tokens.rows import Row, token_rows

if TYPE_CHECKING:
    from typing_extensions import Unpack

GROUPS = {"all": "model", "apis": "api"}


class PromptOptions(TypedDict, total=False):
    """What stands in a prompt.

    Attributes:
        num_images: images of that size; 1, and 0 for text alone.
        num_frames: frames of a video of that size, in place of images.
        clip: seconds of a video and the frames a second that it is sampled at; a model's cap on
            frames holds.
        text_tokens: tokens of text; 0.
        reserve_tokens: room kept free for the answer; 0.
        context_window: the window to measure against instead of the model's own.
        detail: detail level of a hosted API.
    """

    num_images: int
    num_frames: int | None
    clip: tuple[float, float] | None
    text_tokens: int
    reserve_tokens: int
    context_window: int | None
    detail: str | None


def tokens(
    model: str | Spec,
    image: AnySize | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    **prompt: Unpack[PromptOptions],
) -> TokenBudget:
    """Return what an image costs a model, exactly, and what is left of its window.

    >>> import vlcalc
    >>> vlcalc.tokens("llava-1.5", (1920, 1080)).image_tokens
    576

    Args:
        model: a spec, or a name that `load_spec` knows, or the path of a YAML file.
        image: a size as (width, height) or `"1920x1080"`, or an image file, of which only the
            header is read; None beside `num_images=0`.
        overrides: keys of the spec by dotted path, with other values: `{"tiling.max_pixels": ...}`.
        prompt: what else stands in the prompt: `PromptOptions`.

    Raises:
        InputError: a size, file, number or name that cannot be.
        SpecError: the model's YAML file is not valid.
        RefusedError: the model's processor refuses such an image.
    """
    request = _request(**prompt)
    size = None if image is None and is_text(request) else size_of(image)
    return budget(spec_with(model, overrides), size, request)


def is_text(request: Request) -> bool:
    """Return whether neither images nor frames are in a prompt."""
    return not request.num_shown and request.footage is None


def _request(
    *,
    num_images: int = 1,
    num_frames: int | None = None,
    clip: tuple[float, float] | None = None,
    text_tokens: int = 0,
    reserve_tokens: int = 0,
    context_window: int | None = None,
    detail: str | None = None,
) -> Request:
    if (num_frames is not None or clip is not None) and num_images != 1:
        raise InputError(
            expected="frames or images, not both",
            got=f"{num_images} images",
            where=Argument("num_frames"),
        )
    return Request(
        num_images=num_images,
        num_frames=num_frames,
        footage=None if clip is None else Footage(*clip),
        text_tokens=text_tokens,
        reserve_tokens=reserve_tokens,
        context_window=context_window,
        detail=detail,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCounts:
    """What images cost models: a row for each image, model and window."""

    rows: Sequence[Row]

    @property
    def overfull(self) -> list[Row]:
        """The rows that do not fit their window, or that the model refuses."""
        return [row for row in self.rows if row.error or (row.budget and row.budget.fits is False)]

    def report(self, *, prices: bool = False) -> Report:
        """Return the table of the rows, with prices or without."""
        return Report(tables=[token_table(self.rows, prices=prices)])


def count_tokens(
    models: Sequence[str | Spec],
    images: Sequence[AnySize] = (),
    *,
    context_windows: Sequence[int] = (),
    sort: str | None = None,
    overrides: Mapping[str, object] | None = None,
    against: bool = False,
    **prompt: Unpack[PromptOptions],
) -> TokenCounts:
    """Return what images cost models, a row each; what a model refuses is a row with its error.

    Args:
        models: specs, names and files, or the groups `all` (open models) and `apis`.
        images: sizes, image files, folders and globs; five usual sizes by default.
        context_windows: windows to measure against instead of the models' own.
        sort: key of the column to sort by; largest first with `-` before it.
        overrides: keys of each model's spec by dotted path, with other values.
        against: whether to count each model without these as well, before it.
        prompt: what else stands in the prompt: `PromptOptions`.

    Raises:
        InputError: a size, file, number, name or key that cannot be.
        SpecError: a model's YAML file is not valid.
        VlcalcError: no model takes any of the images.
    """
    if sort is not None:
        COLUMNS.named(sort.removeprefix("-"), where=Argument("sort"))
    if against and not overrides:
        raise InputError(
            expected="settings to compare with none", got="none", where=Argument("against")
        )
    specs = chosen_specs(models, overrides, against=against)
    request = _request(**prompt)
    broken: dict[str, str] = {}
    sizes = _sizes(images, request, broken)
    rows = list(token_rows(specs, sizes, request, context_windows))
    rows += [
        Row(model=spec.name, image=None, file=file, error=error)
        for file, error in broken.items()
        for spec in specs
    ]
    if all(row.error for row in rows):
        errors = dict.fromkeys(f"{row.model}: {row.error}" for row in rows)
        raise VlcalcError("\n".join(errors))
    return TokenCounts(rows=sorted_token_rows(rows, sort) if sort else rows)


def explain_tokens(
    models: Sequence[str | Spec],
    images: Sequence[AnySize] = (),
    *,
    overrides: Mapping[str, object] | None = None,
    **prompt: Unpack[PromptOptions],
) -> Report:
    """Return the chain from pixels to tokens of each model and image, a step a line.

    Args:
        models: as of `count_tokens`, like the rest.
        images: sizes, image files, folders and globs; what cannot be read of these is left out.
        overrides: keys of each model's spec by dotted path, with other values.
        prompt: what else stands in the prompt: `PromptOptions`.

    Raises:
        InputError: a size, file, number or name that cannot be.
        SpecError: a model's YAML file is not valid.
        RefusedError: a model's processor refuses an image.
    """
    from vlcalc.tokens.explain import explain_table

    specs, request = chosen_specs(models, overrides), _request(**prompt)
    sizes = _sizes(images, request, {})
    return Report(
        tables=[explain_table(spec, size, request) for spec in specs for _, size in sizes]
    )


def _sizes(
    images: Sequence[AnySize], request: Request, broken: dict[str, str]
) -> list[tuple[str, ImageSize | None]]:
    """Return (file or "", size) of images; usual sizes, or none beside text alone, by default."""
    if images:
        return [*named_sizes(images, broken)]
    if is_text(request):
        return [("", None)]
    return [("", ImageSize(*size)) for size in defaults.SIZES]


def chosen_specs(
    models: Iterable[str | Spec],
    overrides: Mapping[str, object] | None = None,
    *,
    against: bool = False,
) -> list[Spec]:
    """Return the specs that names, files and groups stand for, each once.

    Args:
        models: specs, names and files, or groups.
        overrides: keys of each spec by dotted path, with other values.
        against: whether each stands before itself with these, as it is.

    Raises:
        InputError: an unknown name or key, a value that cannot be, or a group whose members would
            need to have the same keys. SpecError: a file that is not valid.
    """
    ways = (None, overrides) if against else (overrides,)
    specs = (spec for model in models for way in ways for spec in _specs_of(model, way))
    return list({spec.name: spec for spec in specs}.values())


def _specs_of(model: str | Spec, overrides: Mapping[str, object] | None) -> Iterator[Spec]:
    if not isinstance(model, str) or model not in GROUPS:
        yield spec_with(model, overrides)
        return
    if overrides:
        raise InputError(
            expected="a model by name beside it", got=f"`{model}`", where=Argument("overrides")
        )
    yield from (build_entry(entry) for entry in catalogue.entries(GROUPS[model]))
