"""What the methods share that join one pooled vector of the image and one of its text.

Source: the feature-level ("early") fusion of Baltrusaitis et al., arXiv:1705.09406, section 6.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from vlcalc.core.bounds import PositiveInt
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.base import Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import pooled_pair

if TYPE_CHECKING:
    from torch import Tensor


class VectorFusion(Fusion):
    """Base of the methods that take one vector a modality and give one fused vector.

    Of the dims they read `vision_width` and `text_width`, the widths of the two vectors, and
    `batch_size`, the number of pairs. Grid, views and text length do not matter: each modality is
    pooled before, which is no part of the method. Nothing enters the sequence of a language model,
    so that an image takes no position in it.
    """

    taxonomy: ClassVar[Taxonomy] = "early"
    token_effect: ClassVar[str] = "pooled to one vector"
    spatial_detail: ClassVar[str] = "none"

    def num_image_tokens(self, dims: Dims) -> int:
        return 0

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return pooled_pair(dims, device)


class JointFusion(VectorFusion):
    """Base of those whose last linear layer gives a vector of any width: classes, or features.

    Attributes:
        output_width: width of the fused vector; None for the text width.
    """

    output_width: PositiveInt | None = None

    def fused_width(self, dims: Dims) -> int:
        """Return the width of the fused vector."""
        return self.output_width or dims.text_width

    def module_arguments(self, dims: Dims) -> dict[str, object]:
        return {"output_width": self.fused_width(dims)}

    def joint_params(self, dims: Dims, width: int) -> int:
        """Return the parameters of a linear layer from each vector to `width`."""
        return linear_params(dims.vision_width, width) + linear_params(dims.text_width, width)

    def joint_flops(self, dims: Dims, width: int) -> int:
        """Return the FLOPs of a linear layer from each vector to `width`."""
        return linear_flops(dims.batch_size, dims.vision_width + dims.text_width, width)

    def output_params(self, dims: Dims, width: int) -> int:
        """Return the parameters of the last linear layer, from `width`."""
        return linear_params(width, self.fused_width(dims))

    def output_flops(self, dims: Dims, width: int) -> int:
        """Return the FLOPs of the last linear layer, from `width`."""
        return linear_flops(dims.batch_size, width, self.fused_width(dims))


class SumOrProduct(JointFusion):
    """Two linear layers into one width, joined element by element, a linear layer.

    Attributes:
        joint_width: width at which the two meet.
    """

    joint_width: PositiveInt = 1200

    def num_params(self, dims: Dims) -> int:
        joint = self.joint_width
        return self.joint_params(dims, joint) + self.output_params(dims, joint)

    def num_flops(self, dims: Dims) -> int:
        joint = self.joint_width
        return self.joint_flops(dims, joint) + self.output_flops(dims, joint)
