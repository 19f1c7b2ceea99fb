"""vlcalc: what an image costs a vision-language model, before anyone trains or serves it.

The public API is loaded on first use, so that `import vlcalc` costs next to nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

TYPE_CHECKING = False  # a type checker takes it for true; `typing` is a third of the start
if TYPE_CHECKING:
    from vlcalc.api.audit import audit, audit_claims
    from vlcalc.api.bench import bench, run_report
    from vlcalc.api.calculator import calculate_tiles, reference_tiles
    from vlcalc.api.compare import compare
    from vlcalc.api.devices import calibrate, describe_device, detect_devices, devices
    from vlcalc.api.fit import find_devices, fit, fit_report
    from vlcalc.api.import_checkpoint import import_checkpoint
    from vlcalc.api.inspect import analyze, inspect, predict
    from vlcalc.api.inspect_method import inspect_method
    from vlcalc.api.kernels import compare_kernels
    from vlcalc.api.specs import spec_schema, spec_text, specs, validate_specs
    from vlcalc.api.text_length import count_text_tokens
    from vlcalc.api.token_sizes import each_size, token_distribution
    from vlcalc.api.tokens import count_tokens, explain_tokens, tokens
    from vlcalc.api.verify import verify_catalogue, verify_model
    from vlcalc.comparison.methods import Comparison
    from vlcalc.core.image_size import ImageSize
    from vlcalc.inference.inference import Inference
    from vlcalc.runs.file import load_run
    from vlcalc.serving.fit import DeviceFit
    from vlcalc.serving.latency import Speed
    from vlcalc.spec.devices import load_device
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
    "audit",
    "audit_claims",
    "bench",
    "calculate_tiles",
    "calibrate",
    "compare",
    "compare_kernels",
    "count_text_tokens",
    "count_tokens",
    "describe_device",
    "detect_devices",
    "devices",
    "each_size",
    "explain_tokens",
    "find_devices",
    "fit",
    "fit_report",
    "import_checkpoint",
    "inspect",
    "inspect_method",
    "load_device",
    "load_run",
    "load_spec",
    "predict",
    "reference_tiles",
    "run_report",
    "spec_schema",
    "spec_text",
    "specs",
    "token_distribution",
    "tokens",
    "validate_specs",
    "verify_catalogue",
    "verify_model",
]

_HOMES = {
    "Comparison": "vlcalc.comparison.methods",
    "DeviceFit": "vlcalc.serving.fit",
    "ImageSize": "vlcalc.core.image_size",
    "Inference": "vlcalc.inference.inference",
    "Speed": "vlcalc.serving.latency",
    "TokenBudget": "vlcalc.tokens.budget",
    "analyze": "vlcalc.api.inspect",
    "audit": "vlcalc.api.audit",
    "audit_claims": "vlcalc.api.audit",
    "bench": "vlcalc.api.bench",
    "calculate_tiles": "vlcalc.api.calculator",
    "calibrate": "vlcalc.api.devices",
    "compare": "vlcalc.api.compare",
    "compare_kernels": "vlcalc.api.kernels",
    "count_text_tokens": "vlcalc.api.text_length",
    "count_tokens": "vlcalc.api.tokens",
    "describe_device": "vlcalc.api.devices",
    "detect_devices": "vlcalc.api.devices",
    "devices": "vlcalc.api.devices",
    "each_size": "vlcalc.api.token_sizes",
    "explain_tokens": "vlcalc.api.tokens",
    "find_devices": "vlcalc.api.fit",
    "fit": "vlcalc.api.fit",
    "fit_report": "vlcalc.api.fit",
    "import_checkpoint": "vlcalc.api.import_checkpoint",
    "inspect": "vlcalc.api.inspect",
    "inspect_method": "vlcalc.api.inspect_method",
    "load_device": "vlcalc.spec.devices",
    "load_run": "vlcalc.runs.file",
    "load_spec": "vlcalc.spec.loader",
    "predict": "vlcalc.api.inspect",
    "reference_tiles": "vlcalc.api.calculator",
    "run_report": "vlcalc.api.bench",
    "spec_schema": "vlcalc.api.specs",
    "spec_text": "vlcalc.api.specs",
    "specs": "vlcalc.api.specs",
    "token_distribution": "vlcalc.api.token_sizes",
    "tokens": "vlcalc.api.tokens",
    "validate_specs": "vlcalc.api.specs",
    "verify_catalogue": "vlcalc.api.verify",
    "verify_model": "vlcalc.api.verify",
}


class _Package(ModuleType):
    """A package whose functions are not hidden by the rooms that have their name (`tokens/`)."""

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; a room that was just imported does not replace a function."""
        if name not in _HOMES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
