"""The catalogue for people: what there is, and one spec in full."""

from __future__ import annotations

from typing import Any

import yaml

from vlcalc.errors import InputError
from vlcalc.spec import catalogue
from vlcalc.spec.loader import load_any
from vlcalc.table import Column, Table

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
    spec = load_any(name)
    data = spec.model_dump(exclude_defaults=True, mode="python")
    return yaml.safe_dump(_plain(data), sort_keys=False, allow_unicode=True, width=100)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value
