"""The file that keeps a timed run: JSON, with an error for all that can be wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from vlcalc.core.errors import InputError
from vlcalc.core.files import read_bytes
from vlcalc.core.strict_json import parse_json
from vlcalc.runs.run import SCHEMA, Run
from vlcalc.spec.messages import expected_words

MAX_RUN_BYTES = 1 << 26  # some 50,000 rows


def to_json(run: Run) -> str:
    """Return the text of the file that keeps a run."""
    return run.model_dump_json(indent=1) + "\n"


def load_run(path: Path, *, where: str = "") -> Run:
    """Return the run that a file keeps.

    Raises:
        InputError: it cannot be read, is no JSON, or keeps something else; what and where.
    """
    place = f"{where} {path}".strip()
    text = _text_of(path, place)
    try:
        document = parse_json(text)
    except ValueError as error:
        raise InputError(
            expected="a file of `vlcalc bench --save`",
            got=f"broken JSON ({error})".lower(),
            where=place,
            hint="measure again",
        ) from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA:
        raise InputError(
            expected=f"a file of `vlcalc bench --save`, `schema_version` {SCHEMA}",
            got=f"`{json.dumps(version)[:40]}`",
            where=place,
            hint="measure again with this version",
        )
    try:
        return Run.model_validate_json(text)
    except ValidationError as error:
        raise next(_explained(error, place)) from None


def _text_of(path: Path, place: str) -> str:
    try:
        return read_bytes(path, MAX_RUN_BYTES).decode("utf-8")
    except OSError as error:
        got = (error.strerror or str(error)).lower()
    except UnicodeDecodeError:
        got = "no text"
    raise InputError(expected="a file that can be read", got=got, where=place)


def _explained(error: ValidationError, place: str) -> Iterator[InputError]:
    for detail in error.errors(include_url=False):
        path = ".".join(str(key) for key in detail["loc"])
        missing = detail["type"] == "missing"
        yield InputError(
            expected="a value" if missing else expected_words(detail),
            got="no such key" if missing else f"`{json.dumps(detail['input'], default=str)[:60]}`",
            where=f"{place}: `{path}`",
        )
