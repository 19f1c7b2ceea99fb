"""Gating: the gated multimodal unit (GMU), a learned share of image against text per channel.

Source: arXiv:1702.01992, section 3.1; johnarevalo/gmu-mmimdb model.py::GatedBimodal.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import VectorFusion


@FUSIONS.register("gating")
class Gating(VectorFusion):
    """Project both without bias, mix them by a sigmoid gate.

    Attributes:
        hidden_width: width of the fused vector.
        gate_reads: what the gate sees: the two `inputs` (paper) or their `projections` (code).
    """

    module: ClassVar[str] = "feature_fusion.GatedMultimodalUnit"

    kind: Literal["gating"]
    hidden_width: PositiveInt = 512
    gate_reads: Literal["inputs", "projections"] = "projections"

    def num_params(self, dims: Dims) -> int:
        return sum(linear_params(width, self.hidden_width, bias=False) for width in self._in(dims))

    def num_flops(self, dims: Dims) -> int:
        return sum(
            linear_flops(dims.batch_size, width, self.hidden_width) for width in self._in(dims)
        )

    def _in(self, dims: Dims) -> tuple[int, int, int]:
        """Return the widths that the layers of image, text and gate read."""
        visual, text = dims.vision_width, dims.text_width
        gate = visual + text if self.gate_reads == "inputs" else 2 * self.hidden_width
        return visual, text, gate
