"""All real processors that the tilings are held against, by the name of the family."""

from __future__ import annotations

from tests.oracle.families_llava import LLAVA
from tests.oracle.families_native import NATIVE
from tests.oracle.families_tiles import TILES
from tests.oracle.families_torch import TORCH
from tests.oracle.real import Real

REAL: dict[str, Real] = {**LLAVA, **TILES, **NATIVE, **TORCH}
