"""What surrounds a fusion method in an architecture: grids and widths, from the parts beside it."""

from __future__ import annotations

from vlcalc.fusion.base import Dims
from vlcalc.spec.part_specs import LanguageSpec, VisionSpec
from vlcalc.tiling.base import Tiling, TilingPolicy, View


def dims_between(
    vision: VisionSpec | None, language: LanguageSpec, *, columns: int, rows: int
) -> Dims:
    """Return what surrounds a fusion method for one encoder input.

    A width of 1 stands for one that is not known; no count of tokens depends on widths.

    Args:
        vision: the encoder; None where patches go in as they are, at text width.
        language: the language model.
        columns: patches across the encoder input.
        rows: patches down it.
    """
    shape = language.shape
    stride = vision.encoder.output_stride if vision and vision.encoder else 1
    text_width = shape.width if shape else 1
    dims = Dims(
        vision_width=(vision.width if vision else None) or text_width,
        text_width=text_width,
        columns=-(-columns // stride),
        rows=-(-rows // stride),
        num_prefix_tokens=(vision.num_prefix_tokens if vision else None) or 0,
    )
    if shape is None:
        return dims
    return dims._replace(text_depth=language.text_depth, vocab_size=shape.vocab_size)


def visual_grid(tiling: TilingPolicy, tiled: Tiling, view: View) -> View:
    """Return the grid that leaves the encoder: filled up to whole squares where those are merged.

    Without an encoder, patches of the resized image go in as they are.
    """
    if not view.columns:
        patch = tiling.patch
        columns, rows = (-(-side // patch) for side in tiled.resized)
        return view._replace(columns=columns, rows=rows)
    merged = tiling.merged_side
    columns, rows = (-(-side // merged) * merged for side in (view.columns, view.rows))
    return view._replace(columns=columns, rows=rows)
