"""The calculator, held against the figures that the founding articles print."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcalc.core.errors import InputError
from vlcalc.core.image_size import ImageSize
from vlcalc.tokens.calculator import calculate, cut_image, squarest_grid
from vlcalc.tokens.calculator_tables import Prompt, reference_calculations


def test_article_resolutions() -> None:
    resolutions, _ = reference_calculations()
    assert [c.image_tokens for c in resolutions] == [256, 576, 1024, 2304]


def test_article_tilings() -> None:
    _, tilings = reference_calculations()
    assert [c.image_tokens for c in tilings] == [1152, 1728, 2880, 4032, 5760]
    assert [round(100 * c.image_tokens / 4096) for c in tilings] == [28, 42, 70, 98, 141]


def test_article_shares_and_what_is_left() -> None:
    one, four = calculate(336), calculate(336, num_tiles=4)
    assert round(100 * one.image_tokens / 4096, 2) == 14.06
    assert round(100 * four.image_tokens / 4096, 2) == 70.31
    assert Prompt().left(four, 4096) == 1216


def test_article_frames() -> None:
    assert Prompt(num_images=10).use(calculate(336), 4096).sequence_length == 5760


def test_tiles_of_672_and_an_image_of_672_cut() -> None:
    tiles = calculate(672, num_tiles=4)
    assert (tiles.patches_per_side, tiles.patches_per_tile, tiles.num_views) == (48, 2304, 5)
    assert tiles.image_tokens == 11_520
    other = cut_image(ImageSize(672, 672), 336)
    assert (other.num_views, other.image_tokens) == (5, 2880)


def test_the_thumbnail_is_on_when_there_is_more_than_one_tile() -> None:
    assert not calculate(336).thumbnail
    assert calculate(336, num_tiles=2).thumbnail
    assert not calculate(336, num_tiles=2, thumbnail=False).thumbnail
    assert calculate(336, thumbnail=True).num_views == 2


def test_merge_divides_tokens() -> None:
    assert calculate(448, merge=2).image_tokens == 256
    with pytest.raises(InputError, match=r"divides the 27 patches of a side \(384 // 14\), got 2"):
        calculate(384, merge=2)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_tiles": 0}, r"^expected 1 to 1,000,000 tiles, got 0$"),
        ({"num_tiles": -3}, "tiles, got -3"),
        ({"patch_px": 0}, "px a patch, got 0"),
        ({"merge": 0}, "patches merged a side, got 0"),
        ({"patch_px": 400}, "a tile of at least one patch, 400 px, got 336"),
        ({"num_tiles": 3, "grid": (2, 2)}, "as many tiles as the grid 2x2 has, 4, got 3"),
    ],
)
def test_numbers_that_cannot_be(kwargs: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        calculate(336, **kwargs)  # type: ignore[arg-type]


@settings(max_examples=1000)
@given(st.integers(1, 6000), st.integers(1, 6000), st.integers(14, 1024))
def test_a_cut_covers_the_image_with_no_tile_to_spare(width: int, height: int, tile: int) -> None:
    columns, rows = cut_image(ImageSize(width, height), tile).grid or (0, 0)
    assert (columns - 1) * tile < width <= columns * tile
    assert (rows - 1) * tile < height <= rows * tile


@settings(max_examples=1000)
@given(st.integers(1, 5000))
def test_the_squarest_grid_has_all_tiles(num_tiles: int) -> None:
    columns, rows = squarest_grid(num_tiles)
    assert columns * rows == num_tiles
    assert columns >= rows


def test_a_tile_of_one_pixel_is_a_tile() -> None:
    assert cut_image(ImageSize(3, 2), 1, patch_px=1, thumbnail=False).num_tiles == 6
    with pytest.raises(InputError, match="at least 1 px a tile, got 0"):
        cut_image(ImageSize(3, 2), 0, patch_px=1)
