"""Every fusion method and every preset: closed form == 2 x fvcore == torch's counter."""

from __future__ import annotations

import pytest

from tests.cost.presets import dims_of_preset, preset_names, preset_of_each_kind
from vlcalc.cost.flops import count_flops, count_flops_with_torch
from vlcalc.cost.memory import peak_activation_bytes
from vlcalc.cost.params import count_params
from vlcalc.fusion.base import FUSIONS
from vlcalc.spec.loader import load_fusion
from vlcalc.spec.schema import FusionSpec


@pytest.mark.parametrize("name", preset_names())
def test_counts_agree(name: str) -> None:
    spec = load_fusion(name)
    dims = dims_of_preset(spec)
    module, inputs = spec.fusion.build(dims, "meta"), spec.fusion.example_inputs(dims, "meta")
    count = count_flops(module, inputs).require_complete()
    by_torch = count_flops_with_torch(module, inputs)
    assert count.total == by_torch[""] == spec.fusion.num_flops(dims)
    assert count_params(module) == spec.fusion.num_params(dims)
    for path, flops in by_torch.items():
        assert sum(count.flops[path].values()) == flops, path


def test_every_kind_has_a_preset() -> None:
    assert [spec.fusion.kind for spec in preset_of_each_kind()] == FUSIONS.names()


@pytest.mark.parametrize("spec", preset_of_each_kind(), ids=lambda spec: spec.fusion.kind)
def test_peak_activations_shrink_with_the_dtype(spec: FusionSpec) -> None:
    dims = dims_of_preset(spec)
    wide, narrow = (
        peak_activation_bytes(spec.fusion, dims, dtype=dtype, attention="flash")
        for dtype in ("float32", "bfloat16")
    )
    assert 0 < narrow <= wide
    bound = 0.5 * wide
    assert narrow >= bound  # masks, indices and what stays in float32 do not shrink
