"""MCB, multimodal compact bilinear pooling: the sketch of an outer product.

Source: arXiv:1606.01847, section 3.1; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::MCB.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion


@FUSIONS.register("mcb")
class CompactBilinear(JointFusion):
    """Count sketches of both, multiplied in Fourier space, project.

    Sketches and transforms have no parameters and are no contractions: they count no FLOPs.

    Attributes:
        joint_width: bins of the sketch.
    """

    module: ClassVar[str] = "outer_product.MCB"

    kind: Literal["mcb"]
    joint_width: PositiveInt = 16_000

    def num_params(self, dims: Dims) -> int:
        return self.output_params(dims, self.joint_width)

    def num_flops(self, dims: Dims) -> int:
        return self.output_flops(dims, self.joint_width)
