"""`vlcalc inspect`: one part in full, counted on the meta device."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlcalc.errors import InputError

if TYPE_CHECKING:
    from vlcalc.fusion.base import Dims
    from vlcalc.spec.schema import FusionSpec

PREFIX = "fusion:"

# CLIP ViT-L/14 at 336 pixels and Vicuna-7B; prompts of some length where text takes part.
DEFAULT_DIMS = {
    "vision_width": 1024,
    "text_width": 4096,
    "columns": 24,
    "rows": 24,
    "num_prefix_tokens": 1,
    "text_depth": 32,
}
DEFAULT_TEXT_TOKENS = 128

Opt = typer.Option


def command(
    part: Annotated[
        str,
        typer.Argument(
            metavar="fusion:NAME", help="Fusion method by preset, kind, or path of a YAML file."
        ),
    ],
    vision_width: Annotated[
        int | None, Opt(metavar="N", min=1, help="Width of a visual token.")
    ] = None,
    text_width: Annotated[
        int | None, Opt(metavar="N", min=1, help="Width of the language model.")
    ] = None,
    grid: Annotated[
        str | None, Opt(metavar="CxR", help="Visual tokens of one encoder input.")
    ] = None,
    views: Annotated[
        int | None, Opt(metavar="N", min=1, help="Encoder inputs of one image, thumbnail included.")
    ] = None,
    text: Annotated[
        int | None,
        Opt(metavar="N", min=1, help="Tokens of text, for methods that see it; 128 by default."),
    ] = None,
    batch: Annotated[int, Opt(metavar="N", min=1, max=1_000_000, help="Images at once.")] = 1,
    attention: Annotated[
        str, Opt(metavar="math|flash|efficient|cpu", help="Attention kernel, for peak memory.")
    ] = "flash",
    dtype: Annotated[
        str, Opt(metavar="float32|bfloat16|float16", help="Type of weights and activations.")
    ] = "bfloat16",
    verify: Annotated[
        bool, Opt("--verify", help="Show closed form, fvcore and torch's counter side by side.")
    ] = False,
    depth: Annotated[int, Opt(metavar="N", min=0, help="Levels of submodules to show.")] = 2,
    format: Annotated[  # noqa: A002
        str, Opt("--format", "-f", metavar="table|csv|json|markdown", help="Form of the output.")
    ] = "table",
    output: Annotated[
        Path | None, Opt("--output", "-o", metavar="FILE", help="Write to a file instead.")
    ] = None,
) -> None:
    """Show what a fusion method is and what each of its submodules and operators costs.

    Dims are those of the published design, else CLIP ViT-L/14-336 and Vicuna-7B.
    """
    from vlcalc.cli.output import show
    from vlcalc.spec.loader import load_fusion

    spec = load_fusion(_fusion_name(part))
    asked = {
        "vision_width": vision_width,
        "text_width": text_width,
        "num_views": views,
        "num_text_tokens": text,
        "batch_size": batch,
        **_grid(grid),
    }
    dims = dims_of(spec, {key: value for key, value in asked.items() if value is not None})
    _require_torch()
    from vlcalc.cost import inspection

    found = inspection.inspect_fusion(spec, dims, attention=attention, dtype=dtype, verify=verify)
    tree = inspection.tree_table(found, depth=depth)
    tables = [inspection.description_table(found), tree, inspection.totals_table(found)]
    if verify:
        tables.append(inspection.verify_table(found))
    show(tables, format, output, machines=tree)


def _fusion_name(part: str) -> str:
    if not part.startswith(PREFIX) or part == PREFIX:
        raise InputError(
            expected="`fusion:NAME`", got=f"`{part}`", hint="such as `fusion:llava-1.5-7b-mlp`"
        )
    return part.removeprefix(PREFIX)


def _grid(grid: str | None) -> dict[str, int]:
    from vlcalc.units import parse_grid

    if grid is None:
        return {}
    columns, rows = parse_grid(grid, where="--grid")
    return {"columns": columns, "rows": rows}


def dims_of(spec: FusionSpec, asked: dict[str, int]) -> Dims:
    """Return the dims asked for, over those of the design, over those of a usual pair."""
    from vlcalc.fusion.base import Dims

    known = spec.native.model_dump() if spec.native else DEFAULT_DIMS
    text_tokens = known.get("num_text_tokens") or DEFAULT_TEXT_TOKENS
    return Dims(**{**known, "num_text_tokens": text_tokens, **asked})


def _require_torch() -> None:
    missing = [name for name in ("torch", "fvcore") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            expected="the extra `vlcalc[torch]`, which counts modules",
            got=f"no {' and no '.join(missing)}",
            hint="pip install 'vlcalc[torch]'",
        )
