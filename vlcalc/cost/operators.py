"""Names of `aten` operators that contract nothing: some compute, some only move data."""

from __future__ import annotations

_ARITHMETIC = """
    __and__ __or__ __xor__ abs add addcdiv addcmul angle atan2 bitwise_and bitwise_or
    bitwise_xor ceil clamp clamp_max clamp_min conj cos cosh cumprod cumsum div eq erf erfinv
    exp exp2 expm1 floor fmod frac ge gt imag le lerp log log10 log1p log2 logical_and
    logical_not logical_or logical_xor logit lt max maximum min minimum mul multiply ne neg
    outer polar pow real reciprocal remainder round rsqrt rsub sigmoid sign sin sinh sqrt square
    sub tan tanh true_divide trunc view_as_complex view_as_real where xlogy
"""
_ACTIVATIONS = """
    celu elu gelu glu hardsigmoid hardswish hardtanh leaky_relu log_sigmoid mish prelu relu
    relu6 selu silu softplus softsign threshold
"""
_REDUCTIONS = """
    all amax amin any argmax argmin argsort cosine_similarity count_nonzero cross_entropy_loss
    linalg_norm linalg_vector_norm log_softmax logsumexp mean multinomial nll_loss norm prod
    softmax sort std sum topk var var_mean
"""
_NORMS = """
    batch_norm frobenius_norm group_norm instance_norm layer_norm rms_norm weight_norm
"""
_RESAMPLING = """
    _upsample_bicubic2d_aa _upsample_bilinear2d_aa adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d adaptive_max_pool2d avg_pool1d avg_pool2d avg_pool3d grid_sampler
    max_pool1d max_pool2d max_pool3d upsample_bicubic2d upsample_bilinear2d upsample_linear1d
    upsample_nearest1d upsample_nearest2d upsample_trilinear3d
"""
# A fast Fourier transform is no contraction of the graph; its elements are seen, not its FLOPs.
_TRANSFORMS = "fft_fft fft_ifft fft_irfft fft_rfft"
_MOVES_THAT_COMPUTE = "index_add masked_scatter scatter_add scatter_reduce"

_COMPUTING = (
    _ARITHMETIC,
    _ACTIVATIONS,
    _REDUCTIONS,
    _NORMS,
    _RESAMPLING,
    _TRANSFORMS,
    _MOVES_THAT_COMPUTE,
)
ELEMENTWISE_NAMES = frozenset(" ".join(_COMPUTING).split())

# Views, copies and constants, beyond those that fvcore ignores already.
_MOVES = """
    __interpolate_size alias arange_ bernoulli broadcast_tensors broadcast_to clone col2im
    concat detach_ diag diag_embed embedding empty_like expand_as eye fill fill_ flip im2col
    index_copy index_fill index_put index_select lift_fresh linspace mH mT masked_fill_
    masked_select matrix_H meshgrid movedim new_ones normal normal_ numpy_T ones_like pad
    pixel_shuffle pixel_unshuffle rand rand_like randn randn_like repeat repeat_interleave
    reshape_as resolve_conj resolve_neg scalar_tensor scatter scatter_ select_scatter
    slice_scatter squeeze_ swapaxes swapdims take_along_dim tensor tensor_split tile transpose_
    tril triu unflatten unfold uniform uniform_ unsafe_chunk unsafe_split view_as zero_ zeros_
"""
FREE = frozenset(f"aten::{name}" for name in _MOVES.split())
