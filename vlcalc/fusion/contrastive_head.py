"""Contrastive head: all similarities of a batch of embeddings over a learned temperature.

Source: CLIP, arXiv:2103.00020, figure 3; ALIGN, arXiv:2102.05918, section 4.1.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveFloat
from vlcalc.core.errors import InputError
from vlcalc.fusion.base import FUSIONS, Dims, Taxonomy
from vlcalc.fusion.vector_fusion import VectorFusion


@FUSIONS.register("contrastive_head")
class ContrastiveHead(VectorFusion):
    """The symmetric contrastive loss of N pairs, without projections: N x N similarities.

    Attributes:
        initial: temperature before training.
        logarithmic: whether the logarithm of its inverse is learned (CLIP), or the temperature
            itself (ALIGN).
    """

    module: ClassVar[str] = "late.ContrastiveHeadModule"
    taxonomy: ClassVar[Taxonomy] = "late"

    kind: Literal["contrastive_head"]
    initial: PositiveFloat = 0.07
    logarithmic: bool = True

    def check(self, dims: Dims) -> None:
        if dims.vision_width != dims.text_width:
            raise InputError(
                expected=f"`vision_width` equal to `text_width` ({dims.text_width})",
                got=str(dims.vision_width),
                hint="`dual_projection` maps both to one width",
            )

    def num_similarities(self, dims: Dims) -> int:
        """Return the similarities of a batch: each image with each text."""
        return dims.batch_size**2

    def num_params(self, dims: Dims) -> int:
        return 1

    def num_flops(self, dims: Dims) -> int:
        return 2 * self.num_similarities(dims) * dims.text_width
