"""The calculator: patches and tiles by hand, for a design that has no spec yet."""

from __future__ import annotations

from dataclasses import dataclass

from vlcalc.core.errors import InputError
from vlcalc.core.image_size import MAX_SIDE_PX, ImageSize, check_size

MAX_TILES = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Calculation:
    """Tiles of one size, each costing the same.

    Attributes:
        tile_px: side of a tile in pixels.
        patch_px: side of a patch in pixels.
        merge: side of the square of patches that becomes one token.
        num_tiles: tiles, without the thumbnail.
        grid: columns and rows of tiles, where they are known.
        thumbnail: whether the whole image is encoded as one more tile.
    """

    tile_px: int
    patch_px: int = 14
    merge: int = 1
    num_tiles: int = 1
    grid: tuple[int, int] | None = None
    thumbnail: bool = False

    @property
    def patches_per_side(self) -> int:
        """Patches along one side of a tile; what is left of the side over is not encoded."""
        return self.tile_px // self.patch_px

    @property
    def patches_per_tile(self) -> int:
        """Patches of one tile."""
        return self.patches_per_side**2

    @property
    def tokens_per_tile(self) -> int:
        """Visual tokens of one tile."""
        return (self.patches_per_side // self.merge) ** 2

    @property
    def num_views(self) -> int:
        """Tiles and thumbnail."""
        return self.num_tiles + self.thumbnail

    @property
    def num_patches(self) -> int:
        """Patches of all tiles and the thumbnail."""
        return self.patches_per_tile * self.num_views

    @property
    def image_tokens(self) -> int:
        """Visual tokens of the image."""
        return self.tokens_per_tile * self.num_views


def calculate(
    tile_px: int,
    *,
    patch_px: int = 14,
    merge: int = 1,
    num_tiles: int | None = None,
    grid: tuple[int, int] | None = None,
    thumbnail: bool | None = None,
) -> Calculation:
    """Return what an image of `num_tiles` tiles (or of a grid of them) costs.

    Args:
        tile_px: side of one tile in pixels.
        patch_px: side of one patch in pixels.
        merge: side of the square of patches that becomes one token.
        num_tiles: tiles, without the thumbnail; 1 unless a grid is given.
        grid: columns and rows of tiles, in place of their number.
        thumbnail: whether the whole image is one more tile; by default where there is more than
            one, as in LLaVA-NeXT and InternVL.

    Raises:
        InputError: a number that is out of range, a tile smaller than a patch, or a merge that
            does not divide the patches of a side.
    """
    tiles = grid[0] * grid[1] if grid else 1 if num_tiles is None else num_tiles
    for name, value, most in (
        ("px a tile", tile_px, MAX_SIDE_PX),
        ("px a patch", patch_px, MAX_SIDE_PX),
        ("patches merged a side", merge, MAX_SIDE_PX),
        ("tiles", tiles, MAX_TILES),
    ):
        if not 1 <= value <= most:
            raise InputError(expected=f"1 to {most:,} {name}", got=str(value))
    side = tile_px // patch_px
    if side == 0:
        raise InputError(expected=f"a tile of at least one patch, {patch_px} px", got=f"{tile_px}")
    if side % merge:
        raise InputError(
            expected=f"a merge that divides the {side} patches of a side ({tile_px} // {patch_px})",
            got=str(merge),
        )
    if num_tiles is not None and grid and num_tiles != tiles:
        raise InputError(
            expected=f"as many tiles as the grid {grid[0]}x{grid[1]} has, {tiles}",
            got=str(num_tiles),
        )
    return Calculation(
        tile_px=tile_px,
        patch_px=patch_px,
        merge=merge,
        num_tiles=tiles,
        grid=grid or squarest_grid(tiles),
        thumbnail=tiles > 1 if thumbnail is None else thumbnail,
    )


def cut_image(
    image: ImageSize,
    tile_px: int,
    *,
    patch_px: int = 14,
    merge: int = 1,
    thumbnail: bool | None = None,
) -> Calculation:
    """Return what an image costs that is cut into as many tiles as cover it.

    Raises:
        InputError: as `calculate`, or a size that no image has.
    """
    check_size(image)
    if tile_px < 1:
        raise InputError(expected="at least 1 px a tile", got=str(tile_px))
    grid = (-(-image.width // tile_px), -(-image.height // tile_px))
    return calculate(tile_px, patch_px=patch_px, merge=merge, grid=grid, thumbnail=thumbnail)


def squarest_grid(num_tiles: int) -> tuple[int, int]:
    """Return the grid of that many tiles that is nearest to a square, wider than high."""
    rows = next(rows for rows in range(int(num_tiles**0.5), 0, -1) if num_tiles % rows == 0)
    return num_tiles // rows, rows
