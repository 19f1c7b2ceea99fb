"""Linear sum: project both, add, project; the baseline of the bilinear methods.

Source: Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::LinearSum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import SumOrProduct

if TYPE_CHECKING:
    from torch import nn


@FUSIONS.register("linear_sum")
class LinearSum(SumOrProduct):
    """Two linear layers, their sum, a linear layer."""

    kind: Literal["linear_sum"]

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules import bilinear

        with torch.device(device):
            return bilinear.LinearSum(**self.widths(dims), joint_width=self.joint_width)
