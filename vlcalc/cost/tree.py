"""A module's cost as a tree: what each submodule, and each operator of its own, contributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from vlcalc.cost.contraction import Shape
from vlcalc.cost.flops import FlopCount
from vlcalc.cost.params import count_params


@dataclass(frozen=True, slots=True)
class Node:
    """One line of the tree: a submodule, or an operator that its parent runs itself.

    Attributes:
        path: the submodule's path, "" for the whole; an operator's ends with its name.
        depth: steps below the whole.
        type: class of the submodule; "operator".
        params: parameters of the submodule and below; None for an operator.
        flops: likewise; None where it was never called.
        elements: elements that operators other than contractions go over; None as for `flops`.
        shape: what comes out; None where that is not one tensor, or not known.
    """

    path: str
    depth: int
    type: str
    params: int | None
    flops: int | None
    elements: int | None
    shape: Shape | None


def cost_tree(
    module: nn.Module, count: FlopCount, shapes: Mapping[str, Shape | None], *, depth: int
) -> Iterator[Node]:
    """Yield a module's submodules down to a depth, a parent before its own operators and children.

    The FLOPs of a parent are those of its operators and children; `shapes` are what called
    submodules give.
    """
    for path, submodule in module.named_modules():
        level = path.count(".") + 1 if path else 0
        if level > depth:
            continue
        uncalled = path in count.uncalled
        yield Node(
            path=path,
            depth=level,
            type=type(submodule).__name__,
            params=count_params(submodule),
            flops=None if uncalled else sum(count.flops[path].values()),
            elements=None if uncalled else sum(count.elements[path].values()),
            shape=shapes.get(path),
        )
        if level < depth:
            yield from _own_operators(path, submodule, count.flops, level + 1)


def _own_operators(
    path: str, submodule: nn.Module, flops: Mapping[str, Mapping[str, int]], level: int
) -> Iterator[Node]:
    """Yield what a submodule with children contracts itself; a leaf is its own operator."""
    children = [name for name, _ in submodule.named_children()]
    if not children:
        return
    own = Counter(flops[path])
    for name in children:
        own.subtract(flops.get(f"{path}.{name}" if path else name, {}))
    for operator, number in own.items():
        if number > 0:
            at = f"{path}.{operator}" if path else operator
            yield Node(at, level, "operator", None, number, None, None)
