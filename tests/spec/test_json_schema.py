"""JSON Schema for editors: it holds every policy and agrees with the shipped specs."""

from __future__ import annotations

import json

import pytest

from vlcalc.core.errors import InputError
from vlcalc.spec import catalogue
from vlcalc.spec.json_schema import KINDS, json_schema, registries


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_reference_resolves(kind: str) -> None:
    schema = json_schema(kind)
    text = json.dumps(schema)
    assert "x-registry" not in text
    for reference in set(text.split('"$ref": "#/$defs/')[1:]):
        assert reference.split('"')[0] in schema["$defs"]


def test_every_registered_kind_is_a_choice() -> None:
    schema = json_schema("model")
    assert registries()
    for what, registry in registries().items():
        choices = {choice["$ref"] for choice in schema["$defs"][what]["oneOf"]}
        assert choices == {f"#/$defs/{what}: {name}" for name in registry.names()}


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_shipped_specs_are_valid(kind: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema(kind))
    paths = list(catalogue.files(kind))
    assert paths
    for path in paths:
        data = json.loads(json.dumps(catalogue.document_of(path).data, default=str))
        assert [error.message for error in validator.iter_errors(data)] == [], path


def test_an_unknown_kind() -> None:
    with pytest.raises(InputError, match="expected `model` or `api` or `vision` or `language`"):
        json_schema("accelerator")
