"""Recomputations of claims: named functions of the catalogue, the closed forms and the modules.

A claim's YAML says which to call with what; none of them knows of any claim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vlcalc.core.registry import Registry

RECOMPUTATIONS: Registry[Callable[..., Any]] = Registry("recomputation", "vlcalc.audit.recompute")
