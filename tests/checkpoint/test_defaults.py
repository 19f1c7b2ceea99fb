"""What a key means that a file leaves out: the readers' defaults are those of the real classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from vlcalc.checkpoint.checkpoint import FAMILIES
from vlcalc.checkpoint.image_processors import IMAGE_PROCESSORS
from vlcalc.checkpoint.readers import DECODERS, ENCODERS

# Not a value of the class: what a reader works out, or a type that is no class of its own.
DERIVED = {"sliding_window_pattern", "projector_patch_to_query_dict"}
NO_CLASS = {"timm_wrapper"}


def defaults() -> Iterator[Any]:
    for registry in (FAMILIES, ENCODERS, DECODERS):
        for name in registry.names():
            if name not in NO_CLASS:
                yield pytest.param(name, registry.get(name).defaults, id=name)


@pytest.mark.parametrize(("name", "ours"), list(defaults()))
def test_defaults_are_those_of_the_class(name: str, ours: dict[str, Any]) -> None:
    from transformers import CONFIG_MAPPING

    real = CONFIG_MAPPING[name]()
    assert {key: value for key, value in ours.items() if not alike(real, key, value)} == {}


def alike(real: Any, key: str, value: Any) -> bool:
    """Tell whether a default is the class's; of an object, each of its keys."""
    if key in DERIVED:
        return True
    if not value and not hasattr(real, key):  # a class that lacks what others switch on
        return True
    theirs = getattr(real, key)
    if isinstance(value, dict):
        return all(alike(theirs, inner, value[inner]) for inner in value)
    if value is None or theirs is None:  # the class works some out, and forgets unused windows
        return True
    return bool(theirs == value or (isinstance(theirs, tuple) and list(theirs) == value))


@pytest.mark.parametrize("name", sorted(IMAGE_PROCESSORS))
def test_image_processors_have_those_of_the_class(name: str) -> None:
    import transformers

    for cls_name in (f"{name}Pil", name):
        try:
            real = getattr(transformers, cls_name)()
        except (AttributeError, ImportError):
            continue
        for key, value in IMAGE_PROCESSORS[name].items():
            theirs = getattr(real, key)
            theirs = (
                {k: v for k, v in dict(theirs).items() if v} if isinstance(value, dict) else theirs
            )
            assert theirs == value, key
        return
    pytest.skip("the class needs torchvision")
