"""MLB, multimodal low-rank bilinear pooling: project both, multiply, project.

Source: arXiv:1610.04325, section 3; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::MLB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import SumOrProduct

if TYPE_CHECKING:
    from torch import nn


@FUSIONS.register("mlb")
class LowRankBilinear(SumOrProduct):
    """Two linear layers, their product, a linear layer."""

    kind: Literal["mlb"]

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules.bilinear import MLB

        with torch.device(device):
            return MLB(**self.widths(dims), joint_width=self.joint_width)
