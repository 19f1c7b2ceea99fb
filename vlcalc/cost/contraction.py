"""Multiply-accumulates of contractions from shapes alone, as torch evaluates them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

Shape = tuple[int, ...]
Labels = tuple[str, ...]

# Axes under `...` are given labels that no equation can write, counted from the last axis.
_ELLIPSIS = "..."


def convolution_macs(grid: Shape, weight: Shape) -> int:
    """Return the multiply-accumulates of a convolution.

    Args:
        grid: shape of the output, of the input where the convolution is transposed.
        weight: shape of the filter, which is already divided by the groups.
    """
    return grid[0] * prod(weight) * prod(grid[2:])


def trilinear_macs(rows: int, weight: Shape) -> int:
    """Return those of x W y: first x with W, then the result with y."""
    outputs, first, second = weight
    return rows * outputs * second * (first + 1)


def einsum_macs(equation: str, shapes: Sequence[Shape], path: Sequence[int] | None = None) -> int:
    """Return those of `torch.einsum`, which contracts two operands at a time.

    Args:
        equation: as given to `torch.einsum`.
        shapes: the operands' shapes.
        path: pairs of operand positions, flat; left to right by default.
    """
    operands, output = _parse(equation, shapes)
    total = 0
    for left, right in _pairs(len(operands), path):
        first, second = operands[left], operands[right]
        operands = [each for at, each in enumerate(operands) if at not in (left, right)]
        kept = set(output).union(*operands)
        macs, result = _contract(first, second, kept)
        total += macs
        operands.append(result)
    return total


def _contract(
    first: dict[str, int], second: dict[str, int], kept: set[str]
) -> tuple[int, dict[str, int]]:
    """Return the cost of one pair and what comes out; a pair with nothing to sum multiplies only.

    An axis that only one of them has (longer than 1) and nobody needs is summed before.
    """
    shared = {label for label in first if first[label] > 1 and second.get(label, 1) > 1}
    sizes = {k: max(first.get(k, 1), second.get(k, 1)) for k in {**first, **second}}
    result = {label: size for label, size in sizes.items() if label in kept}
    summed = [label for label in shared if label not in kept]
    if not summed:
        return 0, result
    return prod(result.values()) * prod(sizes[label] for label in summed), result


def _pairs(number: int, path: Sequence[int] | None) -> list[tuple[int, int]]:
    if path:
        return list(zip(path[::2], path[1::2], strict=True))
    # The result goes last in the list of operands: the second step takes it with the next one.
    return [(0, 1), *((left - 1, 0) for left in range(number - 1, 1, -1))] if number > 1 else []


def _parse(equation: str, shapes: Sequence[Shape]) -> tuple[list[dict[str, int]], Labels]:
    """Return each operand's sizes by label, and the labels of the output."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    operands = [_labelled(term, shape) for term, shape in zip(terms, shapes, strict=True)]
    if arrow:
        hidden = tuple({label for each in operands for label in each if label[0] == "."})
        return operands, (*right.replace(_ELLIPSIS, ""), *(hidden if _ELLIPSIS in right else ()))
    letters = "".join(terms).replace(_ELLIPSIS, "")
    once = tuple(letter for letter in letters if letters.count(letter) == 1)
    dots = tuple({label for each in operands for label in each if label[0] == "."})
    return operands, (*once, *dots)


def _labelled(term: str, shape: Shape) -> dict[str, int]:
    before, _, after = term.partition(_ELLIPSIS)
    number = len(shape) - len(before) - len(after)
    labels = [*before, *(f".{at}" for at in range(number, 0, -1)), *after]
    return dict(zip(labels, shape, strict=True))
