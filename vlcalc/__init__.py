"""vlcalc: what an image costs a vision-language model, before anyone trains or serves it.

The public API is loaded on first use, so that `import vlcalc` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlcalc.api import Comparison, TokenBudget, compare, load_spec, tokens
    from vlcalc.image_size import ImageSize

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "ImageSize",
    "TokenBudget",
    "__version__",
    "compare",
    "load_spec",
    "tokens",
]

_HOMES = {
    "Comparison": "vlcalc.api",
    "ImageSize": "vlcalc.image_size",
    "TokenBudget": "vlcalc.api",
    "compare": "vlcalc.api",
    "load_spec": "vlcalc.api",
    "tokens": "vlcalc.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
