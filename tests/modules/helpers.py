"""What the module tests share: counting, and loading weights under other names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vlcalc.fusion.base import FUSIONS, Dims, Fusion
from vlcalc.fusion.inserted import InsertedLayers

DATA = Path(__file__).parents[1] / "data"


def read_json(name: str) -> Any:
    """Read a file of facts."""
    return json.loads((DATA / name).read_text(encoding="utf-8"))


AROUND = {"vision_width": 1024, "text_width": 4096, "columns": 24, "rows": 24}


def method(kind: str, **options: Any) -> tuple[Fusion, Dims]:
    """Return a method and what surrounds it, from the fields and the dims by their names.

    Without a text width, nothing is projected to it.
    """
    fields = FUSIONS.get(kind).model_fields
    if "project" in fields and "text_width" not in options:
        options = {"project": False, **options}
    own = {name: value for name, value in options.items() if name in fields}
    dims = {name: value for name, value in options.items() if name not in fields}
    return FUSIONS.get(kind).model_validate({"kind": kind, **own}), Dims(**{**AROUND, **dims})


def built(kind: str, **options: Any) -> Any:
    """Return a method's module, on the device of the context."""
    fusion, dims = method(kind, **options)
    return fusion.make_module(dims)


def built_layer(kind: str, **options: Any) -> Any:
    """Return one layer of a method inside the language model."""
    fusion, dims = method(kind, **options)
    assert isinstance(fusion, InsertedLayers)
    return fusion.build_layer(dims)


def num_params(module: nn.Module) -> int:
    """Count unique parameters; buffers never."""
    return sum(parameter.numel() for parameter in module.parameters())


def num_flops(module: nn.Module, *inputs: Tensor) -> int:
    """Count the FLOPs of a forward pass on the meta device with torch's own counter."""
    module.requires_grad_(requires_grad=False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    total: int = counter.get_total_flops()
    return total


def load(ours: nn.Module, theirs: nn.Module, renames: Mapping[str, str]) -> None:
    """Copy all weights of the reference into our module: every one, none left over.

    Each key of `renames` that occurs in a name of the reference is replaced, in order.
    """
    state = {}
    for name, weight in theirs.state_dict().items():
        renamed = name
        for old, new in renames.items():
            renamed = renamed.replace(old, new)
        state[renamed] = weight
    ours.load_state_dict(state, strict=True)


def randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give every parameter a value that no initialisation would: norms and gates included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
            if parameter.ndim < 2:
                parameter.add_(0.7)
    return module.eval()


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    """Agree within 1e-5 of the largest value, the bound of float32."""
    assert ours.shape == theirs.shape
    scale = theirs.abs().max().clamp(min=1.0)
    assert torch.isfinite(ours).all()
    assert (ours - theirs).abs().max() <= 1e-5 * scale
