"""`vlcalc tokens`: what an image costs, and what is left of the context window."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated, Any

import typer

from vlcalc.cli.edge import given, refuse, settings, show_report, text_length, whole_numbers
from vlcalc.cli.options import Format, Output, Prompt, Set
from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.core.units import parse_clip, parse_count, parse_grid, parse_size

HELP = """Count the visual tokens of images, exactly, and what is left of the context window.

Without --model it is a calculator: tiles of --res pixels, or an --image cut into tiles. With
--model it follows the rule of that model's own processor. Without anything it prints two
reference tables.
"""

RULE_DECIDES = "the model's own rule decides how an image is cut; give --image WxH"

Opt = typer.Option


def tokens_command(
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
    text: Annotated[str | None, Opt(metavar="N", help="Tokens of text in the prompt; 0.")] = None,
    prompt: Prompt = None,
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
    set: Set = None,  # noqa: A002
    against: Annotated[
        bool, Opt("--against", help="Show the model without --set as well, before it.")
    ] = False,
    format: Format = "table",  # noqa: A002
    output: Output = None,
) -> None:
    """Gather the options and run the mode that they mean; typer shows `HELP` instead."""
    options = dict(locals())
    single = model[0] if model and len(model) == 1 else None
    request = {
        "text_tokens": text_length(text, prompt, single) or 0,
        "reserve_tokens": parse_count(reserve, where="--reserve"),
        "context_windows": whole_numbers(context, "context"),
    }
    if model:
        refuse(options, ("tiles", "grid", "merge", "patch", "tile", "thumbnail"), hint=RULE_DECIDES)
    if sizes is not None:
        _show_sizes(options, request)
    elif model:
        _show_models(options, request)
    else:
        _show_tiles(options, request)


tokens_command.__doc__ = HELP


def _show_tiles(options: dict[str, Any], prompt: dict[str, Any]) -> None:
    """Show what tiles cost, or two reference tables where nothing is asked.

    Raises:
        InputError: options that cannot be, or that do not go together.
    """
    from vlcalc.api.calculator import calculate_tiles, reference_tiles

    of_models = ("frames", "video", "detail", "cost", "sort", "each", "set", "against")
    refuse(options, of_models, hint="it needs a --model")
    images, sides_px = options["image"], whole_numbers(options["res"], "res")
    if not (sides_px or images or options["tiles"] is not None or options["grid"]):
        alone = ("merge", "patch", "thumbnail", "tile")
        refuse(options, alone, hint="give --res or --image as well")
        show_report(reference_tiles(), options["format"], options["output"])
        return
    if images:
        refuse(options, ("res", "tiles", "grid"), hint="an --image is cut by --tile")
    else:
        refuse(options, ("tile",), hint="it cuts an --image; --res is the side of a tile")
    grid = options["grid"]
    result = calculate_tiles(
        num_images=options["images"],
        **prompt,
        **given(
            sides_px=sides_px or None,
            images=images,
            tile_px=options["tile"],
            patch_px=options["patch"],
            merge=options["merge"],
            num_tiles=options["tiles"],
            grid=None if grid is None else parse_grid(grid, where="--grid"),
            thumbnail=options["thumbnail"],
        ),
    )
    show_report(result.report(explain=options["explain"]), options["format"], options["output"])
    if options["check"] and result.overfull:
        raise InputError(
            expected="every window to hold text, images and reserve",
            got=", ".join(f"{window:,} over-full" for window in result.overfull),
            where="--check",
        )


def _show_models(options: dict[str, Any], prompt: dict[str, Any]) -> None:
    """Show what images cost models, or the chain of steps.

    Raises:
        InputError: options that cannot be, or that do not go together; no model takes the image.
    """
    from vlcalc.api.tokens import count_tokens, explain_tokens

    refuse(options, ("each",), hint="it goes with --sizes")
    images = [ImageSize(side, side) for side in whole_numbers(options["res"], "res")]
    images += options["image"] or []
    clip = None
    if options["video"] is not None:
        refuse(options, ("image", "res", "frames"), hint="--video has its own size and frames")
        clip = parse_clip(options["video"][0], where="--video")
        images = [parse_size(options["video"][1], where="--video")]
    windows = prompt.pop("context_windows")
    prompt |= given(
        images=images or None, num_frames=options["frames"], clip=clip, detail=options["detail"]
    )
    prompt["num_images"] = options["images"]
    prompt["overrides"] = settings(options["set"])
    if options["explain"]:
        refuse(
            options,
            ("check", "sort", "cost", "against"),
            hint="--explain shows the chain of one image",
        )
        report = explain_tokens(options["model"], **prompt)
        show_report(report, options["format"], options["output"])
        return
    result = count_tokens(
        options["model"],
        context_windows=windows,
        sort=options["sort"],
        against=options["against"],
        **prompt,
    )
    show_report(result.report(prices=options["cost"]), options["format"], options["output"])
    if options["check"] and result.overfull:
        first = ", ".join(f"{row.model} {row.image}" for row in result.overfull[:5])
        more = f" and {len(result.overfull) - 5} more" if len(result.overfull) > 5 else ""
        got = f"{first}{more} over-full or refused"
        raise InputError(expected="every row to fit its window", got=got, where="--check")


def _show_sizes(options: dict[str, Any], prompt: dict[str, Any]) -> None:
    """Show the distribution over the images of a file or folder, or a row for each.

    What was left out ends it with exit code 1 when the rest is shown.

    Raises:
        InputError: no model, options that do not go together, or a file that cannot be used.
    """
    from vlcalc.api.token_sizes import each_size, token_distribution
    from vlcalc.cli.ending import fail
    from vlcalc.cli.output import stdout_canvas
    from vlcalc.cli.progress import tracked
    from vlcalc.core.files import is_folder
    from vlcalc.tokens.sizes import is_handed_over, stream_sizes

    gc.enable()
    refuse(options, ("res", "image", "frames", "video"), hint="--sizes has its own images")
    shown = ("explain", "cost", "check", "sort", "against")
    refuse(options, shown, hint="--sizes shows a distribution")
    if not options["model"]:
        raise InputError(expected="a --model to count for", got="none", where="--sizes")
    source, left_out = options["sizes"], list[InputError]()
    lines = None if is_folder(source) or is_handed_over(source) else source
    sizes = tracked(stream_sizes(source, left_out.append), lines)
    which = {"detail": options["detail"], "overrides": settings(options["set"])}
    if options["each"]:
        report = each_size(options["model"], sizes, **which)
    else:
        result = token_distribution(options["model"], sizes, **which, **prompt)
        report = result.report(unicode=stdout_canvas().unicode)
    show_report(report, options["format"], options["output"])
    if left_out:
        fail(*left_out)
