"""BLOCK: both vectors cut into chunks, a bilinear form for each pair of chunks.

Source: arXiv:1902.00038, section 2.2; Cadene/block.bootstrap.pytorch
block/models/networks/fusions/fusions.py::Block and ::BlockTucker.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import JointFusion


@FUSIONS.register("block")
class SuperdiagonalBilinear(JointFusion):
    """Project both, a bilinear form for each chunk, project.

    Attributes:
        joint_width: width of all chunks together.
        num_chunks: chunks that a vector is cut into.
        rank: products that are summed in place of a full form; None for full forms (BLOCK-Tucker).
    """

    module: ClassVar[str] = "bilinear.BLOCK"

    kind: Literal["block"]
    joint_width: PositiveInt = 1600
    num_chunks: PositiveInt = 18
    rank: PositiveInt | None = 15

    @model_validator(mode="after")
    def _check_chunks(self) -> SuperdiagonalBilinear:
        if min(self.chunk_widths) < 1:
            raise PydanticCustomError(
                "num_chunks",
                "expected `num_chunks` that leaves no chunk of `joint_width` ({joint_width}) empty",
                {"joint_width": self.joint_width},
            )
        return self

    @property
    def chunk_widths(self) -> tuple[int, ...]:
        """The widths of the chunks: rounded up, and the last takes what is left.

        Where rounding up takes more than there is, the last chunks are one narrower each.
        """
        width = math.ceil(self.joint_width / self.num_chunks)
        left = self.joint_width - width * (self.num_chunks - 1)
        if left >= 0:
            return (*[width] * (self.num_chunks - 1), left)
        narrow = width * self.num_chunks - self.joint_width
        return (*[width] * (self.num_chunks - narrow), *[width - 1] * narrow)

    def num_params(self, dims: Dims) -> int:
        width = self.joint_width
        core = sum(self._chunk_params(chunk) for chunk in self.chunk_widths)
        return self.joint_params(dims, width) + core + self.output_params(dims, width)

    def num_flops(self, dims: Dims) -> int:
        width = self.joint_width
        core = sum(self._chunk_flops(dims.batch_size, chunk) for chunk in self.chunk_widths)
        return self.joint_flops(dims, width) + core + self.output_flops(dims, width)

    def _chunk_params(self, width: int) -> int:
        if self.rank is None:
            return width**3 + width
        return 2 * linear_params(width, width * self.rank)

    def _chunk_flops(self, batch: int, width: int) -> int:
        if self.rank is None:
            return 2 * batch * (width**3 + width**2)
        return 2 * linear_flops(batch, width, width * self.rank)
