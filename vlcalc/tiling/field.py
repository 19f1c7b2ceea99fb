"""Fields of specs: a block whose `kind` names the model that reads it, a value some have."""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from vlcalc.core.errors import InputError
from vlcalc.core.registry import Registry


class ByKind:
    """Annotation that validates a mapping with the registered model that its `kind` names.

    Only the modules of the kinds that occur are imported, which keeps start-up fast.
    """

    def __init__(self, registry: Registry[Any]) -> None:
        self.registry = registry

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda block: block.model_dump(exclude_defaults=True)
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # A policy may nest another, so the choices stand once, under `$defs`: spec/json_schema.py.
        return {"x-registry": self.registry.what}

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, dict):
            if hasattr(value, "kind"):
                return value
            raise PydanticCustomError(
                "block", "expected a mapping with the key `kind`", {"hint": "add `kind: ...`"}
            )
        if "kind" not in value:
            raise PydanticCustomError(
                "missing_kind", "expected the key `kind`", {"registry": self.registry.what}
            )
        try:
            model = self.registry.get(str(value["kind"]))
        except InputError as error:
            raise PydanticCustomError(
                "unknown_kind", "{expected}", {"expected": error.expected, "hint": error.hint}
            ) from None
        return model.model_validate(value)


class UnlessField:
    """Value of a base class whose subclasses may have a field of that name instead.

    A property would be found before an instance's own field, and pydantic would warn of it; this
    is found after it, and only on instances.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            raise AttributeError("a class has no such value, its instances have")
        return self.value
