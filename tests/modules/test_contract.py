"""What holds for every module: it runs on CPU, on meta and in half precision, image by image."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import vlcalc.modules  # noqa: E402
from vlcalc.fusion.base import FUSIONS  # noqa: E402
from vlcalc.fusion.inserted import InsertedLayers  # noqa: E402

from .examples import EXAMPLES, Example  # noqa: E402
from .helpers import num_flops, num_params, randomise  # noqa: E402

# They mix the images of a batch, and have tests of their own.
CONTRASTIVE = {
    "Blip2ObjectivesModule",
    "CaptionHead",
    "ContrastiveHeadModule",
    "DualProjectionModule",
    "Temperature",
}
# What a stack of inserted layers has, run on its own; tested with the methods inside the LLM.
PARTS_OF_INSERTED = {"CachedLayer", "Connector"}
every_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


PACKAGE = Path(vlcalc.modules.__file__).parent.parent
IMPORTED = re.compile(r"vlcalc\.modules(?:\.| import )(\w+)")


def named_by_methods() -> set[str]:
    """Return the modules that the methods name, as `file.Class`."""
    methods = [FUSIONS.get(kind) for kind in FUSIONS.names()]
    inserted = [method for method in methods if issubclass(method, InsertedLayers)]
    return {method.module for method in methods} | {method.layer for method in inserted}


def files() -> set[str]:
    """Return the files of the modules that methods name, and those that they import."""
    reached: set[str] = set()
    names = {name.split(".")[0] for name in named_by_methods()}
    while names - reached:
        reached |= names
        texts = [(PACKAGE / "modules" / f"{name}.py").read_text("utf-8") for name in names]
        names = {name for text in texts for name in IMPORTED.findall(text)}
    return {f"vlcalc.modules.{name}" for name in reached}


def modules() -> dict[str, Any]:
    """Return every module of the fusion methods; backbones have tests of their own."""
    return {
        name: value
        for source in map(importlib.import_module, sorted(files()))
        for name, value in inspect.getmembers(source, inspect.isclass)
        if issubclass(value, torch.nn.Module) and value.__module__ == source.__name__
    }


def run(module: Any, *inputs: Any) -> tuple[Any, ...]:
    result = module(*inputs)
    return result if isinstance(result, tuple) else (result,)


def test_every_module_is_part_of_an_example() -> None:
    built = [example.build() for example in EXAMPLES.values()]
    shown = {type(part).__name__ for module in built for part in module.modules()}
    assert set(modules()) - shown == CONTRASTIVE | PARTS_OF_INSERTED


@pytest.mark.parametrize("name", modules())
def test_every_module_names_its_options(name: str) -> None:
    module = modules()[name]
    parameters = list(inspect.signature(module.__init__).parameters.values())[1:]
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    kinds = {parameter.kind for parameter in parameters} - variadic
    assert kinds <= {inspect.Parameter.KEYWORD_ONLY}
    assert module.__doc__


@pytest.mark.parametrize(
    "name", sorted({type(example.build()).__name__ for example in EXAMPLES.values()})
)
def test_every_method_says_where_it_comes_from(name: str) -> None:
    module = modules()[name]
    text = f"{module.__doc__} {inspect.getmodule(module).__doc__}"
    assert "Source:" in text or "Source for all:" in text


@every_example
def test_forward_is_finite_and_has_its_shape(example: Example) -> None:
    torch.manual_seed(0)
    results = run(randomise(example.build()), *example.inputs())
    assert tuple(tuple(result.shape) for result in results) == example.shapes
    assert all(torch.isfinite(result).all() for result in results)
    assert all(result.std() > 0 for result in results if result.numel() > 2)


@every_example
def test_on_meta_the_shapes_and_parameters_are_the_same(example: Example) -> None:
    with torch.device("meta"):
        module = example.build()
    inputs = [value.to("meta") for value in example.inputs()]
    assert tuple(tuple(result.shape) for result in run(module, *inputs)) == example.shapes
    assert num_params(module) == num_params(example.build())


@every_example
def test_flops_are_linear_in_the_batch(example: Example) -> None:
    """Counted on meta; no contraction may mix images or scale with anything but their number."""
    with torch.device("meta"):
        module = example.build()
    inputs = [value.to("meta") for value in example.inputs()]
    doubled = [torch.cat([value] * 2) for value in inputs]
    assert num_flops(module, *doubled) == 2 * num_flops(module, *inputs)


@every_example
def test_each_image_is_fused_on_its_own(example: Example) -> None:
    torch.manual_seed(0)
    module = randomise(example.build())
    inputs = example.inputs()
    together = run(module, *inputs)
    second = run(module, *[value[1:] for value in inputs])
    assert together
    for both, one in zip(together, second, strict=True):
        assert torch.allclose(both[1:], one, atol=1e-5, rtol=1e-4)


@every_example
def test_bfloat16(example: Example) -> None:
    module = example.build().to(torch.bfloat16)
    inputs = [
        value.to(torch.bfloat16) if value.is_floating_point() else value
        for value in example.inputs()
    ]
    results = run(module, *inputs)
    assert {result.dtype for result in results} == {torch.bfloat16}
    assert all(torch.isfinite(result).all() for result in results)


@every_example
def test_every_part_is_called(example: Example) -> None:
    """A part that is there and never runs would be counted in one column and not in the other."""
    module = example.build()
    leaves = {name: part for name, part in module.named_modules() if not [*part.children()]}
    called = set()
    for name, part in leaves.items():
        part.register_forward_hook(lambda *_, name=name: called.add(name))
    run(module, *example.inputs())
    assert called == set(leaves)
    assert not any(isinstance(part, torch.nn.Identity) for part in leaves.values())


@every_example
def test_every_parameter_is_used(example: Example) -> None:
    """A weight that the output does not depend on would be counted and never run."""
    torch.manual_seed(0)
    module = randomise(example.build())
    if num_params(module) == 0:
        return
    sum(result.square().sum() for result in run(module, *example.inputs())).backward()
    unused = [
        name
        for name, weight in module.named_parameters()
        if weight.requires_grad and weight.grad is None
    ]
    assert unused == UNUSED.get(type(module).__name__, [])


UNUSED = {
    # The nearest code is a number: no gradient reaches the codebook through it.
    "DiscreteTokensModule": ["quantize.codes"],
}
