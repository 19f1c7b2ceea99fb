"""No forward pass makes a tensor elsewhere than its inputs: on a GPU it would fail, or wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.cost.presets import CLIP_AND_VICUNA, dims_taken_by, preset_of_each_kind
from vlcalc.measurement.components import component_cases
from vlcalc.measurement.targets import Choices
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import FusionSpec, ModelSpec


class Elsewhere(TorchDispatchMode):
    """Note every operator that meets a tensor that is not on meta."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs, out)):
            if isinstance(leaf, Tensor) and leaf.device.type != "meta":
                self.names.add(str(func))
        return out


def elsewhere(module: nn.Module, inputs: tuple[Tensor, ...]) -> set[str]:
    module = module.requires_grad_(requires_grad=False).eval()
    mode = Elsewhere()
    with torch.no_grad(), mode:
        module(*inputs)
    return mode.names


@pytest.mark.parametrize("spec", preset_of_each_kind(), ids=lambda spec: spec.fusion.kind)
def test_methods_stay_on_their_device(spec: FusionSpec) -> None:
    dims = dims_taken_by(spec.fusion, CLIP_AND_VICUNA)
    module, inputs = spec.fusion.build(dims, "meta"), spec.fusion.example_inputs(dims, "meta")
    assert elsewhere(module, inputs) == set()


@pytest.mark.parametrize("name", ["llava-1.5-7b", "qwen2.5-vl-7b", "llama-3.2-11b-vision-instruct"])
def test_components_stay_on_their_device(name: str) -> None:
    spec = load_spec(name)
    assert isinstance(spec, ModelSpec)
    for case in component_cases(spec, Choices(tile_sides_px=(672,))):
        found = elsewhere(case.build_module("meta"), case.build_inputs("meta"))
        assert found == set(), case.target


def test_a_tensor_of_the_cpu_is_seen() -> None:
    class Looks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[torch.arange(2)]

    assert elsewhere(Looks(), (torch.ones(4, device="meta"),)) >= {"aten.arange.default"}
