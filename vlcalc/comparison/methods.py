"""Fusion methods on one encoder and one language model: what each costs, side by side.

Closed forms give parameters, tokens and FLOPs (proved equal to the modules); peak activations are
counted from the module on the meta device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vlcalc.comparison.setting import Setting
from vlcalc.core.errors import VlcalcError
from vlcalc.fusion.base import Dims, Fusion
from vlcalc.spec.schema import FusionSpec


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


def compare_methods(
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
        kv_cache_bytes=_cache_bytes(fusion, setting, dims, image_tokens),
        weight_bytes=params * setting.dtype_bytes,
    )


def _cache_bytes(fusion: Fusion, setting: Setting, dims: Dims, image_tokens: int) -> int:
    """Return the keys and values that the image adds; a full window keeps no more of them."""
    text_tokens = setting.text_tokens
    with_image, text_alone = (
        setting.decoder.kv_cache_bytes(
            positions, setting.batch_size, dtype_bytes=setting.dtype_bytes
        )
        for positions in (text_tokens + image_tokens, text_tokens)
    )
    crossed = setting.batch_size * fusion.num_cached_context_values(dims) * setting.dtype_bytes
    return with_image - text_alone + crossed


def _peak_activation_bytes(method: FusionSpec, setting: Setting, dims: Dims) -> int:
    from vlcalc.cost.memory import peak_activation_bytes

    return peak_activation_bytes(
        method.fusion, dims, dtype=setting.dtype, attention=setting.attention
    )
