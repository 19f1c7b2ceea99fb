"""The weights of a checkpoint beside those of its spec: a table, and a document for machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vlcalc.checkpoint.weights.prefixes import COMPONENTS
from vlcalc.checkpoint.weights.stored_weights import Difference, StoredWeights
from vlcalc.core import units
from vlcalc.report.table import Column, Table

STORED = (
    Column("component", "weights as stored", "text"),
    Column("stored_params", "parameters in files"),
    Column("params", "of the spec"),
    Column("weight_bytes", "bytes", "bytes"),
    Column("dtypes", "bytes by dtype", "text"),
)
MAX_SHOWN = 8  # tensors of one component in a note, files and names in another


def stored_table(stored: StoredWeights, expected: Mapping[str, int | None]) -> Table:
    """Return the parameters and bytes of each component that the files hold.

    Args:
        stored: the weights.
        expected: parameters of the spec by component; None where they are not known.
    """
    params, sizes = stored.params, stored.weight_bytes
    rows = [
        (name, params[name], expected[name], sizes[name], _dtypes(stored, name))
        for name in COMPONENTS
        if params[name] or expected[name]
    ]
    differences = stored.differences(expected)
    differing = {difference.component for difference in differences}
    return Table(
        STORED,
        rows,
        notes=tuple(_notes(stored, differences)),
        alerts=frozenset(at for at, row in enumerate(rows) if row[0] in differing),
    )


def _dtypes(stored: StoredWeights, component: str) -> str:
    by_dtype = stored.bytes_by_dtype(component, "parameter", "constants")
    return ", ".join(f"{name} {units.format_bytes(size)}" for name, size in by_dtype.items())


def _notes(stored: StoredWeights, differences: list[Difference]) -> Iterator[str]:
    """Yield what a reader must know of the files, and which tensors differ."""
    yield f"Read from the header{'s' * (len(stored.files) > 1)} of {_listed(stored.files)}."
    if stored.apart:
        names = _listed([tensor.name for tensor in stored.apart])
        size = units.format_bytes(sum(tensor.num_bytes for tensor in stored.apart))
        yield f"Stored, but buffers or copies of tied tensors, {size}: {names}."
    for difference in differences:
        number = difference.stored - difference.expected
        suspects = _listed(difference.tensors, mark="; ")
        yield f"{difference.component}: {number:+,} parameters in the files: {suspects or 'none'}."
    if not differences:
        yield "Every component has as many parameters as the spec says."


def _listed(names: tuple[str, ...] | list[str], *, mark: str = ", ") -> str:
    more = f" and {len(names) - MAX_SHOWN:,} more" if len(names) > MAX_SHOWN else ""
    return mark.join(names[:MAX_SHOWN]) + more


def stored_document(stored: StoredWeights, expected: Mapping[str, int | None]) -> dict[str, Any]:
    """Return the same as plain values, in base units; arguments as `stored_table`."""
    return {
        "files": list(stored.files),
        "num_tensors": len(stored.tensors),
        "stored_bytes": stored.stored_bytes,
        "params": {"total": sum(stored.params.values()), **stored.params},
        "weight_bytes": {"total": sum(stored.weight_bytes.values()), **stored.weight_bytes},
        "bytes_by_dtype": {
            name: stored.bytes_by_dtype(name, "parameter", "constants") for name in COMPONENTS
        },
        "apart": [tensor._asdict() for tensor in stored.apart[:MAX_SHOWN]],
        "differences": [
            {**difference._asdict(), "tensors": list(difference.tensors[:MAX_SHOWN])}
            for difference in stored.differences(expected)
        ],
    }
