"""Every model's parameters by component, to the last digit, and what its spec says beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vlcalc.core.errors import InputError
from vlcalc.core.known import sum_known
from vlcalc.cost.components import Components, components, dims_of
from vlcalc.fusion.base import Dims
from vlcalc.spec import catalogue
from vlcalc.spec.loader import (
    load_fusion,
    load_spec,
)
from vlcalc.spec.schema import ExtraParams, ModelSpec, Published

DATA = Path(__file__).parents[1] / "data" / "params.json"
RECORDS: dict[str, dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))
del RECORDS["_about"]

# Records that are a part of a model, and the presets of `specs/fusion` that answer to them.
PARTS = {
    "blip2-qformer-stage1": "blip2-stage1-objectives",
    "blip2-qformer-stage2-opt-2.7b": "blip2-opt-2.7b-qformer",
}
# Not released: print has rounded sizes only, which the printed shape does not give.
ROUNDED = {"flamingo-3b", "flamingo-9b", "flamingo-80b"}


def models() -> dict[str, ModelSpec]:
    """Return every model of the catalogue by name, variants included."""
    specs = (load_spec(entry.name) for entry in catalogue.entries("model"))
    return {spec.name: spec for spec in specs if isinstance(spec, ModelSpec)}


MODELS = models()
FUSED = [name for name, spec in MODELS.items() if spec.fusion]
KNOWN = [name for name in RECORDS if name in MODELS]


def recorded(name: str) -> Components:
    record = RECORDS[name]
    return Components(record["vision"], record["bridge"], record["llm"], record["other"])


def test_every_record_has_a_model() -> None:
    assert set(RECORDS) - set(MODELS) == set(PARTS)


@pytest.mark.parametrize("name", [name for name in KNOWN if name not in ROUNDED])
def test_components_are_those_of_the_record(name: str) -> None:
    ours = components(MODELS[name])
    assert ours == recorded(name)
    assert ours.total == RECORDS[name]["total"]


@pytest.mark.parametrize(("name", "preset"), PARTS.items())
def test_a_record_of_a_part_is_a_preset(name: str, preset: str) -> None:
    spec = load_fusion(preset)
    assert spec.native is not None
    dims = Dims(**spec.native.model_dump())
    assert spec.fusion.num_params(dims) == RECORDS[name]["bridge"] == RECORDS[name]["total"]


@pytest.mark.parametrize("name", sorted(ROUNDED))
def test_a_model_that_is_not_released_has_its_printed_encoder(name: str) -> None:
    assert components(MODELS[name]).vision == RECORDS[name]["vision"]


@pytest.mark.parametrize("name", FUSED)
def test_a_model_with_a_fusion_method_fits_together(name: str) -> None:
    spec = MODELS[name]
    assert spec.fusion is not None
    dims = dims_of(spec)
    spec.fusion.check(dims)
    assert spec.fusion.num_flops(dims) >= 0
    assert components(spec).total is not None


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        (name, figure)
        for name in FUSED
        for figure in MODELS[name].published
        if figure.metric == "params" or (figure.metric == "params_rounded" and name not in ROUNDED)
    ],
    ids=lambda value: value if isinstance(value, str) else value.metric,
)
def test_published_totals_are_ours_unless_a_note_says_why(name: str, figure: Published) -> None:
    total = components(MODELS[name]).total
    tolerance = 0.005 if figure.metric == "params_rounded" else 0
    assert figure.value == pytest.approx(total, rel=tolerance) or figure.note


def test_the_grid_is_asked_for_or_the_encoders_own() -> None:
    spec = MODELS["llava-1.5-7b"]
    assert dims_of(spec)[:4] == (1024, 4096, 24, 24)
    assert dims_of(spec, columns=30, rows=10)[2:4] == (30, 10)
    assert dims_of(MODELS["deepseek-vl2"]).columns == 28  # 27 patches, padded to whole squares
    assert dims_of(MODELS["fuyu-8b"]).columns == 1
    assert dims_of(MODELS["visualbert-nlvr2"])[:4] == (1024, 768, 144, 1)


def test_a_language_model_without_a_shape_has_no_dims() -> None:
    spec = MODELS["gemma4-e4b"]
    assert components(spec) == (None, None, None, 0)
    with pytest.raises(InputError, match="a language model whose shape is known"):
        dims_of(spec)


def test_a_sum_of_unknowns_is_unknown() -> None:
    assert sum_known([1, 2]) == 3
    assert sum_known([1, None]) is None


@pytest.mark.parametrize("fields", [{}, {"params": 1, "num_text_vectors": 1}])
def test_extra_params_are_counted_in_one_way(fields: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="exactly one of `params`, `num_text_vectors`"):
        ExtraParams.model_validate({"what": "a vector", "component": "fusion", **fields})


def test_a_generator_of_images_is_counted_in_every_size() -> None:
    ours = components(MODELS["janus-pro-7b"])
    assert (ours.total, ours.other) == (7_407_773_323, 172_739_211)


def test_biases_of_routers_are_buffers_and_no_parameters() -> None:
    """What the Hub counts beside parameters is said to be buffers, and how many."""
    buffers = {"kimi-vl-a3b": 26 * 64 + 27 * 64, "glm-4.6v": 45 * 128}
    for name, more in buffers.items():
        (published,) = MODELS[name].published
        total = components(MODELS[name]).total
        assert total is not None
        assert published.value - total == more
        assert f"{more:,} more" in published.note
