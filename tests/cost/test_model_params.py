"""Every model's parameters by component, to the last digit, and what its spec says beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vlcalc.components import Components, components, dims_of, sum_known
from vlcalc.errors import InputError
from vlcalc.spec import catalogue, load_spec
from vlcalc.spec.schema import ExtraParams, ModelSpec

DATA = Path(__file__).parents[1] / "data" / "params.json"
RECORDS: dict[str, dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))
del RECORDS["_about"]

# Records that are a part of a model: presets of `specs/fusion` answer to them.
PARTS = {"blip2-qformer-stage1", "blip2-qformer-stage2-opt-2.7b"}
# Regions come from a detector that is no part of the model, so that there is no image to count.
NO_IMAGES = {"visualbert-vqa-coco-pre", "visualbert-nlvr2"}
# Not released: print has rounded sizes only, which the printed shape does not give.
ROUNDED = {"flamingo-3b", "flamingo-9b", "flamingo-80b"}
# Components that are not modelled, and why.
UNKNOWN = {
    "molmo-7b-d": {"fusion"},  # attention within each square of 2 x 2 visual tokens
    "kosmos-2": {"fusion"},  # one attention layer from latents to themselves and the image
    "chameleon-7b": {"vision", "fusion"},  # its VQ-GAN is a tokeniser, and the codes are words
}


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
    assert set(RECORDS) - set(MODELS) == PARTS | NO_IMAGES


@pytest.mark.parametrize("name", [name for name in KNOWN if name not in ROUNDED | set(UNKNOWN)])
def test_components_are_those_of_the_record(name: str) -> None:
    ours = components(MODELS[name])
    assert ours == recorded(name)
    assert ours.total == RECORDS[name]["total"]


@pytest.mark.parametrize("name", UNKNOWN)
def test_components_that_are_known_are_those_of_the_record(name: str) -> None:
    ours, theirs = components(MODELS[name])._asdict(), recorded(name)._asdict()
    assert {part for part, params in ours.items() if params is None} == UNKNOWN[name]
    assert all(params in (None, theirs[part]) for part, params in ours.items())
    assert components(MODELS[name]).total is None


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


@pytest.mark.parametrize("name", FUSED)
def test_published_totals_are_ours_unless_a_note_says_why(name: str) -> None:
    total = components(MODELS[name]).total
    for figure in MODELS[name].published:
        if figure.metric == "params":
            assert figure.value == total or figure.note
        elif figure.metric == "params_rounded" and name not in ROUNDED:
            assert figure.value == pytest.approx(total, rel=0.005) or figure.note


def test_the_grid_is_asked_for_or_the_encoders_own() -> None:
    spec = MODELS["llava-1.5-7b"]
    assert dims_of(spec)[:4] == (1024, 4096, 24, 24)
    assert dims_of(spec, columns=30, rows=10)[2:4] == (30, 10)
    assert dims_of(MODELS["deepseek-vl2"]).columns == 28  # 27 patches, padded to whole squares
    assert dims_of(MODELS["fuyu-8b"]).columns == 1


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
