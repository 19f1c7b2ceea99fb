"""A module and its inputs on the meta device: shapes without data, whatever the size.

On meta, in eval mode and without gradients, no fused fast path hides an operator from a counter.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vlcalc.cost.contraction import Shape


def to_meta(module: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """Return a copy of a module on meta, in eval mode, frozen; no data is copied, ties are kept.

    It is frozen because torch's counter trips over learned tokens that ask for gradients: a view
    of such a parameter made without gradients has no gradient function to hook.
    """
    memo: dict[int, Tensor] = {}
    for parameter in module.parameters():
        empty = torch.empty_like(parameter, device="meta")
        memo[id(parameter)] = nn.Parameter(empty, requires_grad=False)
    for buffer in module.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    copied: nn.Module = copy.deepcopy(module, memo)
    return copied.to(dtype).eval() if dtype else copied.eval()


def inputs_to_meta(
    inputs: tuple[Tensor, ...], dtype: torch.dtype | None = None
) -> tuple[Tensor, ...]:
    """Return the inputs on meta; `dtype` is for those that are floating-point."""
    return tuple(
        torch.empty_like(each, device="meta", dtype=dtype if each.is_floating_point() else None)
        for each in inputs
    )


@contextmanager
def watched(module: nn.Module, note: Callable[[str, Any], None]) -> Iterator[None]:
    """Tell `note` the path and output of each submodule that is called while the block runs."""

    def watch(path: str, submodule: nn.Module) -> RemovableHandle:
        return submodule.register_forward_hook(lambda _module, _inputs, out: note(path, out))

    handles = [watch(path, submodule) for path, submodule in module.named_modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def output_shapes(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Shape | None]:
    """Return the shape that each called submodule gave last; None where it is not one tensor.

    A submodule that was never called is not in it. The module itself is called "".
    """
    module, inputs = to_meta(module), inputs_to_meta(inputs)
    shapes: dict[str, Shape | None] = {}

    def note(path: str, out: Any) -> None:
        shapes[path] = tuple(out.shape) if isinstance(out, Tensor) else None

    with watched(module, note), torch.no_grad():
        module(*inputs)
    return shapes


def tensor_bytes(tensors: Iterator[Tensor] | tuple[Tensor, ...]) -> int:
    """Return the bytes of the storages of these tensors, each once."""
    storages = {id(s): s.nbytes() for s in (tensor.untyped_storage() for tensor in tensors)}
    return sum(storages.values())


def weights_of(module: nn.Module) -> Iterator[Tensor]:
    """Yield what a module holds in memory: parameters and buffers."""
    return chain(module.parameters(), module.buffers())


@contextmanager
def operator_replaced(name: str, key: str, kernel: object) -> Iterator[None]:
    """Replace the kernel of an `aten` operator for a dispatch key while the block runs."""
    # The public class gives its registrations up only when it is garbage-collected.
    with torch.library._scoped_library("aten", "IMPL") as library:  # noqa: SLF001
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Warning only once for all operators", UserWarning)
            library.impl(name, kernel, key, allow_override=True)
        yield
