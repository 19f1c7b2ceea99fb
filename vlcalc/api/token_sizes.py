"""`vlcalc.token_distribution` and `each_size`: what many images at once cost models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlcalc.api.tokens import chosen_specs
from vlcalc.report.report import Report
from vlcalc.spec.schema import Spec
from vlcalc.tokens.budget import tiler
from vlcalc.tokens.dataset import (
    CountedModel,
    count_sizes,
    distribution_table,
    each_table,
    histogram_table,
)
from vlcalc.tokens.sizes import Sized, stream_sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenDistribution:
    """How many tokens the images of a data set take, per model and window."""

    counted: Sequence[CountedModel]

    def report(self, *, unicode: bool = True) -> Report:
        """Return a row for each model and window, then a histogram of each.

        Args:
            unicode: whether bars may have more than the letters of ASCII.
        """
        table = distribution_table(self.counted)
        histograms = [histogram_table(model, unicode=unicode) for model in self.counted]
        return Report(tables=[table, *histograms], machines=table)


def token_distribution(
    models: Sequence[str | Spec],
    sizes: str | Path | Iterable[Sized],
    *,
    context_windows: Sequence[int] = (),
    text_tokens: int = 0,
    reserve_tokens: int = 0,
    detail: str | None = None,
    overrides: Mapping[str, object] | None = None,
) -> TokenDistribution:
    """Return what the images of a file or folder cost models.

    Args:
        models: specs, names and files, or the groups `all` (open models) and `apis`.
        sizes: a CSV file with `width`, `height` and perhaps `count`, a folder of images, or sizes.
        context_windows: windows that images may overflow, instead of the models' own.
        text_tokens: tokens of text beside each image.
        reserve_tokens: room kept free for the answer.
        detail: detail level of a hosted API.
        overrides: keys of each model's spec by dotted path, with other values.

    Raises:
        InputError: an unknown name, or a file that cannot be used.
        SpecError: a model's YAML file is not valid.
    """
    counted = [
        CountedModel(spec.name, tiler(spec, detail), window, text_tokens + reserve_tokens)
        for spec in chosen_specs(models, overrides)
        for window in context_windows or (spec.context_window,)
    ]
    count_sizes(counted, _stream(sizes))
    return TokenDistribution(counted=counted)


def each_size(
    models: Sequence[str | Spec],
    sizes: str | Path | Iterable[Sized],
    *,
    detail: str | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Report:
    """Return a row for each size and model, streamed; raises as `token_distribution`."""
    tilers = {spec.name: tiler(spec, detail) for spec in chosen_specs(models, overrides)}
    return Report(tables=[each_table(tilers, _stream(sizes))])


def _stream(sizes: str | Path | Iterable[Sized]) -> Iterable[Sized]:
    return stream_sizes(Path(sizes)) if isinstance(sizes, str | Path) else sizes
