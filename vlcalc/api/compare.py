"""`vlcalc.compare`: fusion methods side by side."""

from __future__ import annotations

from collections.abc import Sequence

from vlcalc.api.sizes import AnySize, size_of
from vlcalc.comparison.methods import Comparison, compare_methods
from vlcalc.comparison.setting import make_setting
from vlcalc.core.dtypes import parse_dtype
from vlcalc.runs.run import Run
from vlcalc.runs.timed_comparison import timed_rows
from vlcalc.spec.parts import chosen_methods, load_language, load_vision

DEFAULT_METHODS = (
    *("linear", "mlp", "pixel_shuffle", "pooled_projector", "c_abstractor", "perceiver"),
    *("q_former", "cross_attention_resampler", "gated_cross_attention", "gated_xattn_dense"),
)


def compare(
    methods: Sequence[str] = DEFAULT_METHODS,
    *,
    vision: str = "clip-vit-l-14-336",
    language: str = "vicuna-7b-v1.5",
    image: AnySize | None = None,
    tile_px: int | None = None,
    num_tiles: int | None = None,
    text_tokens: int = 50,
    batch_size: int = 1,
    dtype: str = "bfloat16",
    attention: str = "flash",
    activations: bool = True,
    measured: Run | None = None,
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
        measured: a run of `vlcalc.bench`, whose timings in the same setting go along.

    Raises:
        InputError: an unknown name, a size, count or dtype that cannot be, or a run that timed
            none of the methods in this setting.
        SpecError: a YAML file that is not valid.
    """
    setting = make_setting(
        load_vision(vision),
        load_language(language),
        image=None if image is None else size_of(image),
        tile_px=tile_px,
        num_tiles=num_tiles,
        text_tokens=text_tokens,
        batch_size=batch_size,
        dtype=parse_dtype(dtype),
        attention=attention,
    )
    rows = compare_methods(chosen_methods(methods), setting, activations=activations)
    return [*timed_rows(rows, setting, measured)] if measured else rows
