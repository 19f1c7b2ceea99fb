"""Number formats by name, and their bytes."""

from __future__ import annotations

from vlcalc.core.errors import InputError, near_miss

DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
SHORT_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def parse_dtype(name: str, *, where: str = "") -> str:
    """Return a dtype's full name for it or its short form (bf16).

    Raises:
        InputError: there is no such dtype.
    """
    full = SHORT_NAMES.get(name, name)
    if full not in DTYPE_BYTES:
        known = [*DTYPE_BYTES, *SHORT_NAMES]
        hint = near_miss(name, known) or "known: " + ", ".join(known)
        raise InputError(expected="a dtype", got=f"`{name}`", where=where, hint=hint)
    return full
