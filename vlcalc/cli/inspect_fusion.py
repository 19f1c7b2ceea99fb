"""`vlcalc inspect fusion:NAME`: one fusion method in full, counted on the meta device."""

from __future__ import annotations

from vlcalc.cli.inspect import Asked, require_torch
from vlcalc.cli.output import show
from vlcalc.core.units import parse_count, parse_grid
from vlcalc.fusion.base import Dims
from vlcalc.spec.loader import load_fusion
from vlcalc.spec.schema import FusionSpec

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
DEFAULT_DEPTH = 2


def inspect_fusion(name: str, asked: Asked) -> None:
    """Write what a fusion method is and costs."""
    spec = load_fusion(name)
    chosen = {
        "vision_width": asked.vision_width,
        "text_width": asked.text_width,
        "num_views": asked.views,
        "num_text_tokens": _text_tokens(asked.text),
        "batch_size": asked.batch_size(),
        **_grid(asked.grid),
    }
    dims = dims_of(spec, {key: value for key, value in chosen.items() if value is not None})
    require_torch()
    from vlcalc.cost import inspection

    found = inspection.inspect_method(
        spec, dims, attention=asked.attention, dtype=asked.dtype, verify=asked.verify
    )
    depth = DEFAULT_DEPTH if asked.depth is None else asked.depth
    tree = inspection.submodule_table(found, depth=depth)
    tables = [inspection.method_table(found), tree, inspection.totals_table(found)]
    if asked.verify:
        tables.append(inspection.method_checks_table(found))
    show(tables, asked.format, asked.output, machines=tree)


def _text_tokens(text: str | None) -> int | None:
    return None if text is None else parse_count(text, where="--text", minimum=1)


def _grid(grid: str | None) -> dict[str, int]:
    if grid is None:
        return {}
    columns, rows = parse_grid(grid, where="--grid")
    return {"columns": columns, "rows": rows}


def dims_of(spec: FusionSpec, asked: dict[str, int]) -> Dims:
    """Return the dims asked for, over those of the design, over those of a usual pair."""
    known = spec.native.model_dump() if spec.native else DEFAULT_DIMS
    text_tokens = known.get("num_text_tokens") or DEFAULT_TEXT_TOKENS
    return Dims(**{**known, "num_text_tokens": text_tokens, **asked})
