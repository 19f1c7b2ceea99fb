"""vlcalc: what an image costs a vision-language model, before anyone trains or serves it.

The public API is loaded on first use, so that `import vlcalc` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlcalc.api.analyze import analyze
    from vlcalc.api.bench import bench
    from vlcalc.api.compare import compare
    from vlcalc.api.fit import fit
    from vlcalc.api.predict import predict
    from vlcalc.api.tokens import tokens
    from vlcalc.budget import TokenBudget
    from vlcalc.comparison import Comparison
    from vlcalc.image_size import ImageSize
    from vlcalc.inference.inference import Inference
    from vlcalc.serving.fit import Fit
    from vlcalc.serving.latency import Speed
    from vlcalc.spec.loader import load_spec

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "Fit",
    "ImageSize",
    "Inference",
    "Speed",
    "TokenBudget",
    "__version__",
    "analyze",
    "bench",
    "compare",
    "fit",
    "load_spec",
    "predict",
    "tokens",
]

_HOMES = {
    "Comparison": "vlcalc.comparison",
    "Fit": "vlcalc.serving.fit",
    "ImageSize": "vlcalc.image_size",
    "Inference": "vlcalc.inference.inference",
    "Speed": "vlcalc.serving.latency",
    "TokenBudget": "vlcalc.budget",
    "analyze": "vlcalc.api.analyze",
    "bench": "vlcalc.api.bench",
    "compare": "vlcalc.api.compare",
    "fit": "vlcalc.api.fit",
    "load_spec": "vlcalc.spec.loader",
    "predict": "vlcalc.api.predict",
    "tokens": "vlcalc.api.tokens",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
