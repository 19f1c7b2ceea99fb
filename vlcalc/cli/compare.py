"""`vlcalc compare`: fusion methods side by side, on one encoder and one language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlcalc.cli.options import Dtype, Format, Output

if TYPE_CHECKING:
    from vlcalc.comparison.setting import Setting

DEFAULT_METHODS = (
    "linear,mlp,pixel_shuffle,pooled_projector,c_abstractor,perceiver,q_former,"
    "cross_attention_resampler,gated_cross_attention,gated_xattn_dense"
)


def command(
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAME[,NAME]",
            help="Presets, methods or groups (projection, resampling, inside_llm, early, late, "
            "pipeline, all).",
        ),
    ] = DEFAULT_METHODS,
    vision: Annotated[
        str, typer.Option(metavar="NAME", help="Vision encoder by name.")
    ] = "clip-vit-l-14-336",
    language: Annotated[
        str, typer.Option(metavar="NAME", help="Language model by name.")
    ] = "vicuna-7b-v1.5",
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
    text: Annotated[str, typer.Option(metavar="N", help="Tokens of text in the prompt.")] = "50",
    batch: Annotated[int, typer.Option(metavar="N", help="Prompts at once, an image each.")] = 1,
    dtype: Dtype = "bfloat16",
    attention: Annotated[
        str, typer.Option(metavar="math|flash|efficient", help="Backend of peak activations.")
    ] = "flash",
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
    from importlib.util import find_spec

    from vlcalc.api.sizes import size_of
    from vlcalc.cli.output import show
    from vlcalc.comparison.columns import ACTIVATIONS_KEY, COLUMNS, comparison_table
    from vlcalc.comparison.columns import pareto as unbeaten
    from vlcalc.comparison.methods import compare_methods
    from vlcalc.comparison.setting import make_setting
    from vlcalc.core.dtypes import parse_dtype
    from vlcalc.core.units import parse_count
    from vlcalc.runs.file import load_run
    from vlcalc.runs.timed_comparison import TIMED_COLUMNS, timed_rows, timing_notes
    from vlcalc.spec.parts import chosen_methods, load_language, load_vision

    setting = make_setting(
        load_vision(vision),
        load_language(language),
        image=None if image is None else size_of(image, where="--image"),
        tile_px=None if res is None else parse_count(res, where="--res", minimum=1),
        num_tiles=tiles,
        text_tokens=parse_count(text, where="--text"),
        batch_size=batch,
        dtype=parse_dtype(dtype, where="--dtype"),
        attention=attention,
    )
    keys = None if columns is None else columns.split(",")
    run = load_run(measured, where="--measured") if measured else None
    known = TIMED_COLUMNS if run else COLUMNS
    needed = {metric.column.key for metric in known.chosen(keys)}
    needed |= {key.strip("-") for key in (sort or "", *(pareto or "").split(","))}
    # Only peak activations run the modules: without them, and without torch, closed forms do.
    activations = ACTIVATIONS_KEY in needed and find_spec("torch") is not None
    rows = compare_methods(chosen_methods(methods.split(",")), setting, activations=activations)
    notes: list[str] = []
    if run:
        timed = timed_rows(rows, setting, run, where=f"--measured {measured}")
        rows, notes = [*timed], timing_notes(timed, run)
    if sort is not None:
        rows = known.sorted(rows, sort, where="--sort")
    table = comparison_table(
        rows,
        columns=keys,
        known=known,
        baseline=baseline,
        unbeaten=None if pareto is None else unbeaten(rows, pareto.split(","), known=known),
        title=_title(setting),
        attention=attention,
        notes=notes,
    )
    show([table], format, output)


def _title(setting: Setting) -> str:
    views = f"{setting.num_views} x " if setting.num_views > 1 else ""
    return (
        f"{setting.vision.title or setting.vision.name} -> "
        f"{setting.language.title or setting.language.name}: "
        f"{views}{setting.columns}x{setting.rows} visual tokens, "
        f"{setting.text_tokens} text tokens, batch {setting.batch_size}, {setting.dtype}"
    )
