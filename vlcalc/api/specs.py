"""`vlcalc.specs` and the rest of the catalogue: listed, shown, validated, as JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vlcalc.core.errors import InputError, SpecError
from vlcalc.core.files import is_folder
from vlcalc.core.folders import files_below
from vlcalc.report.report import Report
from vlcalc.spec import catalogue
from vlcalc.spec.json_schema import json_schema
from vlcalc.spec.listing import list_table, show_yaml
from vlcalc.spec.loader import check_file


def specs(kind: str | None = None) -> Report:
    """Return a row for each spec, or for those of one kind; raises InputError for another."""
    return Report(tables=[list_table(kind)])


def spec_text(name: str) -> str:
    """Return a spec of any kind in full as YAML: parts filled in, variants laid over.

    Raises:
        InputError: nothing answers to the name.
        SpecError: the YAML file is not valid.
    """
    return show_yaml(name)


def spec_schema(kind: str = "model") -> dict[str, Any]:
    """Return the JSON Schema of a kind of spec; raises InputError for another."""
    return json_schema(kind)


def validate_specs(paths: Sequence[Path] = ()) -> int:
    """Return how many spec files are valid: of files and folders, or all that are shipped.

    Raises:
        SpecError: some are not; it carries the errors of all.
        InputError: a folder has no YAML file, or cannot be searched.
    """
    shipped = [path for kind in catalogue.FOLDERS for path in catalogue.files(kind)]
    files = [file for path in paths for file in _spec_files(path)] if paths else shipped
    errors = [error for path in files for error in check_file(path)]
    if errors:
        raise SpecError(errors)
    return len(files)


def _spec_files(path: Path) -> list[Path]:
    """Return a file itself, or the YAML files below a folder."""
    if not is_folder(path):
        return [path]
    left_out: list[InputError] = []
    below = files_below(str(path), left_out.append)
    files = sorted(file for file in below if catalogue.is_file_name(file.name))
    if left_out:
        raise left_out[0]
    if not files:
        raise InputError(expected="a folder with YAML files", got=f"`{path}`, which has none")
    return files
