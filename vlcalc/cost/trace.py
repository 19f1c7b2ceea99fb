"""Every operator of a forward pass on meta: its kind, its FLOPs, and the bytes it must move.

An operator reads each of its inputs once and writes its outputs once; what a cache keeps between
two operators is for whoever turns bytes into time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from vlcalc.cost.kinds import Kind, operator_kind
from vlcalc.cost.layouts import Layout, layout_of, run_bytes
from vlcalc.cost.memory import LiveBytes, PeakMemory, follow, meta_run
from vlcalc.cost.products import Product, product_of
from vlcalc.cost.repeated import RepeatedOperators

# They only say where data lies, or reserve a place for it: nothing runs.
_RESERVES = """
    _reshape_alias _unsafe_view empty empty_like empty_strided lift_fresh new_empty
    new_empty_strided resize_
"""
_NOT_RUN = frozenset(_RESERVES.split())
# They read of their first input as much as they write.
_LOOKUPS = frozenset({"embedding", "gather", "index", "index_select", "take"})


@dataclass(frozen=True, slots=True)
class Operator:
    """One call of an `aten` operator that is not a view.

    Attributes:
        name: without overload, such as `addmm`.
        flops: 2 per multiply-accumulate of a contraction; 0 for others.
        elements: of the largest tensor that it touches.
        read_bytes: of each distinct input once; what an expanded view repeats counts once.
        written_bytes: of the outputs.
        weight_bytes: the part of `read_bytes` that is parameters and buffers.
        product: the shape of a contraction; None for others.
        layout: of its largest input, as torch's kernels see it.
        run_bytes: of that input that lie side by side in the order in which it is read.
        width: of that input's last axis.
    """

    name: str
    kind: Kind
    flops: int
    elements: int
    read_bytes: int
    written_bytes: int
    weight_bytes: int = 0
    product: Product | None = None
    layout: Layout = "contiguous"
    run_bytes: int = 0
    width: int = 1

    @property
    def moved_bytes(self) -> int:
        """Bytes in and out."""
        return self.read_bytes + self.written_bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """A forward pass, operator by operator, and the most memory it had at once."""

    operators: tuple[Operator, ...]
    memory: PeakMemory

    @property
    def flops(self) -> int:
        """FLOPs of all contractions."""
        return sum(each.flops for each in self.operators)

    @property
    def moved_bytes(self) -> int:
        """Bytes in and out of all operators."""
        return sum(each.moved_bytes for each in self.operators)

    @property
    def unknown(self) -> Mapping[str, int]:
        """Operators of no known kind, and how often they came; their FLOPs are unknown."""
        return Counter(each.name for each in self.operators if each.kind == "other")


class OperatorRecorder(LiveBytes):  # type: ignore[no-untyped-call]
    """Follow live bytes, and write down every operator that runs.

    Attributes:
        operators: in the order they ran.
    """

    def __init__(
        self,
        weights: tuple[Tensor, ...],
        inputs: tuple[Tensor, ...],
        repeated: RepeatedOperators | None = None,
    ) -> None:
        """Start with a module's weights and inputs, as `LiveBytes` does."""
        super().__init__(weights, inputs, repeated)
        self.operators: list[Operator] = []
        self._weights = {id(tensor.untyped_storage()) for tensor in weights}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = super().__torch_dispatch__(func, types, args, kwargs)
        name = getattr(func, "_schema").name.rpartition("::")[2]  # noqa: B009
        if not (getattr(func, "is_view", False) or name in _NOT_RUN):
            self.operators.append(self._operator(name, args, kwargs or {}, out))
        return out

    def _operator(self, name: str, args: Any, kwargs: Any, out: Any) -> Operator:
        inputs, outputs = _distinct(tree_leaves((args, kwargs))), _distinct(tree_leaves(out))
        if name.endswith("_like") or name.startswith("new_"):
            inputs = {}  # only their shape counts
        if name in _LOOKUPS:
            inputs[next(iter(inputs))] = sum(outputs.values())
        product = product_of(name, args, out)
        touched = _tensors((args, kwargs)) or _tensors(out)
        largest = max(touched, key=Tensor.numel, default=None)
        return Operator(
            name=name,
            kind=operator_kind(name),
            flops=product.flops if product else 0,
            elements=max((each.numel() for each in _tensors((args, kwargs, out))), default=0),
            read_bytes=sum(inputs.values()),
            written_bytes=sum(outputs.values()),
            weight_bytes=sum(size for key, size in inputs.items() if key[0] in self._weights),
            product=product,
            layout=layout_of(largest) if largest is not None else "contiguous",
            run_bytes=run_bytes(largest) if largest is not None else 0,
            width=largest.shape[-1] if largest is not None and largest.ndim else 1,
        )


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


Place = tuple[int, int, tuple[int, ...], tuple[int, ...]]


def _distinct(leaves: Iterable[Any]) -> dict[Place, int]:
    """Return the bytes of each tensor by where it lies; an axis that repeats counts once."""
    sizes: dict[Place, int] = {}
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            continue
        axes = [axis for axis in zip(leaf.shape, leaf.stride(), strict=True) if axis[1]]
        shape, stride = tuple(size for size, _ in axes), tuple(step for _, step in axes)
        storage = leaf.untyped_storage()
        place = (id(storage), int(leaf.storage_offset()), shape, stride)
        elements = prod(shape) if leaf.numel() else 0
        sizes[place] = min(elements * leaf.itemsize, storage.nbytes())
    return sizes


def trace_operators(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    *,
    attention: str = "flash",
    dtype: torch.dtype | None = None,
) -> Trace:
    """Write down the operators of a module's forward pass, on a copy of it on meta.

    Args:
        module: any module, on any device; it is not changed.
        inputs: the positional arguments of its forward pass, on any device.
        attention: the backend that attention runs on: `math`, `flash`, `efficient`, `cpu`.
        dtype: of weights and floating-point inputs; what they have by default.

    Raises:
        InputError: there is no such backend.
    """
    return trace_all([(module, inputs)], attention=attention, dtype=dtype)[0]


def trace_all(
    modules: Iterable[tuple[nn.Module, tuple[Tensor, ...]]],
    *,
    attention: str = "flash",
    dtype: torch.dtype | None = None,
) -> list[Trace]:
    """Trace modules with their inputs one after another, in one run on meta.

    Raises:
        InputError: there is no such backend.
    """
    traces = []
    with meta_run(attention) as repeated:
        for module, inputs in modules:
            recorder, memory = follow(module, inputs, OperatorRecorder, repeated, dtype=dtype)
            traces.append(Trace(tuple(recorder.operators), memory))
    return traces
