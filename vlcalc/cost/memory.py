"""Peak memory of a forward pass: live bytes of storages, followed on meta.

A storage lives from the operator that gives it until Python and torch let go of it, on meta as on
a device, so that the peak is that of the allocator. What a kernel allocates and frees within
itself (workspaces, reordered weights) is not seen.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vlcalc.core.dtypes import parse_dtype
from vlcalc.cost.kernels import kernels_of
from vlcalc.cost.meta import inputs_to_meta, tensor_bytes, to_meta, weights_of
from vlcalc.cost.repeated import RepeatedOperators
from vlcalc.fusion.base import Dims, Fusion


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """Bytes of one forward pass.

    Attributes:
        weight_bytes: parameters and buffers.
        input_bytes: what goes in; it stays alive throughout.
        peak_activation_bytes: most bytes alive at once besides weights and inputs.
        output_bytes: what comes out; part of the activations.
    """

    weight_bytes: int
    input_bytes: int
    peak_activation_bytes: int
    output_bytes: int

    @property
    def peak_bytes(self) -> int:
        """All of it at the worst moment."""
        return self.weight_bytes + self.input_bytes + self.peak_activation_bytes


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follow the bytes of every storage that an operator gives, until it dies.

    Attributes:
        live_bytes: alive now.
        peak_bytes: most that were alive at once.
    """

    def __init__(
        self,
        weights: tuple[Tensor, ...],
        inputs: tuple[Tensor, ...],
        repeated: RepeatedOperators | None = None,
    ) -> None:
        """Start with a module's weights and inputs, which are not to be counted.

        Args:
            weights: parameters and buffers.
            inputs: what goes in.
            repeated: what operators gave before, in other modules too.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.live_bytes = 0
        self.peak_bytes = 0
        self._known = {id(tensor.untyped_storage()) for tensor in (*weights, *inputs)}
        self._repeated = repeated or RepeatedOperators()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = self._repeated(func, args, kwargs or {})
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._follow(leaf.untyped_storage())
        return out

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(storage, self._forget, key, size).atexit = False

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live_bytes -= size


Tracker = TypeVar("Tracker", bound=LiveBytes)


def peak_memory(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    *,
    attention: str = "flash",
    dtype: torch.dtype | None = None,
) -> PeakMemory:
    """Follow a module's forward pass on a copy of it on meta.

    Args:
        module: any module, on any device; it is not changed.
        inputs: the positional arguments of its forward pass, on any device.
        attention: the backend that attention runs on: `math`, `flash`, `efficient`, `cpu`.
        dtype: of weights and floating-point inputs; what they have by default.

    Raises:
        InputError: there is no such backend.
    """
    with meta_run(attention) as repeated:
        return follow(module, inputs, LiveBytes, repeated, dtype=dtype)[1]


@contextmanager
def meta_run(attention: str) -> Iterator[RepeatedOperators]:
    """Let modules run on meta with the kernels of an attention backend, one after another.

    Yields what operators gave, for all of them.

    Raises:
        InputError: there is no such backend.
    """
    with kernels_of(attention), torch.no_grad():
        yield RepeatedOperators()


def follow(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    tracker_type: Callable[..., Tracker],
    repeated: RepeatedOperators,
    *,
    dtype: torch.dtype | None,
) -> tuple[Tracker, PeakMemory]:
    """Run a copy of a module under a tracker, in a `meta_run`; return what it saw."""
    module, inputs = to_meta(module, dtype), inputs_to_meta(inputs, dtype)
    weights = tuple(weights_of(module))
    tracker = tracker_type(weights, inputs, repeated)
    with tracker:
        outputs = module(*inputs)
    given = tuple(leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor))
    return tracker, PeakMemory(
        weight_bytes=tensor_bytes(weights),
        input_bytes=tensor_bytes(inputs),
        peak_activation_bytes=tracker.peak_bytes,
        output_bytes=tensor_bytes(given),
    )


def peak_activation_bytes(fusion: Fusion, dims: Dims, *, dtype: str, attention: str) -> int:
    """Return the most activation bytes that a fusion method has alive at once.

    Raises:
        InputError: there is no such dtype or backend, or the method refuses the dims.
    """
    named = dtype_named(dtype)
    module, inputs = fusion.build(dims, "meta"), fusion.example_inputs(dims, "meta")
    return peak_memory(module, inputs, attention=attention, dtype=named).peak_activation_bytes


def dtype_named(name: str, *, where: str = "") -> torch.dtype:
    """Return torch's dtype of a name.

    Raises:
        InputError: there is none that a model can run in.
    """
    dtype: torch.dtype = getattr(torch, parse_dtype(name, where=where))
    return dtype
