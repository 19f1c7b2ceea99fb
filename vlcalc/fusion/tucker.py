"""Tucker fusion: project both, one full bilinear core, project.

Source: arXiv:1705.06676, section 3.1; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::Tucker.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion


@FUSIONS.register("tucker")
class TuckerFusion(JointFusion):
    """A bilinear form for each channel of the joint width, between linear layers.

    Attributes:
        joint_width: width at which the two meet.
    """

    module: ClassVar[str] = "bilinear.Tucker"

    kind: Literal["tucker"]
    joint_width: PositiveInt = 235

    def num_params(self, dims: Dims) -> int:
        width = self.joint_width
        core = width**3 + width
        return self.joint_params(dims, width) + core + self.output_params(dims, width)

    def num_flops(self, dims: Dims) -> int:
        width = self.joint_width
        core = 2 * dims.batch_size * (width**3 + width**2)
        return self.joint_flops(dims, width) + core + self.output_flops(dims, width)
