"""Linear sum: project both, add, project; the baseline of the bilinear methods.

Source: Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::LinearSum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion

if TYPE_CHECKING:
    from torch import nn


@FUSIONS.register("linear_sum")
class LinearSum(JointFusion):
    """Two linear layers, their sum, a linear layer.

    Attributes:
        joint_width: width at which the two meet.
    """

    kind: Literal["linear_sum"]
    joint_width: PositiveInt = 1200

    def num_params(self, dims: Dims) -> int:
        return self.joint_params(dims, self.joint_width) + self.output_params(
            dims, self.joint_width
        )

    def num_flops(self, dims: Dims) -> int:
        return self.joint_flops(dims, self.joint_width) + self.output_flops(dims, self.joint_width)

    def build(self, dims: Dims, device: str = "meta") -> nn.Module:
        import torch

        from vlcalc.modules import bilinear

        with torch.device(device):
            return bilinear.LinearSum(**self.widths(dims), joint_width=self.joint_width)
