"""Whether the parts of an architecture fit together: what tiling and fusion make of an image.

Both count the vectors of an image on their own: the tiling by its rule, the fusion method from the
grids that the views are encoded to. They are held to each other before a layout drops padding or
adds newline vectors, which is nothing that a method knows of. Of a method that puts vectors neither
into the sequence nor before cross-attention (late fusion, two pooled vectors), one vector a picture
is left, beside the sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from pydantic_core import PydanticCustomError

from vlcalc.core.errors import InputError, RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.fusion.base import Dims, Fusion
from vlcalc.spec.dims import dims_between, visual_grid
from vlcalc.spec.part_specs import LanguageSpec, VisionSpec
from vlcalc.tiling.base import Tiling, TilingPolicy

if TYPE_CHECKING:
    from vlcalc.fusion.inserted import InsertedLayers

# A square that most encoders know, a photo, a screen, and a scan that is cut into many tiles.
SIZES = (ImageSize(336, 336), ImageSize(640, 480), ImageSize(1920, 1080), ImageSize(850, 2200))


class Vectors(NamedTuple):
    """Vectors of one image: those in the sequence, and those that are only cross-attended."""

    image: int
    context: int


def check_agreement(
    vision: VisionSpec | None, tiling: TilingPolicy, fusion: Fusion | None, language: LanguageSpec
) -> None:
    """Refuse parts that do not fit together, naming what each of them says.

    Raises:
        PydanticCustomError: tiling and fusion count different tokens, or the fusion method cannot
            take what surrounds it.
    """
    if fusion is None:
        return
    _check_taps(vision, fusion)
    for image in SIZES:
        try:
            tiled = tiling.tile(image)
        except (InputError, RefusedError):
            continue  # the processor refuses it, or a patch size is missing: said when it is run
        all_dims = _dims(vision, tiling, tiled, language, fusion)
        try:
            if language.shape:
                for dims in all_dims:
                    fusion.check(dims)
            fused = _fused(fusion, all_dims)
        except InputError as error:
            fields = {"expected": error.expected, "got": error.got}
            message = "expected {expected} in `fusion`, got {got}"
            raise PydanticCustomError("fusion", message, fields) from None
        _compare(_laid(tiled), fused, image)


def check_encoders(encoders: tuple[VisionSpec, ...], fusion: Fusion | None) -> None:
    """Refuse encoders that the fusion method has no place for, or of other widths than it says.

    Raises:
        PydanticCustomError: encoders and fusion method do not fit together.
    """
    widths = [vision.width for vision in encoders if vision.width]
    if fusion is None or len(widths) < len(encoders):
        return  # a width that is not known is held to nothing
    try:
        fusion.check_encoders(widths)
    except InputError as error:
        words = {"expected": error.expected, "got": error.got}
        raise PydanticCustomError("encoders", "expected {expected}, got {got}", words) from None


def check_grids(
    encoders: tuple[VisionSpec, ...],
    tiling: TilingPolicy,
    fusion: Fusion | None,
    language: LanguageSpec,
) -> None:
    """Refuse encoders on different grids, where their features are joined by channel.

    Raises:
        PydanticCustomError: an encoder on its own square gives another grid than the first one.
    """
    if fusion is None or len(encoders) < 2:
        return
    from vlcalc.fusion.per_token import JoinedEncoders  # most models have one encoder

    if not isinstance(fusion, JoinedEncoders):
        return
    first, *others = encoders
    own = {other.name: _own_side(other) for other in others}
    for image in SIZES:
        try:
            tiled = tiling.tile(image)
        except (InputError, RefusedError):
            continue  # said elsewhere, as in `check_agreement`
        for dims in _dims(first, tiling, tiled, language, fusion):
            for name, side in own.items():
                if side is not None and (dims.columns, dims.rows) != (side, side):
                    grids = f"{dims.columns}x{dims.rows} and {side}x{side}"
                    raise PydanticCustomError(
                        "grids",
                        "expected `vision` and `second_vision` on the same grid, which `fusion` "
                        "joins by channel, got {grids} of `{first}` and `{second}`",
                        {"grids": grids, "first": first.name, "second": name},
                    )


def _own_side(vision: VisionSpec) -> int | None:
    """Return the side of the grid that leaves an encoder on its own square; None without one."""
    if not vision.image_size or not vision.patch_size:
        return None
    stride = vision.encoder.output_stride if vision.encoder else 1
    return -(-(vision.image_size // vision.patch_size) // stride)


def _check_taps(vision: VisionSpec | None, fusion: Fusion) -> None:
    """Refuse more layers to be tapped than the encoder has; its last may be tapped too."""
    encoder = vision.encoder if vision else None
    if encoder and fusion.num_tapped_layers > encoder.total_depth:
        raise PydanticCustomError(
            "taps",
            "expected a `fusion` that takes fewer layers than the {depth} of `vision`, "
            "got {tapped} beside the last",
            {"depth": encoder.total_depth, "tapped": fusion.num_tapped_layers},
        )


def _laid(tiled: Tiling) -> Vectors:
    """Return the vectors that a tiling counts, padding included and newlines left out."""
    if tiled.context_tokens:
        return Vectors(tiled.image_tokens, tiled.fused_tokens)
    return Vectors(tiled.fused_tokens, 0)


def _fused(fusion: Fusion, all_dims: list[Dims]) -> Vectors:
    """Return the vectors that a fusion method gives, or leaves beside the sequence."""
    image = sum(fusion.num_image_tokens(dims) for dims in all_dims)
    context = sum(fusion.num_context_tokens(dims) for dims in all_dims)
    return Vectors(image, context) if image or context else Vectors(1, 0)


def _dims(
    vision: VisionSpec | None,
    tiling: TilingPolicy,
    tiled: Tiling,
    language: LanguageSpec,
    fusion: Fusion,
) -> list[Dims]:
    """Return what a method takes for each shape of view; inserted layers take all views at once."""
    views = [visual_grid(tiling, tiled, view) for view in tiled.views]
    if fusion.llm_modified and _is_inserted(fusion):
        views = [views[0]._replace(number=tiled.num_tiles)]
    return [
        dims_between(vision, language, columns=view.columns, rows=view.rows)._replace(
            num_views=view.number
        )
        for view in views
    ]


def _compare(laid: Vectors, fused: Vectors, image: ImageSize) -> None:
    """Refuse vectors that differ."""
    for kind, of_tiling, of_fusion in zip(laid._fields, laid, fused, strict=True):
        if of_tiling != of_fusion:
            raise PydanticCustomError(
                "tokens",
                "expected as many {kind} tokens from `tiling` as from `fusion`, "
                "got {of_tiling} and {of_fusion} for an image of {image}",
                {"kind": kind, "of_tiling": of_tiling, "of_fusion": of_fusion, "image": str(image)},
            )


def _is_inserted(fusion: Fusion) -> TypeGuard[InsertedLayers]:
    from vlcalc.fusion.inserted import InsertedLayers  # not for every model that is started with

    return isinstance(fusion, InsertedLayers)
