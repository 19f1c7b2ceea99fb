"""FLOPs of a module on meta: fvcore's analysis with our handles, and torch's counter beside it.

A FLOP count is 2 per multiply-accumulate of a contraction; causal attention counts in full.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.utils.flop_counter import FlopCounterMode

from vlcalc.core.errors import InputError
from vlcalc.cost.contraction import Shape, trilinear_macs
from vlcalc.cost.handles import ELEMENTWISE, all_handles
from vlcalc.cost.meta import inputs_to_meta, operator_replaced, to_meta, watched
from vlcalc.cost.operators import FREE

with warnings.catch_warnings():
    # It decorates functions with `torch.jit.script`, which torch 2.13 deprecates.
    warnings.filterwarnings("ignore", r"`?torch\.jit\.", DeprecationWarning)
    from fvcore.nn import FlopCountAnalysis

aten = torch.ops.aten

Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class FlopCount:
    """What one forward pass costs.

    Attributes:
        flops: FLOPs of each submodule by contraction; the module itself is called "".
        elements: elements that other operators go over, likewise.
        unsupported: operators without a formula, and how often they came; their cost is unknown.
        uncalled: submodules that were never called, or whose result nothing uses.
    """

    flops: Counts
    elements: Counts
    unsupported: Mapping[str, int]
    uncalled: tuple[str, ...]

    @property
    def total(self) -> int:
        """FLOPs of the whole module."""
        return sum(self.flops[""].values())

    @property
    def total_elements(self) -> int:
        """Elements that operators other than contractions go over."""
        return sum(self.elements[""].values())

    def require_complete(self) -> FlopCount:
        """Return the count, if it counts everything.

        Raises:
            InputError: an operator has no formula, or a submodule was never called.
        """
        if self.unsupported:
            got = ", ".join(f"`{name}` ({times} x)" for name, times in self.unsupported.items())
            raise InputError(expected="operators whose cost is known", got=got)
        if self.uncalled:
            got = ", ".join(f"`{name}`" for name in self.uncalled)
            raise InputError(expected="submodules that are all called", got=f"never called: {got}")
        return self


def count_flops(module: nn.Module, inputs: tuple[Tensor, ...]) -> FlopCount:
    """Count a module's forward pass with fvcore on a copy of it on meta.

    Args:
        module: any module, on any device; it is not changed.
        inputs: the positional arguments of its forward pass, on any device.
    """
    module, inputs = to_meta(module), inputs_to_meta(inputs)
    called: set[str] = set()
    analysis = FlopCountAnalysis(module, inputs)
    analysis.set_op_handle(**all_handles()).set_op_handle(**dict.fromkeys(FREE))
    analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    tell = watched(module, lambda path, _out: called.add(path))
    with tell, _recordable_convolutions(), torch.no_grad():
        counts = analysis.by_module_and_operator()
    return FlopCount(
        flops={name: _flops(counter) for name, counter in counts.items()},
        elements={name: _elements(counter) for name, counter in counts.items()},
        unsupported=dict(analysis.unsupported_ops()),
        uncalled=tuple(_uncalled(module, analysis.uncalled_modules(), called)),
    )


def _flops(counter: Counter[str]) -> dict[str, int]:
    return {name: 2 * macs for name, macs in counter.items() if not name.startswith(ELEMENTWISE)}


def _elements(counter: Counter[str]) -> dict[str, int]:
    return {
        name.removeprefix(ELEMENTWISE): number
        for name, number in counter.items()
        if name.startswith(ELEMENTWISE)
    }


def _uncalled(module: nn.Module, untraced: set[str], called: set[str]) -> Iterator[str]:
    """Yield the submodules whose cost is missing.

    A container never is called itself. A called submodule that left no operator in the graph lost
    its cost only if it has weights: the tracer drops what the output does not depend on.
    `nn.MultiheadAttention` reads the weights of its output layer without calling it.
    """
    for name, submodule in module.named_modules():
        if isinstance(submodule, NonDynamicallyQuantizableLinear):
            continue
        if name not in untraced or any(each.startswith(f"{name}.") for each in called):
            continue
        has_forward = type(submodule).forward is not nn.Module.forward
        has_weights = any(True for _ in submodule.parameters())
        container = isinstance(submodule, (nn.ModuleList, nn.ModuleDict))
        if has_weights if name in called or container else has_forward:
            yield name


def _recorded_convolution(*args: Any) -> Any:
    """Run the operator that the tracer records, with the four backend flags that it adds."""
    backend_flags = (False, False, False, False)
    return aten._convolution(*args, *backend_flags)  # noqa: SLF001


@contextmanager
def _recordable_convolutions() -> Iterator[None]:
    """Let convolutions on meta be traced.

    Tracing does not record the operator `convolution`, and runs its meta kernel in Python with
    sizes that are tensors, where its checks fail; the operator inside it is recorded.
    """
    with operator_replaced("convolution", "Meta", _recorded_convolution):
        yield


def count_flops_with_torch(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, int]:
    """Count with torch's own counter: FLOPs of each called submodule, "" for the whole.

    What torch leaves out is given to it: products with a vector, and the bilinear layer.
    """
    module, inputs = to_meta(module), inputs_to_meta(inputs)
    counter = FlopCounterMode(display=False, custom_mapping=_MISSING_IN_TORCH)
    with counter, torch.no_grad():
        module(*inputs)
    root = type(module).__name__
    counts = {
        name.removeprefix(f"{root}."): sum(operators.values())
        for name, operators in counter.get_flop_counts().items()
        if name not in ("Global", root)
    }
    return {"": counter.get_total_flops(), **counts}


def _vector_product(left: Shape, *_others: Any, **_options: Any) -> int:
    return 2 * prod(left)


def _added_vector_product(_added: Shape, matrix: Shape, *_others: Any, **_options: Any) -> int:
    return 2 * prod(matrix)


def _added_batch_sum(
    _added: Shape, left: Shape, right: Shape, *_others: Any, **_options: Any
) -> int:
    return 2 * prod(left) * right[-1]


def _trilinear(first: Shape, weight: Shape, *_others: Any, **_options: Any) -> int:
    return 2 * trilinear_macs(prod(first[:-1]), tuple(weight[-3:]))


_MISSING_IN_TORCH: dict[Any, Any] = {
    aten.mv: _vector_product,
    aten.dot: _vector_product,
    aten.vdot: _vector_product,
    aten.addmv: _added_vector_product,
    aten.addbmm: _added_batch_sum,
    aten._trilinear: _trilinear,  # noqa: SLF001
}
