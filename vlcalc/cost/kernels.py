"""Which kernels run where an attention backend does, on meta: of attention, and of RMSNorm.

On CUDA torch runs an RMSNorm as one kernel; on the CPU and on meta it is taken apart into some six
operators, of which each writes all of its output. `flash` and `efficient` are CUDA's, so that they
have its RMSNorm too; `cpu` has the CPU's parts, and so has `math`, which writes everything out.

Source: pytorch aten/src/ATen/native/layer_norm.cpp::rms_norm_symint and
cuda/layer_norm_kernel.cu::_fused_rms_norm_cuda.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor

from vlcalc.cost.attention import attention_backend
from vlcalc.cost.meta import operator_replaced

ON_CUDA = frozenset({"flash", "efficient"})

# Meta takes no kernel for the operator of this name in `aten`, so that there must be one of ours.
_LIBRARY = torch.library.Library("vlcalc", "FRAGMENT")  # type: ignore[no-untyped-call]
_SCHEMA = "_fused_rms_norm(Tensor x, int[] shape, Tensor? weight) -> (Tensor, Tensor)"
_LIBRARY.define(_SCHEMA)  # type: ignore[no-untyped-call]


@contextmanager
def kernels_of(attention: str) -> Iterator[None]:
    """Let a forward pass on meta run the kernels of where an attention backend runs.

    Raises:
        InputError: there is no such backend.
    """
    with attention_backend(attention), fused_rms_norm() if attention in ON_CUDA else nullcontext():
        yield


@contextmanager
def fused_rms_norm() -> Iterator[None]:
    """Let RMSNorm on meta be one operator while the block runs, where torch has that on CUDA.

    Torch itself takes images in channels-last, and weights of another dtype than the input,
    apart everywhere.
    """
    with operator_replaced("_fused_rms_norm", "CompositeImplicitAutograd", _normalise):
        yield


def _normalise(
    x: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> tuple[Tensor, Tensor]:
    """Normalise x, copied where its rows do not lie side by side, as CUDA's kernel does."""
    del eps
    out, deviations = torch.ops.vlcalc._fused_rms_norm(x.contiguous(), shape, weight)  # noqa: SLF001
    return out, deviations


def _normalised(x: Tensor, shape: Sequence[int], weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return what the kernel writes: its output, and 1 / the deviation of each row."""
    del weight
    rows = (*x.shape[: x.ndim - len(shape)], *(1 for _ in shape))
    dtype = torch.promote_types(x.dtype, torch.float32)  # what it adds up in
    return torch.empty_like(x), x.new_empty(rows, dtype=dtype)


_LIBRARY.impl("_fused_rms_norm", _normalised, "Meta")  # type: ignore[no-untyped-call]
