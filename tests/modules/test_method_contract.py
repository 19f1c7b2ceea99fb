"""What holds for every fusion method and every preset: it is its module, by its closed forms."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import vlcalc  # noqa: E402
from tests.fusion.presets import preset  # noqa: E402
from vlcalc.core.errors import InputError  # noqa: E402
from vlcalc.fusion.base import FUSIONS, Dims, Fusion, construct  # noqa: E402
from vlcalc.fusion.inserted import InsertedLayers  # noqa: E402
from vlcalc.fusion.per_view import PerView  # noqa: E402
from vlcalc.fusion.pipeline import TextPipeline  # noqa: E402
from vlcalc.fusion.resampler import Resampler  # noqa: E402
from vlcalc.spec import catalogue  # noqa: E402

from .helpers import num_flops, num_params  # noqa: E402

KINDS = FUSIONS.names()
PRESETS = [path.stem for path in catalogue.files("fusion")]
# Of those that say nothing of what they were built for: the first that the method can take.
CANDIDATES = (
    Dims(vision_width=1024, text_width=4096, columns=24, rows=24),
    Dims(vision_width=768, text_width=768, columns=24, rows=24),
)
# Each image is compared with each text, b x b times: the width of one such product.
PAIRWISE: dict[str, Callable[[Any, Dims], int]] = {
    "blip2_objectives": lambda fusion, _: fusion.num_queries * fusion.contrastive_width,
    "contrastive_head": lambda _, dims: dims.text_width,
    "dual_projection": lambda fusion, _: fusion.projection_width,
}
NUM_TEXT_TOKENS = 8


@cache
def method(name: str) -> tuple[Fusion, Dims]:
    """Return a preset's method and dims that it can take: two pairs with a short text."""
    spec = preset(name)
    native = [Dims(**spec.native.model_dump())] if spec.native else []
    for dims in (*native, *CANDIDATES):
        around = dims._replace(batch_size=2, num_text_tokens=NUM_TEXT_TOKENS)
        try:
            spec.fusion.check(around)
        except InputError:
            continue
        return spec.fusion, around
    raise AssertionError(f"{name} takes none of the dims")


def outputs(fusion: Fusion, dims: Dims) -> tuple[Any, ...]:
    with torch.no_grad():
        out = fusion.build(dims).eval()(*fusion.example_inputs(dims))
    return out if isinstance(out, tuple) else (out,)


def test_every_method_has_a_preset() -> None:
    assert {method(name)[0].kind for name in PRESETS} == set(KINDS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_its_module(name: str) -> None:
    """Parameters and FLOPs of the module are those of the closed forms, of more than one image."""
    fusion, dims = method(name)
    module = fusion.build(dims)
    assert {weight.device.type for weight in module.parameters()} <= {"meta"}
    assert num_params(module) == fusion.num_params(dims)
    assert num_flops(module, *fusion.example_inputs(dims)) == fusion.num_flops(dims)


@pytest.mark.parametrize("name", PRESETS)
def test_what_comes_out_follows_the_token_rule(name: str) -> None:
    fusion, dims = method(name)
    out = outputs(fusion, dims)
    tokens = fusion.num_image_tokens(dims)
    if isinstance(fusion, InsertedLayers):
        assert tokens == fusion.num_markers
        assert out[0].shape == (2, NUM_TEXT_TOKENS + tokens, dims.text_width)
    elif isinstance(fusion, Resampler):
        vectors = fusion.num_vectors(dims)
        assert tokens == (vectors if fusion.enters_sequence else 0)
        assert out[0].shape[0] * out[0].shape[1] == 2 * vectors
        assert out[0].shape[2] == fusion.output_width(dims)
    elif isinstance(fusion, TextPipeline) or fusion.kind == "single_stream":
        assert out[0].shape[:2] == (2, tokens + NUM_TEXT_TOKENS)
    elif tokens:
        shapes = [tuple(each.shape) for each in out]  # of nested sizes, one is used
        assert any(shape[0] * shape[1] == 2 * tokens for shape in shapes)
    else:
        assert fusion.taxonomy != "mid" or fusion.kind == "blip2_objectives"


@pytest.mark.parametrize("name", PRESETS)
def test_four_times_the_batch_is_four_times_the_work(name: str) -> None:
    fusion, dims = method(name)
    more = dims._replace(batch_size=4 * dims.batch_size)
    assert fusion.num_image_tokens(more) == fusion.num_image_tokens(dims)
    assert fusion.num_params(more) == fusion.num_params(dims)
    once, four_times = fusion.num_flops(dims), fusion.num_flops(more)
    width = PAIRWISE[fusion.kind](fusion, dims) if fusion.kind in PAIRWISE else 0
    similarities = 2 * dims.batch_size**2 * width
    assert four_times == 4 * (once - similarities) + 16 * similarities


PER_VIEW = [name for name in PRESETS if isinstance(method(name)[0], PerView | Resampler)]


@pytest.mark.parametrize("name", PER_VIEW)
def test_three_views_are_three_times_the_work(name: str) -> None:
    fusion, dims = method(name)
    one, three = dims._replace(num_views=1), dims._replace(num_views=3)
    assert fusion.num_flops(three) == 3 * fusion.num_flops(one)
    assert fusion.num_image_tokens(three) == 3 * fusion.num_image_tokens(one)
    assert fusion.num_context_tokens(three) == 3 * fusion.num_context_tokens(one)


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_stand_in_the_fields_alone(kind: str) -> None:
    method_type = FUSIONS.get(kind)
    names = [method_type.module]
    names += [method_type.layer] if issubclass(method_type, InsertedLayers) else []
    for name in names:
        file, class_name = name.split(".")
        module_type = getattr(importlib.import_module(f"vlcalc.modules.{file}"), class_name)
        parameters = inspect.signature(module_type).parameters.values()
        assert [each.name for each in parameters if each.default is not each.empty] == []
    assert set(method_type.outside_module) <= set(method_type.model_fields)


def test_a_field_that_the_module_does_not_take_is_an_error() -> None:
    dims = CANDIDATES[0]
    with pytest.raises(TypeError, match="unexpected keyword argument 'width'"):
        construct("projection.LinearProjector", {"bias": True, "width": 3}, dims)
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'bias'"):
        construct("projection.LinearProjector", {}, dims)


def test_no_public_name_of_the_two_rooms_is_used_twice() -> None:
    package = Path(vlcalc.__file__).parent
    places: dict[str, list[str]] = defaultdict(list)
    for path in package.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(package).as_posix())
    rooms = ("fusion/", "modules/")
    shared = {
        name: files
        for name, files in places.items()
        if len(files) > 1 and any(file.startswith(rooms) for file in files)
    }
    assert shared == {}
