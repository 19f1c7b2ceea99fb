"""Dual projection: each modality's vector to a shared width, and all pairs of a batch compared.

Source: CLIP, arXiv:2103.00020, figure 3; ALIGN, arXiv:2102.05918, section 4.1; transformers
models/clip/modeling_clip.py::CLIPModel and models/align/modeling_align.py::AlignModel.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import PositiveFloat, PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import FUSIONS, Dims, Taxonomy
from vlcalc.fusion.vector_fusion import VectorFusion


@FUSIONS.register("dual_projection")
class DualProjection(VectorFusion):
    """Two linear layers and a temperature; a batch of N pairs costs N x N similarities.

    The symmetric contrastive loss over the similarities adds no contraction.

    Attributes:
        projection_width: the width that both share.
        project_vision: whether the image's vector is projected; if not, it has that width already.
        bias: whether the projections have one.
        initial: temperature before training.
        logarithmic: whether the logarithm of its inverse is learned (CLIP), or the temperature
            itself (ALIGN).
    """

    module: ClassVar[str] = "late.DualProjectionModule"
    taxonomy: ClassVar[Taxonomy] = "late"

    kind: Literal["dual_projection"]
    projection_width: PositiveInt = 768
    project_vision: bool = True
    bias: bool = False
    initial: PositiveFloat = 0.07
    logarithmic: bool = True

    def check(self, dims: Dims) -> None:
        if not self.project_vision and dims.vision_width != self.projection_width:
            raise InputError(
                expected=f"`vision_width` equal to `projection_width` ({self.projection_width})",
                got=str(dims.vision_width),
                hint="`project_vision: true` maps it",
            )

    def num_similarities(self, dims: Dims) -> int:
        """Return the similarities of a batch: each image with each text."""
        return dims.batch_size**2

    def num_params(self, dims: Dims) -> int:
        widths = self._projected(dims)
        return 1 + sum(linear_params(w, self.projection_width, bias=self.bias) for w in widths)

    def num_flops(self, dims: Dims) -> int:
        projections = sum(
            linear_flops(dims.batch_size, width, self.projection_width)
            for width in self._projected(dims)
        )
        return projections + 2 * self.num_similarities(dims) * self.projection_width

    def _projected(self, dims: Dims) -> tuple[int, ...]:
        both = (dims.vision_width, dims.text_width)
        return both if self.project_vision else both[1:]
