"""Many images at once: their distribution of token counts per model, or a row for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vlcalc.core.errors import VlcalcError
from vlcalc.core.image_size import ImageSize
from vlcalc.report.table import Column, Table
from vlcalc.tiling.base import Tiling
from vlcalc.tokens.distribution import Distribution, bar
from vlcalc.tokens.sizes import Sized

Tile = Callable[[ImageSize], Tiling]

EACH_COLUMNS = (
    Column("model", "model", "text"),
    Column("width", "width"),
    Column("height", "height"),
    Column("count", "count"),
    Column("image_tokens", "image tokens"),
    Column("extra_tokens", "extra tokens"),
    Column("context_tokens", "context tokens"),
    Column("num_tiles", "tiles"),
    Column("file", "file", "text"),
    Column("error", "error", "text"),
)
DISTRIBUTION_COLUMNS = (
    Column("model", "model", "text"),
    Column("num_images", "images"),
    Column("num_refused", "refused", priority=5),
    Column("min_tokens", "min"),
    Column("median_tokens", "median"),
    Column("p95_tokens", "p95"),
    Column("p99_tokens", "p99"),
    Column("max_tokens", "max"),
    Column("mean_tokens", "mean", "ratio"),
    Column("total_tokens", "total", priority=7),
    Column("context_window", "window", priority=6),
    Column("overflow_share", "over-full", "share"),
)
HISTOGRAM_COLUMNS = (
    Column("from_tokens", "from"),
    Column("to_tokens", "to"),
    Column("num_images", "images"),
    Column("bar", "", "text"),
)


@dataclass(slots=True)
class CountedModel:
    """A model that images are counted for.

    Attributes:
        model: name of the spec.
        tile: its rule, as a function.
        context_window: window that an image may overflow; None when not known.
        taken_tokens: text and reserve, which an image has to leave free.
        distribution: what was counted so far.
        first_refusal: why the first image that was refused was; "" where none was.
    """

    model: str
    tile: Tile
    context_window: int | None
    taken_tokens: int = 0
    distribution: Distribution = field(default_factory=Distribution)
    first_refusal: str = ""

    def refuse(self, count: int, reason: str) -> None:
        """Count images that have no tokens."""
        self.distribution.num_refused += count
        self.first_refusal = self.first_refusal or reason

    @property
    def room(self) -> int | None:
        """Tokens that one image may take."""
        return None if self.context_window is None else self.context_window - self.taken_tokens


def count_sizes(models: Sequence[CountedModel], sizes: Iterable[Sized]) -> None:
    """Count every size for every model; a size that cannot be used counts as refused."""
    for size, count, _, unreadable in sizes:
        for model in models:
            if size is None:
                model.refuse(count, unreadable)
                continue
            try:
                tiling = model.tile(size)
            except VlcalcError as refusal:
                model.refuse(count, str(refusal))
            else:
                model.distribution.add(tiling.image_tokens + tiling.extra_tokens, count)


def distribution_table(models: Sequence[CountedModel]) -> Table:
    """Return a row for each model."""
    notes = ["Tokens of one image in the sequence, image and extra; quantiles by nearest rank."]
    refusals = {counted.model: counted.first_refusal for counted in models if counted.first_refusal}
    notes += [f"The first that {model} refuses: {reason}." for model, reason in refusals.items()]
    rows = [_cells(model) for model in models]
    over = frozenset(i for i, row in enumerate(rows) if row[-1])
    return Table(DISTRIBUTION_COLUMNS, rows, notes=tuple(notes), alerts=over)


def histogram_table(model: CountedModel, *, unicode: bool = True) -> Table:
    """Return a row for each bin of a model's distribution, with a bar."""
    bins = model.distribution.histogram()
    most = max((images for *_, images in bins), default=0)
    rows = [(*cell, bar(cell[-1], most, unicode=unicode)) for cell in bins]
    return Table(HISTOGRAM_COLUMNS, rows, title=model.model)


def _cells(model: CountedModel) -> tuple[Any, ...]:
    distribution = model.distribution
    return (
        model.model,
        distribution.num_images,
        distribution.num_refused,
        min(distribution.counts, default=None),
        *(distribution.quantile(percent) for percent in (50, 95, 99)),
        max(distribution.counts, default=None),
        distribution.mean_tokens,
        distribution.total_tokens,
        model.context_window,
        distribution.share_above(model.room),
    )


def each_table(tilers: Mapping[str, Tile], sizes: Iterable[Sized]) -> Table:
    """Return a row for each size and model, streamed; errors are rows."""
    return Table(EACH_COLUMNS, _each(tilers, sizes))


def _each(tilers: Mapping[str, Tile], sizes: Iterable[Sized]) -> Iterator[tuple[Any, ...]]:
    for size, count, file, error in sizes:
        for model, tile in tilers.items():
            if size is None:
                yield model, None, None, count, None, None, None, None, file, error
                continue
            try:
                tiling = tile(size)
            except VlcalcError as refusal:
                yield model, *size, count, None, None, None, None, file or None, str(refusal)
            else:
                counts = tiling.image_tokens, tiling.extra_tokens, tiling.context_tokens
                yield model, *size, count, *counts, tiling.num_tiles or None, file or None, None
