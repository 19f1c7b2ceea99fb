"""MFB, multimodal factorised bilinear pooling: multiply, then sum neighbours.

Source: arXiv:1708.01471, section 3.1; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::MFB.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion


@FUSIONS.register("mfb")
class FactorisedBilinear(JointFusion):
    """Project both to `factor` times the joint width, multiply, sum neighbours, project.

    Attributes:
        joint_width: width at which the two meet.
        factor: neighbours that are summed into one channel.
    """

    module: ClassVar[str] = "bilinear.MFB"

    kind: Literal["mfb"]
    joint_width: PositiveInt = 1000
    factor: PositiveInt = 5

    def num_params(self, dims: Dims) -> int:
        joint = self.joint_params(dims, self.joint_width * self.factor)
        return joint + self.output_params(dims, self.joint_width)

    def num_flops(self, dims: Dims) -> int:
        joint = self.joint_flops(dims, self.joint_width * self.factor)
        return joint + self.output_flops(dims, self.joint_width)
