"""MUTAN: a Tucker decomposition whose core is a sum of products.

Source: arXiv:1705.06676, section 3.2; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::Mutan.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion


@FUSIONS.register("mutan")
class Mutan(JointFusion):
    """Project both, `rank` products at joint width, summed, project.

    Attributes:
        joint_width: width at which the two meet.
        rank: number of products that are summed.
    """

    module: ClassVar[str] = "bilinear.MutanModule"

    kind: Literal["mutan"]
    joint_width: PositiveInt = 700
    rank: PositiveInt = 10

    def num_params(self, dims: Dims) -> int:
        width = self.joint_width
        core = 2 * linear_params(width, width * self.rank)
        return self.joint_params(dims, width) + core + self.output_params(dims, width)

    def num_flops(self, dims: Dims) -> int:
        width = self.joint_width
        core = 2 * linear_flops(dims.batch_size, width, width * self.rank)
        return self.joint_flops(dims, width) + core + self.output_flops(dims, width)
