"""What sort of work an `aten` operator does, by its name: what its time depends on."""

from __future__ import annotations

from typing import Literal

from vlcalc.cost.operators import ELEMENTWISE_NAMES, FREE

Kind = Literal[
    "matmul",
    "batched_matmul",
    "attention",
    "convolution",
    "normalisation",
    "softmax",
    "activation",
    "elementwise",
    "reduction",
    "resampling",
    "embedding",
    "copy",
    "other",
]

_NAMES: dict[Kind, str] = {
    "matmul": "mm addmm linear mv addmv dot vdot addbmm _trilinear",
    "batched_matmul": "bmm baddbmm",
    "attention": """
        _scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention
        _scaled_dot_product_cudnn_attention _scaled_dot_product_flash_attention_for_cpu
    """,
    "convolution": "convolution _convolution convolution_overrideable",
    "normalisation": """
        native_layer_norm native_group_norm native_batch_norm _native_batch_norm_legit
        _native_batch_norm_legit_no_training _fused_rms_norm _weight_norm_interface
    """,
    "softmax": "_softmax _log_softmax _safe_softmax logsumexp",
    "activation": """
        celu elu gelu glu hardsigmoid hardswish hardtanh leaky_relu log_sigmoid_forward mish
        _prelu_kernel relu relu6 selu sigmoid silu softplus softsign tanh threshold
    """,
    "reduction": """
        all amax amin any argmax argmin argsort bincount count_nonzero cumprod cumsum
        linalg_vector_norm max mean min mse_loss multinomial nll_loss_forward norm prod sort std
        sum topk var var_mean
    """,
    "resampling": """
        _adaptive_avg_pool2d _adaptive_avg_pool3d _upsample_bicubic2d_aa _upsample_bilinear2d_aa
        adaptive_max_pool2d avg_pool2d avg_pool3d grid_sampler_2d max_pool2d_with_indices
        max_pool3d_with_indices upsample_bicubic2d upsample_bilinear2d upsample_linear1d
        upsample_nearest1d upsample_nearest2d upsample_trilinear3d
    """,
    "embedding": "embedding gather index index_select take",
    "copy": """
        _pack_padded_sequence _reshape_copy _to_copy arange cat clone constant_pad_nd copy empty
        full full_like index_put masked_scatter new_full new_zeros ones reflection_pad2d
        replication_pad2d split_copy stack zeros zeros_like
    """,
    "elementwise": """
        _fft_c2c _fft_c2r _fft_r2c bitwise_not complex floor_divide index_add scatter_add
        scatter_reduce
    """,
}
_KINDS: dict[str, Kind] = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_MOVES = frozenset(name.removeprefix("aten::").removesuffix("_") for name in FREE)


def operator_kind(name: str) -> Kind:
    """Return the kind of an operator by its name without overload; in-place forms are alike."""
    plain = name.removesuffix("_")
    if plain in _KINDS:
        return _KINDS[plain]
    if plain in ELEMENTWISE_NAMES:
        return "elementwise"
    if plain in _MOVES:
        return "copy"
    return "other"
