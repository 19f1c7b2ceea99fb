"""Every number of a spec is bounded above, so that no count of 40 digits reaches a computation."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Annotated, Any, get_args, get_origin

import pytest
from annotated_types import Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOMS = ("vlcalc.spec", "vlcalc.tiling", "vlcalc.fusion", "vlcalc.backbones")


def modules_of(room: str) -> Iterator[ModuleType]:
    package = importlib.import_module(room)
    for info in pkgutil.walk_packages(package.__path__, f"{room}."):
        yield importlib.import_module(info.name)


def models() -> list[type[BaseModel]]:
    members = [
        member for room in ROOMS for module in modules_of(room) for member in vars(module).values()
    ]
    return list(
        dict.fromkeys(m for m in members if isinstance(m, type) and issubclass(m, BaseModel))
    )


MODELS = [model for model in models() if model.model_fields]


def is_bound(metadata: Iterable[Any]) -> bool:
    """Tell whether one of the annotations of a number, or of its field, is a maximum."""
    return any(
        is_bound(item.metadata) if isinstance(item, FieldInfo) else isinstance(item, Le | Lt)
        for item in metadata
    )


def unbounded(annotation: Any, *, bound: bool = False) -> Iterator[Any]:
    """Yield the kinds of number in an annotation that have no maximum."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        yield from unbounded(inner, bound=bound or is_bound(metadata))
    elif annotation in (int, float):
        if not bound:
            yield annotation
    else:
        for argument in get_args(annotation):
            if isinstance(argument, type) or get_args(argument):
                yield from unbounded(argument)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__qualname__)
def test_every_number_has_a_maximum(model: type[BaseModel]) -> None:
    model.model_rebuild()
    without = {
        name
        for name, field in model.model_fields.items()
        if list(unbounded(field.annotation, bound=is_bound(field.metadata)))
    }
    assert not without
