"""Settings that a user lays over a spec: `tiling.max_pixels` = 1003520, any key by dotted path.

They are laid over a file's content before its parts are filled in, as a variant is, so that what is
wrong with them is said as of a key in a YAML file.
"""

from __future__ import annotations

from collections.abc import Mapping

from vlcalc.core.errors import InputError
from vlcalc.spec.document import Document, KeyPath, Mark

MAX_SHOWN = 40  # letters of a value in a model's name


class SettingMark(Mark):
    """The argument that a value came from; it has no line."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.file


def settings_document(settings: Mapping[str, object], argument: str) -> Document:
    """Return settings by dotted path as a document to lay over another.

    Args:
        settings: path of a key -> its value, as YAML would give it; lists may be tuples.
        argument: what the settings are called in messages.

    Raises:
        InputError: a path is empty, or two settings are of one key.
    """
    mark = SettingMark(argument, 0)
    data: dict[str, object] = {}
    marks: dict[KeyPath, Mark] = {(): mark}
    for key, value in settings.items():
        path = tuple(key.split("."))
        if not all(path):
            raise InputError(
                expected="a key such as `fusion.depth`", got=f"`{key}`", where=argument
            )
        block = data
        for step in path[:-1]:
            inner = block.setdefault(step, {})
            if not isinstance(inner, dict):
                raise _twice(key, argument)
            block = inner
        if path[-1] in block:
            raise _twice(key, argument)
        block[path[-1]] = _frozen(value)
        marks |= {path[: size + 1]: mark for size in range(len(path))}
    return Document(data, marks)


def _twice(key: str, argument: str) -> InputError:
    return InputError(expected="each key once", got=f"`{key}` again", where=argument)


def _frozen(value: object) -> object:
    """Return a value with lists as the reader of YAML gives them."""
    if isinstance(value, Mapping):
        return {str(key): _frozen(inner) for key, inner in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def overridden(document: Document, settings: Document) -> Document:
    """Return a spec's content with settings laid over it.

    A part that `use` names takes the place of the one that was there: of the block stays how the
    model uses its part (`feature_layer`), not what it says of the part's shape. What does not go
    together in the whole is said of the settings.
    """
    data = {
        key: _kept(key, block) if _names_part(settings.data.get(key)) else block
        for key, block in document.data.items()
    }
    whole = Document(data, document.marks).overlaid(settings)
    return Document(whole.data, {**whole.marks, (): settings.mark(())})


def _kept(key: str, block: object) -> dict[str, object]:
    """Return what a block says beside the part that it names; nothing where it is the part."""
    if not isinstance(block, dict) or "use" not in block or key == "fusion":
        return {}
    return {key: value for key, value in block.items() if not isinstance(value, dict)}


def _names_part(block: object) -> bool:
    return isinstance(block, dict) and "use" in block


def name_with(name: str, settings: Mapping[str, object]) -> str:
    """Return a model's name with its settings: `qwen2-vl-7b (tiling.max_pixels=1003520)`."""
    shown = ", ".join(f"{key}={_shown(value)}" for key, value in settings.items())
    return f"{name} ({shown})" if shown else name


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = "null" if value is None else str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."
