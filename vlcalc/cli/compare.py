"""`vlcalc compare`: fusion methods side by side, on one encoder and one language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcalc.api import defaults
from vlcalc.cli.edge import show_report, whole_number, words
from vlcalc.cli.options import Dtype, Format, Output


def compare_command(
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAME[,NAME]",
            help="Presets, methods or groups (projection, resampling, inside_llm, early, late, "
            "pipeline, all).",
        ),
    ] = ",".join(defaults.METHODS),
    vision: Annotated[
        str, typer.Option(metavar="NAME", help="Vision encoder by name.")
    ] = defaults.VISION,
    language: Annotated[
        str, typer.Option(metavar="NAME", help="Language model by name.")
    ] = defaults.LANGUAGE,
    image: Annotated[
        str | None,
        typer.Option(metavar="WxH|FILE", help="Image, cut into tiles of the encoder's size."),
    ] = None,
    res: Annotated[
        str | None, typer.Option(metavar="R", help="Side of a tile in pixels; the encoder's own.")
    ] = None,
    tiles: Annotated[
        int | None, typer.Option(metavar="N", help="Number of tiles; a thumbnail comes on top.")
    ] = None,
    text: Annotated[str, typer.Option(metavar="N", help="Tokens of text in the prompt.")] = str(
        defaults.TEXT_TOKENS
    ),
    batch: Annotated[int, typer.Option(metavar="N", help="Prompts at once, an image each.")] = (
        defaults.BATCH_SIZE
    ),
    dtype: Dtype = defaults.DTYPE,
    attention: Annotated[
        str, typer.Option(metavar="math|flash|efficient", help="Backend of peak activations.")
    ] = defaults.ATTENTION,
    sort: Annotated[
        str | None, typer.Option(metavar="KEY", help="Sort by a column; -KEY: largest first.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="KEY[,KEY]",
            help="Columns, or a group: overview, tokens, compute, memory, all.",
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="NAME", help="Show every figure as a ratio to a method.")
    ] = None,
    pareto: Annotated[
        str | None,
        typer.Option(metavar="X,Y", help="Mark what nothing beats in these columns (-X: larger)."),
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Add the timings of a run of `vlcalc bench --save`."
        ),
    ] = None,
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Compare fusion methods: parameters, tokens, FLOPs, memory, on one encoder and one LLM."""
    from vlcalc.api.compare import compare
    from vlcalc.core.units import parse_count

    result = compare(
        methods.split(","),
        vision=vision,
        language=language,
        image=image,
        tile_px=whole_number(res, "res", minimum=1),
        num_tiles=tiles,
        text_tokens=parse_count(text, where="--text"),
        batch_size=batch,
        dtype=dtype,
        attention=attention,
        measured=measured,
        columns=words(columns),
        sort=sort,
        baseline=baseline,
        pareto=words(pareto),
    )
    show_report(result.report(), format, output)
