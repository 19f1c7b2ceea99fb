"""Parameters of a module: unique tensors, tied ones once; buffers never."""

from __future__ import annotations

from torch import nn


def count_params(module: nn.Module) -> int:
    """Return the parameters of a module and all below it."""
    return sum(parameter.numel() for parameter in module.parameters())


def params_by_module(module: nn.Module) -> dict[str, int]:
    """Return the parameters of each submodule by its path; the module itself is called "".

    A tensor that two submodules share counts in both, and once in what contains both.
    """
    return {name: count_params(submodule) for name, submodule in module.named_modules()}
