"""`vlcalc tokens`: what an image costs, and what is left of the context window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcalc.cli.asked import Asked
from vlcalc.cli.options import Format, Output

HELP = """Count the visual tokens of images, exactly, and what is left of the context window.

Without --model it is a calculator: tiles of --res pixels, or an --image cut into tiles. With
--model it follows the rule of that model's own processor. Without anything it prints two
reference tables.
"""

Opt = typer.Option


def command(
    model: Annotated[
        list[str] | None,
        Opt(
            "--model",
            "-m",
            metavar="NAME",
            help="Model by name, alias or YAML file; repeatable. "
            "`all`: every open model, `apis`: every hosted API.",
        ),
    ] = None,
    image: Annotated[
        list[str] | None,
        Opt(
            "--image",
            "-i",
            metavar="WxH|FILE",
            help="Size, image file, folder or glob; repeatable.",
        ),
    ] = None,
    images: Annotated[int, Opt(metavar="N", help="Images of that size in the prompt.")] = 1,
    frames: Annotated[
        int | None, Opt(metavar="N", help="Frames of a video of that size, as sampled.")
    ] = None,
    video: Annotated[
        tuple[str, str] | None,
        Opt(metavar="SECONDS@FPS WxH", help="Video sampled at FPS; a model's cap on frames holds."),
    ] = None,
    text: Annotated[str, Opt(metavar="N", help="Tokens of text in the prompt.")] = "0",
    reserve: Annotated[str, Opt(metavar="N", help="Tokens kept free for the answer.")] = "0",
    context: Annotated[
        str | None, Opt(metavar="N[,N]", help="Context windows, e.g. 4096,32K (K = 1,024).")
    ] = None,
    detail: Annotated[
        str | None, Opt(metavar="LEVEL", help="Detail level of hosted APIs: low, high, auto...")
    ] = None,
    cost: Annotated[
        bool, Opt("--cost", help="Show the price per image and per thousand images.")
    ] = False,
    res: Annotated[
        str | None,
        Opt(metavar="R[,R]", help="Side of one tile in pixels; with --model, of a square image."),
    ] = None,
    patch: Annotated[
        int | None, Opt(metavar="P", help="Side of a patch in pixels.  [default: 14]")
    ] = None,
    tiles: Annotated[
        int | None, Opt(metavar="N", help="Number of tiles, the thumbnail not counted.")
    ] = None,
    grid: Annotated[str | None, Opt(metavar="CxR", help="Grid of tiles, columns x rows.")] = None,
    thumbnail: Annotated[
        bool | None,
        Opt(
            "--thumbnail/--no-thumbnail",
            help="Encode the whole image as one more tile; on when there is more than one.",
        ),
    ] = None,
    merge: Annotated[
        int | None, Opt(metavar="M", help="Merge M x M patches into one token.  [default: 1]")
    ] = None,
    tile: Annotated[
        int | None, Opt(metavar="PX", help="Cut the --image into tiles of PX pixels.")
    ] = None,
    explain: Annotated[
        bool, Opt("--explain", help="Show the chain from pixels to tokens, a step a line.")
    ] = False,
    sizes: Annotated[
        Path | None,
        Opt(
            metavar="FILE",
            help="CSV (width, height, optional count) or folder of images: show the distribution.",
        ),
    ] = None,
    each: Annotated[bool, Opt("--each", help="With --sizes: a row per size instead.")] = False,
    sort: Annotated[
        str | None, Opt(metavar="KEY", help="Sort by a column's CSV name; -KEY: largest first.")
    ] = None,
    check: Annotated[
        bool, Opt("--check", help="Exit with 1 when a row does not fit its window.")
    ] = False,
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Gather the options and run the mode that they mean; typer shows `HELP` instead."""
    asked = Asked(**{**locals(), "model": model or [], "image": image or []})
    asked.check_not_empty()
    if sizes is not None:
        from vlcalc.cli.tokens_sizes import run
    elif model:
        from vlcalc.cli.tokens_models import run
    else:
        from vlcalc.cli.tokens_calculator import run
    run(asked)


command.__doc__ = HELP
