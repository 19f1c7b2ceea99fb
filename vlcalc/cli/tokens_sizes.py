"""`vlcalc tokens --sizes`: the distribution over many images, or a row per size."""

from __future__ import annotations

import gc
from collections.abc import Iterator

from vlcalc.cli.asked import Asked
from vlcalc.cli.output import show, stdout_canvas
from vlcalc.cli.progress import tracked
from vlcalc.cli.tokens_models import RULE_DECIDES, chosen_specs
from vlcalc.core.errors import InputError
from vlcalc.tokens.budget import tiler
from vlcalc.tokens.dataset import (
    CountedModel,
    count_sizes,
    distribution_table,
    each_table,
    histogram_table,
)
from vlcalc.tokens.sizes import Sized, stream_sizes


def run(asked: Asked) -> None:
    """Show what the images of a file or folder cost the models.

    Raises:
        InputError: no model, options that do not go together, or a file that cannot be used.
    """
    gc.enable()
    asked.refuse("tiles", "grid", "merge", "patch", "tile", "thumbnail", hint=RULE_DECIDES)
    asked.refuse("res", "image", "frames", "video", hint="--sizes has its own images")
    asked.refuse("explain", "cost", "check", "sort", hint="--sizes shows a distribution")
    if not asked.model:
        raise InputError(expected="a --model to count for", got="none", where="--sizes")
    specs = chosen_specs(asked.model)
    tilers = {spec.name: tiler(spec, asked.detail) for spec in specs}
    sizes = _sizes(asked)
    if asked.each:
        show([each_table(tilers, sizes)], asked.format, asked.output)
        return
    room = asked.text_tokens + asked.reserve_tokens
    models = [
        CountedModel(spec.name, tilers[spec.name], window, room)
        for spec in specs
        for window in asked.windows or (spec.context_window,)
    ]
    count_sizes(models, sizes)
    table, unicode = distribution_table(models), stdout_canvas().unicode
    histograms = [histogram_table(model, unicode=unicode) for model in models]
    show([table, *histograms], asked.format, asked.output, machines=table)


def _sizes(asked: Asked) -> Iterator[Sized]:
    assert asked.sizes is not None  # `run` is called with --sizes only
    return tracked(stream_sizes(asked.sizes), asked.sizes)
