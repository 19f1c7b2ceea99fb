"""Linear sum: project both, add, project; the baseline of the bilinear methods.

Source: Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::LinearSum.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.fusion.base import FUSIONS
from vlcalc.fusion.vector_fusion import SumOrProduct


@FUSIONS.register("linear_sum")
class LinearSum(SumOrProduct):
    """Two linear layers, their sum, a linear layer."""

    module: ClassVar[str] = "bilinear.LinearSumModule"

    kind: Literal["linear_sum"]
