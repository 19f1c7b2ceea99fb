"""Concatenation of both vectors.

Source: Baltrusaitis et al., arXiv:1705.09406, section 6.1 (early fusion).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.vector_fusion import VectorFusion


@FUSIONS.register("concat")
class Concat(VectorFusion):
    """The image's vector followed by the text's: no parameters, no FLOPs."""

    module: ClassVar[str] = "feature_fusion.ConcatFusion"

    kind: Literal["concat"]

    def num_params(self, dims: Dims) -> int:
        return 0

    def num_flops(self, dims: Dims) -> int:
        return 0
