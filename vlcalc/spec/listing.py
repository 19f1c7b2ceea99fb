"""The catalogue for people: what there is, and one spec in full."""

from __future__ import annotations

from typing import Any

import yaml

from vlcalc.core.errors import InputError
from vlcalc.report.table import Column, Table
from vlcalc.spec import catalogue
from vlcalc.spec.loader import load_any
from vlcalc.tiling.base import Frozen

COLUMNS = (
    Column("name", "name", "text"),
    Column("kind", "kind", "text"),
    Column("title", "title", "text", 5),
    Column("aliases", "answers to", "text", 4),
)


def list_table(kind: str | None = None) -> Table:
    """Return a row for each spec, or for those of one kind.

    Raises:
        InputError: there is no such kind.
    """
    if kind is not None and kind not in catalogue.FOLDERS:
        known = " or ".join(f"`{each}`" for each in catalogue.FOLDERS)
        raise InputError(expected=known, got=f"`{kind}`", where="--kind")
    kinds = [kind] if kind else list(catalogue.FOLDERS)
    rows = [_cells(each, entry) for each in kinds for entry in catalogue.entries(each)]
    return Table(COLUMNS, rows)


def _cells(kind: str, entry: catalogue.Entry) -> tuple[Any, ...]:
    data = catalogue.document_of(entry.path).data
    own = data if entry.variant is None else data["variants"][entry.variant]
    aliases = own.get("aliases") or ()
    return entry.name, kind, own.get("title") or None, ", ".join(aliases) or None


def show_yaml(name: str) -> str:
    """Return a spec of any kind in full as YAML; raises as `load_any`."""
    return spec_yaml(load_any(name))


def spec_yaml(spec: Frozen) -> str:
    """Return a spec as the YAML that it can be loaded from."""
    return yaml_text(spec.model_dump(exclude_defaults=True, mode="python"))


def yaml_text(data: dict[str, Any]) -> str:
    """Return a mapping as YAML, in its own order."""
    return yaml.dump(_plain(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes lists of numbers on as few lines as they fit on."""


def _represent_list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    numbers = all(isinstance(value, (int, float)) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=numbers)


_Dumper.add_representer(list, _represent_list)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value
