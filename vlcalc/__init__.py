"""vlcalc: what an image costs a vision-language model, before anyone trains or serves it.

The public API is loaded on first use, so that `import vlcalc` costs next to nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlcalc.api.analyze import analyze
    from vlcalc.api.bench import bench
    from vlcalc.api.compare import compare
    from vlcalc.api.fit import fit
    from vlcalc.api.predict import predict
    from vlcalc.api.tokens import tokens
    from vlcalc.comparison.methods import Comparison
    from vlcalc.core.image_size import ImageSize
    from vlcalc.inference.inference import Inference
    from vlcalc.serving.fit import DeviceFit
    from vlcalc.serving.latency import Speed
    from vlcalc.spec.loader import load_spec
    from vlcalc.tokens.budget import TokenBudget

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "DeviceFit",
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
    "Comparison": "vlcalc.comparison.methods",
    "DeviceFit": "vlcalc.serving.fit",
    "ImageSize": "vlcalc.core.image_size",
    "Inference": "vlcalc.inference.inference",
    "Speed": "vlcalc.serving.latency",
    "TokenBudget": "vlcalc.tokens.budget",
    "analyze": "vlcalc.api.analyze",
    "bench": "vlcalc.api.bench",
    "compare": "vlcalc.api.compare",
    "fit": "vlcalc.api.fit",
    "load_spec": "vlcalc.spec.loader",
    "predict": "vlcalc.api.predict",
    "tokens": "vlcalc.api.tokens",
}


class _Package(ModuleType):
    """A package whose functions are not hidden by the rooms that have their name (`tokens/`)."""

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; a room that was just imported does not replace a function."""
        if name not in _HOMES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
