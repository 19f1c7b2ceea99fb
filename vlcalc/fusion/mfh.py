"""MFH, high-order MFB: each block multiplies the product of the one before it.

Source: arXiv:1708.03619, section 3.2; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::MFH.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion


@FUSIONS.register("mfh")
class HighOrderBilinear(JointFusion):
    """`order` blocks of MFB side by side, their sums concatenated, project.

    Attributes:
        joint_width: width at which the two meet, in each block.
        factor: neighbours that are summed into one channel.
        order: number of blocks.
    """

    module: ClassVar[str] = "bilinear.MFH"

    kind: Literal["mfh"]
    joint_width: PositiveInt = 340
    factor: PositiveInt = 5
    order: PositiveInt = 2

    def num_params(self, dims: Dims) -> int:
        joint = self.order * self.joint_params(dims, self.joint_width * self.factor)
        return joint + self.output_params(dims, self.order * self.joint_width)

    def num_flops(self, dims: Dims) -> int:
        joint = self.order * self.joint_flops(dims, self.joint_width * self.factor)
        return joint + self.output_flops(dims, self.order * self.joint_width)
