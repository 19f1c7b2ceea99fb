"""The Python API: what the commands do, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vlcalc import comparison
from vlcalc.budget import Request, TokenBudget, budget
from vlcalc.comparison import Comparison
from vlcalc.dtypes import parse_dtype
from vlcalc.errors import InputError
from vlcalc.image_size import ImageSize
from vlcalc.images import read_size
from vlcalc.spec.loader import load_spec
from vlcalc.spec.parts import chosen_methods, load_language, load_vision
from vlcalc.spec.schema import Spec
from vlcalc.units import parse_size

__all__ = ["Comparison", "ImageSize", "TokenBudget", "compare", "load_spec", "tokens"]

DEFAULT_METHODS = (
    *("linear", "mlp", "pixel_shuffle", "pooled_projector", "c_abstractor", "perceiver"),
    *("q_former", "cross_attention_resampler", "gated_cross_attention", "gated_xattn_dense"),
)


def tokens(
    model: str | Spec,
    image: ImageSize | tuple[int, int] | str | Path,
    *,
    num_images: int = 1,
    num_frames: int | None = None,
    text_tokens: int = 0,
    reserve_tokens: int = 0,
    context_window: int | None = None,
    detail: str | None = None,
) -> TokenBudget:
    """Return what an image costs a model, exactly, and what is left of its window.

    >>> import vlcalc
    >>> vlcalc.tokens("llava-1.5", (1920, 1080)).image_tokens
    576

    Args:
        model: a spec, or a name that `load_spec` knows, or the path of a YAML file.
        image: a size as (width, height) or `"1920x1080"`, or an image file, of which only the
            header is read.
        num_images: images of that size in the prompt.
        num_frames: frames of a video of that size, in place of images.
        text_tokens: tokens of text in the prompt.
        reserve_tokens: room kept free for the answer.
        context_window: the window to measure against instead of the model's own.
        detail: detail level of a hosted API.

    Raises:
        InputError: a size, file, number or name that cannot be.
        SpecError: the model's YAML file is not valid.
        RefusedError: the model's processor refuses such an image.
    """
    spec = load_spec(model) if isinstance(model, str) else model
    request = Request(
        num_images=num_images,
        num_frames=num_frames,
        text_tokens=text_tokens,
        reserve_tokens=reserve_tokens,
        context_window=context_window,
        detail=detail,
    )
    return budget(spec, _size(image), request)


def _size(image: ImageSize | tuple[int, int] | str | Path) -> ImageSize:
    if isinstance(image, Path):
        return read_size(image)
    if isinstance(image, str):
        return read_size(Path(image)) if Path(image).suffix else parse_size(image)
    sides = tuple(image) if isinstance(image, tuple | list) else ()
    if [type(side) for side in sides] != [int, int]:
        raise InputError(expected="a size (width, height) in whole pixels", got=repr(image)[:60])
    return ImageSize(*sides)


def compare(
    methods: Sequence[str] = DEFAULT_METHODS,
    *,
    vision: str = "clip-vit-l-14-336",
    language: str = "vicuna-7b-v1.5",
    image: ImageSize | tuple[int, int] | str | Path | None = None,
    tile_px: int | None = None,
    num_tiles: int | None = None,
    text_tokens: int = 50,
    batch_size: int = 1,
    dtype: str = "bfloat16",
    attention: str = "flash",
    activations: bool = True,
) -> list[Comparison]:
    """Return what fusion methods cost on one encoder and one language model.

    >>> import vlcalc
    >>> [row.image_tokens for row in vlcalc.compare(["mlp", "q_former"], activations=False)]
    [576, 32]

    Args:
        methods: presets, methods and groups by name.
        vision: the encoder by name or YAML file.
        language: the language model by name or YAML file.
        image: an image that is cut into as many tiles as cover it.
        tile_px: side of a tile in pixels; the encoder's own size by default.
        num_tiles: tiles in place of an image; a thumbnail comes on top of more than one.
        text_tokens: text tokens of the prompt.
        batch_size: prompts at once, each with one image.
        dtype: of weights, activations and caches: float32, bfloat16 or float16.
        attention: backend that peak activations are counted for: math, flash or efficient.
        activations: whether to run the modules on meta for their peak activations; only that
            needs torch.

    Raises:
        InputError: an unknown name, or a size, count or dtype that cannot be.
        SpecError: a YAML file that is not valid.
    """
    setting = comparison.make_setting(
        load_vision(vision),
        load_language(language),
        image=None if image is None else _size(image),
        tile_px=tile_px,
        num_tiles=num_tiles,
        text_tokens=text_tokens,
        batch_size=batch_size,
        dtype=parse_dtype(dtype),
        attention=attention,
    )
    return comparison.compare(chosen_methods(methods), setting, activations=activations)
