"""MLB, multimodal low-rank bilinear pooling: project both, multiply, project.

Source: arXiv:1610.04325, section 3; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::MLB.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.fusion.base import FUSIONS
from vlcalc.fusion.vector_fusion import SumOrProduct


@FUSIONS.register("mlb")
class LowRankBilinear(SumOrProduct):
    """Two linear layers, their product, a linear layer."""

    module: ClassVar[str] = "bilinear.MLB"

    kind: Literal["mlb"]
