"""Specs x images x windows -> rows of token budgets; a refusal is a row, not an end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from vlcalc.core.errors import VlcalcError
from vlcalc.core.image_size import ImageSize
from vlcalc.spec.schema import Spec
from vlcalc.tokens.budget import Request, TokenBudget, budget


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One model with one size of image.

    Attributes:
        model: name of the spec.
        image: the size; None where it could not be read, or text stands alone.
        file: where the size was read from; "" when it was given.
        budget: what it costs; None where the model refuses it.
        error: why there is no budget; "" where there is one.
    """

    model: str
    image: ImageSize | None
    file: str = ""
    budget: TokenBudget | None = None
    error: str = ""


def token_rows(
    specs: Sequence[Spec],
    images: Iterable[tuple[str, ImageSize | None]],
    request: Request,
    context_windows: Sequence[int] = (),
) -> Iterator[Row]:
    """Yield a row for each image, model and window (the model's own where none is given).

    Args:
        specs: architectures and hosted APIs.
        images: (file or "", size) of the images; without a size where text stands alone.
        request: how many images, how much text; its window gives way to `context_windows`.
        context_windows: windows to measure against instead of the models' own.
    """
    for file, image in images:
        for spec in specs:
            for window in context_windows or (request.context_window,):
                yield row_of(spec, image, replace(request, context_window=window), file)


def row_of(spec: Spec, image: ImageSize | None, request: Request, file: str = "") -> Row:
    """Return the row of one model and one size."""
    try:
        tokens = budget(spec, image, request)
    except VlcalcError as error:
        return Row(model=spec.name, image=image, file=file, error=str(error))
    return Row(model=spec.name, image=image, file=file, budget=tokens)
