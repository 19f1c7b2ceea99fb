"""Fusion methods on one encoder and one language model: what each costs, side by side.

Closed forms give parameters, tokens and FLOPs (proved equal to the modules); peak activations are
counted from the module on the meta device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vlcalc.backbones.decoder import Decoder
from vlcalc.core.dtypes import DTYPE_BYTES
from vlcalc.core.errors import InputError, VlcalcError, near_miss
from vlcalc.core.image_size import ImageSize
from vlcalc.fusion.base import Dims
from vlcalc.runs.run import Conditions, Measured
from vlcalc.spec.schema import FusionSpec, LanguageSpec, VisionSpec
from vlcalc.tokens.calculator import calculate, cut

MAX_BATCH_SIZE = 1_000_000
ATTENTION_BACKENDS = ("math", "flash", "efficient")


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What all methods are compared on.

    Attributes:
        vision: the encoder; its width must be known.
        language: the language model; its decoder must be known.
        columns: visual tokens across the grid of one encoder input.
        rows: visual tokens down that grid.
        num_views: encoder inputs of one image, thumbnail included.
        text_tokens: text tokens of the prompt.
        batch_size: prompts at once, each with one image.
        dtype: of weights, activations and caches.
        attention: backend that peak activations are counted for.
    """

    vision: VisionSpec
    language: LanguageSpec
    columns: int
    rows: int
    num_views: int = 1
    text_tokens: int = 0
    batch_size: int = 1
    dtype: str = "bfloat16"
    attention: str = "flash"

    @property
    def decoder(self) -> Decoder:
        """The language model's decoder.

        Raises:
            InputError: it is not known.
        """
        if self.language.decoder is None:
            raise InputError(
                expected="a language model with a `decoder:` block", got=f"`{self.language.name}`"
            )
        return self.language.decoder

    @property
    def dims(self) -> Dims:
        """The dims that the methods are built for; raises InputError without a vision width."""
        if self.vision.width is None:
            raise InputError(
                expected="a vision encoder whose `width` is known", got=f"`{self.vision.name}`"
            )
        return Dims(
            vision_width=self.vision.width,
            text_width=self.decoder.width,
            columns=self.columns,
            rows=self.rows,
            num_views=self.num_views,
            num_prefix_tokens=self.vision.num_prefix_tokens or 0,
            num_text_tokens=self.text_tokens,
            text_depth=self.decoder.depth,
            vocab_size=self.decoder.vocab_size,
            batch_size=self.batch_size,
        )

    @property
    def conditions(self) -> Conditions:
        """The setting in the words of a saved run."""
        return Conditions(
            vision=self.vision.name,
            language=self.language.name,
            columns=self.columns,
            rows=self.rows,
            num_views=self.num_views,
            text_tokens=self.text_tokens,
            batch_size=self.batch_size,
            dtype=self.dtype,
        )

    @property
    def dtype_bytes(self) -> int:
        """Bytes of one value."""
        return DTYPE_BYTES[self.dtype]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What one method costs in a setting; FLOPs and bytes are those of the whole batch.

    Attributes:
        method: the preset.
        num_params: parameters that the method adds.
        llm_share: those parameters as a share of the language model's.
        visual_tokens_in: visual tokens of one image that the encoder gives.
        image_tokens: positions of the sequence that one image takes.
        context_tokens: vectors of one image that are only cross-attended.
        sequence_length: text and image tokens of one prompt.
        window_share: the sequence as a share of the window; None when that is not known.
        fuse_flops: FLOPs of the method.
        prefill_flops: FLOPs of the language model over the sequence, logits of the last position.
        kv_cache_bytes: keys and values that the image adds, where they live.
        weight_bytes: the method's parameters.
        peak_activation_bytes: most bytes alive at once in the method's forward pass.
        error: why the method does not go with the setting; "" where it does.
        measured: what a saved run timed of it; None where nothing was looked for or found.
    """

    method: FusionSpec
    num_params: int | None = None
    llm_share: float | None = None
    visual_tokens_in: int | None = None
    image_tokens: int | None = None
    context_tokens: int | None = None
    sequence_length: int | None = None
    window_share: float | None = None
    fuse_flops: int | None = None
    prefill_flops: int | None = None
    kv_cache_bytes: int | None = None
    weight_bytes: int | None = None
    peak_activation_bytes: int | None = None
    error: str = ""
    measured: Measured | None = None

    @property
    def compression(self) -> float | None:
        """Visual tokens that go in for each vector (image or context token) that comes out."""
        out = (self.image_tokens or 0) + (self.context_tokens or 0)
        return self.visual_tokens_in / out if self.visual_tokens_in and out else None

    @property
    def total_flops(self) -> int | None:
        """FLOPs of fusion and prefill."""
        if self.fuse_flops is None or self.prefill_flops is None:
            return None
        return self.fuse_flops + self.prefill_flops


def make_setting(
    vision: VisionSpec,
    language: LanguageSpec,
    *,
    image: ImageSize | None = None,
    tile_px: int | None = None,
    num_tiles: int | None = None,
    text_tokens: int = 0,
    batch_size: int = 1,
    dtype: str = "bfloat16",
    attention: str = "flash",
) -> Setting:
    """Return a setting whose visual tokens follow from an image, or from tiles.

    Args:
        vision: the encoder.
        language: the language model.
        image: an image that is cut into as many tiles as cover it.
        tile_px: side of a tile in pixels; the encoder's own size by default.
        num_tiles: tiles in place of an image; a thumbnail comes on top of more than one.
        text_tokens: text tokens of the prompt.
        batch_size: prompts at once, each with one image.
        dtype: of weights, activations and caches.
        attention: backend that peak activations are counted for.

    Raises:
        InputError: a size or count that cannot be, an encoder without a size or patches, or an
            image and a number of tiles at once.
    """
    side, patch = tile_px or vision.image_size, vision.patch_size
    if side is None or patch is None:
        raise InputError(
            expected="a vision encoder with `image_size` and `patch_size`, or a side of a tile",
            got=f"`{vision.name}`",
        )
    if attention not in ATTENTION_BACKENDS:
        known = ", ".join(f"`{name}`" for name in ATTENTION_BACKENDS)
        hint = near_miss(attention, ATTENTION_BACKENDS)
        raise InputError(expected=f"an attention backend: {known}", got=f"`{attention}`", hint=hint)
    if not 1 <= batch_size <= MAX_BATCH_SIZE:
        raise InputError(
            expected=f"1 to {MAX_BATCH_SIZE:,} prompts in a batch", got=str(batch_size)
        )
    if image and num_tiles is not None:
        raise InputError(expected="an image or a number of tiles, not both", got="both")
    if image:
        tiles = cut(image, side, patch_px=patch)
    else:
        tiles = calculate(side, patch_px=patch, num_tiles=num_tiles)
    return Setting(
        vision=vision,
        language=language,
        columns=tiles.patches_per_side,
        rows=tiles.patches_per_side,
        num_views=tiles.num_views,
        text_tokens=text_tokens,
        batch_size=batch_size,
        dtype=dtype,
        attention=attention,
    )


def compare(
    methods: Sequence[FusionSpec], setting: Setting, *, activations: bool = True
) -> list[Comparison]:
    """Return what each method costs; one that does not go with the setting carries its error.

    Args:
        methods: the presets to compare.
        setting: encoder, language model and prompt.
        activations: whether to run the modules on meta for their peak activations.

    Raises:
        InputError: the encoder's width or the decoder is not known.
    """
    dims = setting.dims
    return [_row(method, setting, dims, activations=activations) for method in methods]


def _row(method: FusionSpec, setting: Setting, dims: Dims, *, activations: bool) -> Comparison:
    try:
        method.fusion.check(dims)
        row = _costs(method, setting, dims)
    except VlcalcError as error:
        return Comparison(method=method, error=str(error))
    if not activations:
        return row
    return replace(row, peak_activation_bytes=_peak_activation_bytes(method, setting, dims))


def _costs(method: FusionSpec, setting: Setting, dims: Dims) -> Comparison:
    fusion, decoder = method.fusion, setting.decoder
    params = fusion.num_params(dims)
    image_tokens = fusion.num_image_tokens(dims)
    sequence = setting.text_tokens + image_tokens
    window = setting.language.context_window
    prefill = decoder.prefill_flops(sequence, setting.batch_size, logits="last") if sequence else 0
    return Comparison(
        method=method,
        num_params=params,
        llm_share=params / decoder.num_params(),
        visual_tokens_in=dims.num_views * dims.num_visual_tokens,
        image_tokens=image_tokens,
        context_tokens=fusion.num_context_tokens(dims),
        sequence_length=sequence,
        window_share=sequence / window if window else None,
        fuse_flops=fusion.num_flops(dims),
        prefill_flops=prefill,
        kv_cache_bytes=setting.batch_size
        * (
            image_tokens * decoder.kv_cache_bytes_per_token(setting.dtype_bytes)
            + fusion.num_cached_context_values(dims) * setting.dtype_bytes
        ),
        weight_bytes=params * setting.dtype_bytes,
    )


def _peak_activation_bytes(method: FusionSpec, setting: Setting, dims: Dims) -> int:
    from vlcalc.cost.memory import peak_activation_bytes

    return peak_activation_bytes(
        method.fusion, dims, dtype=setting.dtype, attention=setting.attention
    )
