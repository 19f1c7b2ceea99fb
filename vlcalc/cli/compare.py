"""`vlcalc compare`: fusion methods side by side, on one encoder and one language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vlcalc.comparison import Setting
    from vlcalc.spec.schema import FusionSpec, VisionSpec

DEFAULT_METHODS = (
    "linear,mlp,pixel_shuffle,pooled_projector,c_abstractor,perceiver,q_former,cross_attention_resampler,"
    "gated_cross_attention,gated_xattn_dense"
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
        typer.Option(metavar="WxH", help="Image, cut into tiles of the encoder's size."),
    ] = None,
    res: Annotated[
        str | None, typer.Option(metavar="R", help="Side of a tile in pixels; the encoder's own.")
    ] = None,
    tiles: Annotated[
        int | None, typer.Option(metavar="N", help="Number of tiles; a thumbnail comes on top.")
    ] = None,
    text: Annotated[str, typer.Option(metavar="N", help="Tokens of text in the prompt.")] = "50",
    batch: Annotated[int, typer.Option(metavar="N", help="Prompts at once, an image each.")] = 1,
    dtype: Annotated[
        str, typer.Option(metavar="float32|bfloat16|float16", help="Of weights and activations.")
    ] = "bfloat16",
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
    format: Annotated[  # noqa: A002
        str, typer.Option("--format", "-f", metavar="table|csv|json|markdown", help="Output form.")
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file instead.")
    ] = None,
) -> None:
    """Compare fusion methods: parameters, tokens, FLOPs, memory, on one encoder and one LLM."""
    from vlcalc import comparison_metrics
    from vlcalc.cli.output import show
    from vlcalc.comparison import compare
    from vlcalc.dtypes import parse_dtype
    from vlcalc.units import parse_count

    setting = make_setting(
        vision,
        language,
        image=image,
        res=res,
        tiles=tiles,
        text_tokens=parse_count(text, where="--text"),
        batch=batch,
        dtype=parse_dtype(dtype, where="--dtype"),
        attention=attention,
    )
    keys = columns.split(",") if columns else None
    comparison_metrics.metrics_of(keys)  # an unknown column is told before the work is done
    rows = compare(chosen_methods(methods), setting)
    if sort:
        rows = comparison_metrics.sorted_rows(rows, sort)
    table = comparison_metrics.comparison_table(
        rows,
        columns=keys,
        baseline=baseline,
        unbeaten=comparison_metrics.pareto(rows, pareto.split(",")) if pareto else None,
        title=_title(setting),
        attention=attention,
    )
    show([table], format, output)


def chosen_methods(names: str) -> list[FusionSpec]:
    """Return the presets that names, methods and groups stand for, each once.

    Raises:
        InputError: an unknown name; the nearest is suggested.
    """
    from vlcalc.spec.loader import load_fusion
    from vlcalc.spec.parts import fusion_group

    chosen: dict[str, FusionSpec] = {}
    for name in (part.strip() for part in names.split(",") if part.strip()):
        found = fusion_group(name) or [load_fusion(name)]
        chosen.update({spec.name: spec for spec in found})
    return list(chosen.values())


def make_setting(
    vision: str,
    language: str,
    *,
    image: str | None,
    res: str | None,
    tiles: int | None,
    text_tokens: int,
    batch: int,
    dtype: str,
    attention: str,
) -> Setting:
    """Return the setting that the options describe.

    Raises:
        InputError: an unknown part, a size or count that cannot be, options that do not agree.
    """
    from vlcalc.calculator import calculate, cut
    from vlcalc.comparison import Setting
    from vlcalc.errors import InputError
    from vlcalc.spec.parts import load_language, load_vision
    from vlcalc.units import parse_count, parse_size

    encoder = load_vision(vision)
    side = parse_count(res, where="--res", minimum=1) if res else _own_side(encoder)
    patch = _patch(encoder)
    if batch < 1:
        raise InputError(expected="at least 1 prompt", got=str(batch), where="--batch")
    if image and tiles is not None:
        raise InputError(expected="--image or --tiles, not both", got="both")
    if image:
        cut_up = cut(parse_size(image, where="--image"), side, patch_px=patch)
    else:
        cut_up = calculate(side, patch_px=patch, num_tiles=tiles)
    return Setting(
        vision=encoder,
        language=load_language(language),
        columns=cut_up.patches_per_side,
        rows=cut_up.patches_per_side,
        num_views=cut_up.num_views,
        text_tokens=text_tokens,
        batch_size=batch,
        dtype=dtype,
        attention=attention,
    )


def _own_side(encoder: VisionSpec) -> int:
    from vlcalc.errors import InputError

    if encoder.image_size is None:
        raise InputError(
            expected="--res, as the encoder has no size of its own", got=f"`{encoder.name}`"
        )
    return encoder.image_size


def _patch(encoder: VisionSpec) -> int:
    from vlcalc.errors import InputError

    if encoder.patch_size is None:
        raise InputError(expected="an encoder with a `patch_size`", got=f"`{encoder.name}`")
    return encoder.patch_size


def _title(setting: Setting) -> str:
    views = f"{setting.num_views} x " if setting.num_views > 1 else ""
    return (
        f"{setting.vision.title or setting.vision.name} -> "
        f"{setting.language.title or setting.language.name}: "
        f"{views}{setting.columns}x{setting.rows} visual tokens, "
        f"{setting.text_tokens} text tokens, batch {setting.batch_size}, {setting.dtype}"
    )
