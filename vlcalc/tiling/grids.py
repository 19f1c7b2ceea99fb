"""Lists of grids, and the searches in them that several choosers share.

Lists are cached by their parameters: choosing runs once per image, building them once per model.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from vlcalc.tiling.base import ImageSize
from vlcalc.tiling.chooser import SINGLE_TILE, TileGrid


@cache
def grids_by_area(min_tiles: int, max_tiles: int) -> tuple[TileGrid, ...]:
    """Return the grids of `min_tiles` to `max_tiles` tiles, fewest first, narrow ones first."""
    sides = range(1, max_tiles + 1)
    grids = (TileGrid(columns, rows) for columns in sides for rows in sides)
    fitting = (grid for grid in grids if min_tiles <= grid.num_tiles <= max_tiles)
    return tuple(sorted(fitting, key=lambda grid: grid.num_tiles))


@cache
def _candidates(
    min_tiles: int, max_tiles: int, tile: int
) -> tuple[tuple[float, float, TileGrid], ...]:
    return tuple(
        (grid.columns / grid.rows, 0.5 * tile * tile * grid.num_tiles, grid)
        for grid in grids_by_area(min_tiles, max_tiles)
    )


def closest_grid(image: ImageSize, tile: int, min_tiles: int, max_tiles: int) -> TileGrid:
    """Return the grid whose aspect ratio is closest to the image's.

    On an exact tie the larger grid wins if the image has more than half of its pixels.

    Source: OpenGVLab/InternVL `internvl_chat/internvl/train/dataset.py::find_closest_aspect_ratio`.
    """
    width, height = image
    aspect_ratio, num_pixels = width / height, width * height
    closest, best = float("inf"), SINGLE_TILE
    for ratio, half_pixels, grid in _candidates(min_tiles, max_tiles, tile):
        distance = abs(aspect_ratio - ratio)
        if distance < closest:
            closest, best = distance, grid
        elif distance == closest and num_pixels > half_pixels:
            best = grid
    return best


def best_canvas(image: ImageSize, canvases: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return the canvas (width, height) that keeps most pixels, then wastes least; first on ties.

    Source: haotian-liu/LLaVA `llava/mm_utils.py::select_best_resolution`.
    """
    width, height = image
    num_pixels = width * height
    most, least, best = -1, 0, (0, 0)
    for canvas in canvases:
        canvas_width, canvas_height = canvas
        scale = min(canvas_width / width, canvas_height / height)
        effective = min(int(width * scale) * int(height * scale), num_pixels)
        waste = canvas_width * canvas_height - effective
        if effective > most or (effective == most and waste < least):
            most, least, best = effective, waste, canvas
    return best
