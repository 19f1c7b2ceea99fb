"""Numbers with a bound: more than any model or device has is a slip of the pen, and is refused.

The four kinds called as in pydantic are what every count and quantity of a spec is; work grows with
those of a name of their own, so that their bounds are tighter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod
from typing import Annotated

from pydantic import Field

from vlcalc.core.errors import InputError

MAX_COUNT = 10**12
MAX_AMOUNT = 10**18
MIN_QUANTITY = 1e-18
MAX_QUANTITY = 1e24
MAX_BATCH_SIZE = 1_000_000

PositiveInt = Annotated[int, Field(gt=0, le=MAX_COUNT)]
NonNegativeInt = Annotated[int, Field(ge=0, le=MAX_COUNT)]
TokenId = Annotated[int, Field(ge=-MAX_COUNT, le=MAX_COUNT)]  # LLaVA's image is -200
PositiveFloat = Annotated[float, Field(ge=MIN_QUANTITY, le=MAX_QUANTITY)]
NonNegativeFloat = Annotated[float, Field(ge=0, le=MAX_QUANTITY)]
Rate = Annotated[float, Field(ge=1, le=MAX_QUANTITY)]  # bytes/s, FLOP/s; no latency is zero
Amount = Annotated[int, Field(gt=0, le=MAX_AMOUNT)]  # parameters, bytes
Depth = Annotated[int, Field(gt=0, le=10_000)]  # layers of one stack
Experts = Annotated[int, Field(gt=0, le=100_000)]  # experts of one layer
Tiles = Annotated[int, Field(gt=0, le=10_000)]  # tiles of one image

# More than any model and any prompt has; torch counts elements up to 2^63.
MAX_DIMS = {
    "vision_width": 1_000_000,
    "text_width": 1_000_000,
    "columns": 10_000,
    "rows": 10_000,
    "num_views": 10_000,
    "num_prefix_tokens": 10_000,
    "num_text_tokens": 10_000_000,
    "text_depth": 10_000,
    "vocab_size": 10_000_000,
    "batch_size": 1_000_000,
}
ACTIVATION_DIMS = ("batch_size", "num_views", "columns", "rows", "vision_width")
MAX_ELEMENTS = 10**13
THREADS_PER_CORE = 4


def check_dims(dims: Mapping[str, int]) -> None:
    """Refuse dims that no model and no prompt has.

    Raises:
        InputError: one of them is above its bound.
    """
    for name, value in dims.items():
        most = MAX_DIMS.get(name, value)
        if value > most:
            raise InputError(expected=f"{name} of at most {most:,}", got=_shown(value))
    elements = prod(dims.get(name, 1) for name in ACTIVATION_DIMS)
    if elements > MAX_ELEMENTS:
        raise InputError(
            expected=f"at most {MAX_ELEMENTS:,} numbers that go into a fusion at once",
            got=_shown(elements),
            hint=", ".join(f"{name} {dims[name]:,}" for name in ACTIVATION_DIMS if name in dims),
        )


def check_threads(threads: int | None) -> None:
    """Refuse more threads than help: each has a stack of its own, and a million crash torch.

    Raises:
        InputError: there are over 4 for each core of this machine.
    """
    most = THREADS_PER_CORE * (os.cpu_count() or 1)
    if threads is not None and not 1 <= threads <= most:
        raise InputError(
            expected=f"1 to {most} threads, {THREADS_PER_CORE} for each core of this machine",
            got=_shown(threads),
            where="--threads",
        )


def _shown(value: int) -> str:
    return f"`{value}`" if abs(value) < 10**30 else "a number of over 30 digits"
