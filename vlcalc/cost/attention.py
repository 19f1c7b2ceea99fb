"""Which kernel attention runs on, chosen by name, on meta.

Without a choice, meta always takes the mathematical form, whose score matrix is rarely there on
real hardware. The choice holds for every call of `scaled_dot_product_attention`, that inside
`nn.MultiheadAttention` included.

Source: pytorch aten/src/ATen/native/transformers/attention.cpp and
cuda/sdp_utils.cpp (what a kernel refuses, and what is done to its inputs before).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from vlcalc.core.errors import InputError, near_miss
from vlcalc.cost.meta import operator_replaced

Backend = Literal["math", "flash", "efficient", "cpu"]

aten = torch.ops.aten


class Call(NamedTuple):
    """One call of attention; the mask is added to the scores."""

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    causal: bool
    scale: float | None
    grouped: bool


@contextmanager
def attention_backend(name: str) -> Iterator[None]:
    """Let attention on meta run on a backend while the block runs.

    `flash` and `efficient` are the CUDA kernels, `cpu` the one of the CPU, `math` writes the scores
    out. Where a backend refuses a call, the next one that torch would try takes it: flash takes no
    mask and one head width; `cpu` one head width.

    Raises:
        InputError: there is no such backend.
    """
    if name not in BACKENDS:
        known = ", ".join(f"`{each}`" for each in BACKENDS)
        raise InputError(
            expected=f"an attention backend: {known}",
            got=f"`{name}`",
            hint=near_miss(name, BACKENDS),
        )
    backend = BACKENDS[name]

    def attend(  # noqa: PLR0917
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,  # noqa: FBT001, FBT002
        *,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        mask = _added_mask(attn_mask, query)
        return backend(Call(query, key, value, mask, is_causal, scale, enable_gqa))

    with operator_replaced("scaled_dot_product_attention", "CompositeImplicitAutograd", attend):
        yield


def _added_mask(mask: Tensor | None, query: Tensor) -> Tensor | None:
    """Turn a mask of who may be seen into one that is added, as torch does."""
    if mask is None or mask.dtype is not torch.bool:
        return mask
    added = torch.zeros_like(mask, dtype=query.dtype)
    return added.masked_fill_(mask.logical_not(), float("-inf"))


def _math(call: Call) -> Tensor:
    """Attend as torch's own composite does, each temporary included."""
    scale = (call.scale or call.query.shape[-1] ** -0.5) ** 0.5
    query, mask = call.query * scale, call.mask
    if call.causal:
        rows, columns = query.shape[-2], call.key.shape[-2]
        allowed = torch.ones(rows, columns, dtype=torch.bool, device=query.device).tril()
        mask = _added_mask(allowed, query)
    key, value = _for_every_head(call)
    scores = torch.matmul(query, key.transpose(-2, -1) * scale)
    if mask is not None:
        scores.add_(mask)
    scores = _safe_softmax(scores)
    return torch.matmul(scores, value)


def _safe_softmax(scores: Tensor) -> Tensor:
    """Softmax whose rows without anything to see become zero, for which torch compares them all."""
    out = scores.softmax(dim=-1)
    blind = (scores == float("-inf")).all(dim=-1, keepdim=True)
    return out.masked_fill_(blind, 0.0)


def _for_every_head(call: Call) -> tuple[Tensor, Tensor]:
    """Return keys and values, copied for as many heads as the queries have."""
    if not call.grouped:
        return call.key, call.value
    groups = call.query.shape[-3] // call.key.shape[-3]
    return (
        call.key.repeat_interleave(groups, dim=-3),
        call.value.repeat_interleave(groups, dim=-3),
    )


def _flash(call: Call) -> Tensor:
    if call.mask is not None or _odd_shape(call):
        return _efficient(call)
    width = call.query.shape[-1]
    query, key, value = (_padded(each, 8) for each in (call.query, call.key, call.value))
    scale = call.scale or width**-0.5
    out: Tensor = aten._scaled_dot_product_flash_attention(  # noqa: SLF001
        query, key, value, 0.0, call.causal, scale=scale
    )[0]
    return out[..., :width]


def _efficient(call: Call) -> Tensor:
    if call.query.ndim != 4:
        return _math(call)
    no_gradient = (False, 0.0)  # neither the sums of exponents nor dropout
    key, value = _for_every_head(call)  # the kernel wants as many key heads as query heads
    out: Tensor = aten._scaled_dot_product_efficient_attention(  # noqa: SLF001
        call.query, key, value, _aligned(call), *no_gradient, call.causal, scale=call.scale
    )[0]
    return out


def _cpu(call: Call) -> Tensor:
    if _odd_shape(call):
        return _math(call)
    workspace = _cpu_workspace(call)
    out: Tensor = aten._scaled_dot_product_flash_attention_for_cpu(  # noqa: SLF001
        call.query,
        call.key,
        call.value,
        0.0,
        call.causal,
        attn_mask=call.mask,
        scale=call.scale,
    )[0]
    del workspace
    return out


def _cpu_workspace(call: Call) -> Tensor:
    """Return what the CPU's kernel works in: for each thread a block of scores and of output.

    Source: pytorch aten/src/ATen/native/cpu/FlashAttentionKernel.cpp::cpu_flash_attention, for
    float32; narrower types have further buffers.
    """
    length, width = call.query.shape[-2:]
    rows = min(length, 256 if length >= 768 else 64 if length >= 192 else 32)
    columns = min(call.key.shape[-2], 512)
    elements = rows * (columns + 2 + width)
    return torch.empty(torch.get_num_threads(), elements, device=call.query.device)


def _odd_shape(call: Call) -> bool:
    return call.query.ndim != 4 or call.query.shape[-1] != call.value.shape[-1]


def _padded(x: Tensor, multiple: int) -> Tensor:
    """Return x, its last axis filled up with zeros to a multiple."""
    missing = -x.shape[-1] % multiple
    return F.pad(x, (0, missing)) if missing else x


def _aligned(call: Call) -> Tensor | None:
    """Return the mask for all heads; its rows are copied where they do not start on 8 elements."""
    if call.mask is None:
        return None
    rows, columns = call.query.shape[2], call.key.shape[2]
    mask = _padded(call.mask, 8)[..., : call.mask.shape[-1]]
    return mask.expand(*call.query.shape[:2], rows, columns)


BACKENDS: dict[Backend | str, Callable[[Call], Tensor]] = dict(
    zip(get_args(Backend), (_math, _flash, _efficient, _cpu), strict=True)
)
