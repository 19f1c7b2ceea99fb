"""MLB, multimodal low-rank bilinear pooling: project both, multiply, project.

Source: arXiv:1610.04325, section 3; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::MLB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion

if TYPE_CHECKING:
    from torch import nn


@FUSIONS.register("mlb")
class LowRankBilinear(JointFusion):
    """Two linear layers, their product, a linear layer.

    Attributes:
        joint_width: width at which the two meet.
    """

    kind: Literal["mlb"]
    joint_width: PositiveInt = 1200

    def num_params(self, dims: Dims) -> int:
        return self.joint_params(dims, self.joint_width) + self.output_params(
            dims, self.joint_width
        )

    def num_flops(self, dims: Dims) -> int:
        return self.joint_flops(dims, self.joint_width) + self.output_flops(dims, self.joint_width)

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules.bilinear import MLB

        with torch.device(device):
            return MLB(**self.widths(dims), joint_width=self.joint_width)
