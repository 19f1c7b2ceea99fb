"""JSON Schema of spec files, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from vlcalc.core.errors import InputError
from vlcalc.core.registry import Registry
from vlcalc.fusion.base import FUSIONS
from vlcalc.spec.api import ApiSpec
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.schema import FusionSpec, LanguageSpec, ModelSpec, VisionSpec
from vlcalc.tiling.base import POLICIES, VIDEO_POLICIES

KINDS: dict[str, type[BaseModel]] = {
    "model": ModelSpec,
    "api": ApiSpec,
    "vision": VisionSpec,
    "language": LanguageSpec,
    "fusion": FusionSpec,
    "device": DeviceSpec,
}
REF = "#/$defs/{model}"


def registries() -> dict[str, Registry[Any]]:
    """Return the registries whose models a `kind` may name, by what they hold."""
    from vlcalc.tiling.chooser import CHOOSERS
    from vlcalc.tiling.layout import LAYOUTS

    return {each.what: each for each in (POLICIES, VIDEO_POLICIES, CHOOSERS, LAYOUTS, FUSIONS)}


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a spec file of a kind.

    Raises:
        InputError: there is no such kind.
    """
    if kind not in KINDS:
        raise InputError(expected=" or ".join(f"`{each}`" for each in KINDS), got=f"`{kind}`")
    schema = _schema_of(KINDS[kind])
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    for what, registry in registries().items():
        names = registry.names()
        definitions[what] = {"oneOf": [{"$ref": f"#/$defs/{what}: {name}"} for name in names]}
        for name in names:
            policy = _schema_of(registry.get(name))
            definitions.update(policy.pop("$defs", {}))
            definitions[f"{what}: {name}"] = policy
    if kind == "model":
        _allow_use_and_variants(schema)
    if kind == "device":
        _allow_variants(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_linked(schema)}


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    model.model_rebuild()
    return model.model_json_schema(ref_template=REF)


def _allow_use_and_variants(schema: dict[str, Any]) -> None:
    """Add what the reader resolves before validation: parts by `use:`, and variants."""
    use = {"type": "object", "required": ["use"], "properties": {"use": {"type": "string"}}}
    for key in ("vision", "second_vision", "fusion", "language"):
        schema["properties"][key] = {"anyOf": [use, schema["properties"][key]]}
    _allow_variants(schema)


def _allow_variants(schema: dict[str, Any]) -> None:
    variant = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    schema["properties"]["variants"] = {"type": "array", "items": variant}


def _linked(schema: Any) -> Any:
    """Replace the marks that `ByKind` leaves with references to the choices."""
    if isinstance(schema, dict):
        if "x-registry" in schema:
            return {"$ref": f"#/$defs/{schema['x-registry']}"}
        return {key: _linked(value) for key, value in schema.items()}
    return [_linked(item) for item in schema] if isinstance(schema, list) else schema
