"""Run an operator on meta once for each set of shapes, and repeat what it gave after that.

Many operators are Python on meta, some hundred times slower than making an empty tensor; a stack of
equal layers calls them with the same shapes again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves


class FreshTensor(NamedTuple):
    """All there is to a fresh tensor on meta."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


class RepeatedOperators:
    """Calls operators, on meta by what they gave for the same shapes before where that is safe."""

    def __init__(self) -> None:
        self._layouts: dict[Hashable, tuple[FreshTensor, ...]] = {}

    def __call__(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Return what the operator gives: fresh tensors where their layouts are known."""
        key = _key(func, args, kwargs) if _makes_new(func) else None
        if key is not None and key in self._layouts:
            made = tuple(_fresh(layout) for layout in self._layouts[key])
            return made if len(made) > 1 else made[0]
        out = func(*args, **kwargs)
        outputs = out if isinstance(out, tuple) else (out,)
        if key is not None and all(_is_new(each, args) for each in outputs):
            self._layouts[key] = tuple(
                FreshTensor(tuple(each.shape), each.stride(), each.dtype) for each in outputs
            )
        return out


def _fresh(layout: FreshTensor) -> Tensor:
    return torch.empty_strided(layout.shape, layout.stride, dtype=layout.dtype, device="meta")


def _makes_new(func: Any) -> bool:
    """Tell whether an operator neither changes its inputs nor returns a view of them."""
    schema = getattr(func, "_schema", None)
    if schema is None:
        return False
    return all(each.alias_info is None for each in (*schema.arguments, *schema.returns))


def _is_new(tensor: Any, args: tuple[Any, ...]) -> bool:
    """Tell whether an output fills a storage of its own; `_unsafe_view` hides that it does not."""
    if not isinstance(tensor, Tensor) or tensor.device.type != "meta" or not tensor.is_contiguous():
        return False
    storage = tensor.untyped_storage()
    inputs = (leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor))
    if any(each.untyped_storage() is storage for each in inputs):
        return False
    return storage.nbytes() == tensor.numel() * tensor.itemsize


def _key(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
    key = (func, _described(args), _described(tuple(sorted(kwargs.items()))))
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _described(value: Any) -> Any:
    if isinstance(value, Tensor):
        return FreshTensor(tuple(value.shape), value.stride(), value.dtype), value.device.type
    if isinstance(value, list | tuple):
        return tuple(_described(item) for item in value)
    # 1, 1.0 and True are equal as keys, but not as arguments.
    return type(value), value
