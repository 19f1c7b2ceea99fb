"""vlcalc: what an image costs a vision-language model, before anyone trains or serves it.

The public API is loaded on first use, so that `import vlcalc` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlcalc.api.analyze import analyze
    from vlcalc.api.compare import compare
    from vlcalc.api.tokens import tokens
    from vlcalc.budget import TokenBudget
    from vlcalc.comparison import Comparison
    from vlcalc.image_size import ImageSize
    from vlcalc.inference.inference import Inference
    from vlcalc.spec.loader import load_spec

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "ImageSize",
    "Inference",
    "TokenBudget",
    "__version__",
    "analyze",
    "compare",
    "load_spec",
    "tokens",
]

_HOMES = {
    "Comparison": "vlcalc.comparison",
    "ImageSize": "vlcalc.image_size",
    "Inference": "vlcalc.inference.inference",
    "TokenBudget": "vlcalc.budget",
    "analyze": "vlcalc.api.analyze",
    "compare": "vlcalc.api.compare",
    "load_spec": "vlcalc.spec.loader",
    "tokens": "vlcalc.api.tokens",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
