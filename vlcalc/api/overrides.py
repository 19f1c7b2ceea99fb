"""Models by name with settings of theirs overridden, as callers of the API give both."""

from __future__ import annotations

from collections.abc import Mapping

from vlcalc.api.argument import Argument
from vlcalc.checkpoint.named import load_model, model_spec
from vlcalc.core.errors import InputError, SpecError
from vlcalc.spec.override import name_with, settings_document
from vlcalc.spec.schema import Spec

OVERRIDES = "overrides"


def spec_with(model: object, overrides: Mapping[str, object] | None) -> Spec:
    """Return a spec as it is or that of a name, with keys of it overridden.

    Args:
        model: a spec, or what `load_model` takes.
        overrides: key of the spec by dotted path -> its value; they stand in the spec's name.

    Raises:
        InputError: there is no such model or key, a value cannot be, or a spec is to be changed
            that is no longer its file's content.
        SpecError: as of `load_model`.
    """
    if not overrides:
        return model_spec(model)
    if not isinstance(model, str):
        raise InputError(
            expected="the name of a model, a file or a folder beside it",
            got=f"a {type(model).__name__}",
            where=Argument(OVERRIDES),
        )
    try:
        spec = load_model(model, settings_document(overrides, OVERRIDES))
    except SpecError as error:
        raise SpecError(map(_of_argument, error.errors)) from None
    except InputError as error:
        raise _of_argument(error) from None
    names = {"name": name_with(spec.name, overrides)}
    if spec.title:
        names["title"] = name_with(spec.title, overrides)
    return spec.model_copy(update=names)


def _of_argument(error: InputError) -> InputError:
    """Return an error whose place is the argument, where it is one of a setting."""
    if error.where.split(" ")[0] == OVERRIDES:
        error.where = Argument(error.where)
    return error
