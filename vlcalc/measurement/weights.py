"""Random weights and inputs on a device, from modules that were built on meta.

Zeros would not do: they make denormal and skipped work. A normal tensor of some size is repeated,
which fills memory as fast as it can be written; drawing billions of numbers takes minutes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from math import ceil

import torch
from torch import Tensor, nn

from vlcalc.cost.meta import tensor_bytes

Inputs = tuple[Tensor, ...]

# A prime, so that rows of a matrix do not start alike.
POOL_SIZE = 1_000_003
WEIGHT_STD = 0.02
# Input sets are as many as fill the last-level caches of CPUs and GPUs, within these bounds.
CACHES_BYTES = 64 * 2**20
MIN_SETS, MAX_SETS = 2, 16


def placed_module(build: Callable[[str], nn.Module], device: str, dtype: torch.dtype) -> nn.Module:
    """Return a module on a device: random, frozen, in eval mode; tied weights stay tied.

    Integers are indices: a module that has such buffers is built where it will be.
    """
    module = build("meta")
    if not all(buffer.is_floating_point() for buffer in module.buffers()):
        module = build(device)
    memo: dict[int, object] = {}
    for parameter in module.parameters():
        filled = normal_like(parameter, device, dtype, std=WEIGHT_STD)
        memo[id(parameter)] = nn.Parameter(filled, requires_grad=False)
    for buffer in module.buffers():
        if buffer.is_floating_point():
            memo[id(buffer)] = normal_like(buffer, device, dtype)
    placed: nn.Module = copy.deepcopy(module, memo)
    return placed.eval()


def input_sets(build: Callable[[str], Inputs], device: str, dtype: torch.dtype) -> Iterator[Inputs]:
    """Yield as many sets of inputs as no cache holds: random numbers, and ids as they are built."""
    shapes = build("meta")
    ids: dict[int, Tensor] = {}
    if not all(each.is_floating_point() for each in shapes):
        built = enumerate(build(device))
        ids = {at: each for at, each in built if not each.is_floating_point()}
    for _ in range(num_input_sets(shapes)):
        yield tuple(
            ids[at].clone() if at in ids else normal_like(each, device, dtype)
            for at, each in enumerate(shapes)
        )


def normal_like(tensor: Tensor, device: str, dtype: torch.dtype, *, std: float = 1.0) -> Tensor:
    """Return normally distributed values in the shape of a tensor; they repeat after a while."""
    size = tensor.numel()
    pool = (torch.randn(min(size, POOL_SIZE), device=device) * std).to(dtype)
    filled = torch.empty(size, device=device, dtype=dtype)
    whole = size // POOL_SIZE * POOL_SIZE
    if whole:
        filled[:whole].view(-1, POOL_SIZE).copy_(pool)
    filled[whole:] = pool[: size - whole]
    return filled.view(tensor.shape)


def num_input_sets(inputs: Inputs) -> int:
    """Return how many sets of inputs no cache holds all of."""
    size = max(1, tensor_bytes(inputs))
    return min(MAX_SETS, max(MIN_SETS, ceil(CACHES_BYTES / size)))
