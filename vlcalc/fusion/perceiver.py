"""Perceiver Resampler: learned latents read [visual tokens; latents], layer after layer.

Source: Flamingo, arXiv:2204.14198, section 2.1 and figure 5; mlfoundations/open_flamingo
open_flamingo/src/helpers.py; IDEFICS, transformers models/idefics/perceiver.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from vlcalc.core.bounds import Depth, NonNegativeInt, PositiveFloat, PositiveInt
from vlcalc.core.division import divide
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import linear_flops, linear_params, norm_params
from vlcalc.fusion.attention import AttentionShape, feed_forward_matrices, qk_norm_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation, Norm
from vlcalc.fusion.resampler import ProjectableResampler

if TYPE_CHECKING:
    from torch import Tensor


@FUSIONS.register("perceiver")
class Perceiver(ProjectableResampler):
    """Latents at vision width; the defaults are OpenFlamingo's.

    Flamingo: `activation: squared_relu`. IDEFICS: `activation: relu` and `qk_norm: layer`.
    Idefics2: `norm: rms`, `gated: true`, `activation: silu`, `num_kv_heads: 4`.

    Attributes:
        num_kv_heads: key/value heads; as many as query heads where not given.
        expansion: width of the feed-forward over the width of the latents.
        num_frames: frames of a clip that have a learned position; the views are then its frames,
            which are read together. Without it every view is read on its own.
        gated: whether the feed-forward multiplies by an activated branch.
        qk_norm: norm over each head's queries and keys.
        eps: what the norms add to the variance.
    """

    module: ClassVar[str] = "perceiver.PerceiverResampler"
    token_effect: ClassVar[str] = "resampled to the latents"

    kind: Literal["perceiver"]
    depth: Depth = 6
    num_heads: PositiveInt = 8
    head_dim: PositiveInt = 64
    num_latents: PositiveInt = 64
    num_kv_heads: PositiveInt | None = None
    expansion: PositiveInt = 4
    num_frames: NonNegativeInt = 0
    activation: Activation = "gelu"
    gated: bool = False
    norm: Norm = "layer"
    qk_norm: Norm | None = None
    eps: PositiveFloat = 1e-5

    def check(self, dims: Dims) -> None:
        if self.num_kv_heads:
            divide(
                self.num_heads, self.num_kv_heads, whole_name="num_heads", part_name="num_kv_heads"
            )
        if self.num_frames and dims.num_views > self.num_frames:
            raise InputError(
                expected=f"at most `num_frames` ({self.num_frames}) frames", got=str(dims.num_views)
            )

    def num_vectors(self, dims: Dims) -> int:
        return self.num_latents if self.num_frames else dims.num_views * self.num_latents

    def inner_width(self, dims: Dims) -> int:
        return dims.vision_width

    def module_arguments(self, dims: Dims) -> dict[str, object]:
        return {"width": dims.vision_width}

    def _attention(self, width: int) -> AttentionShape:
        return AttentionShape(
            width=width,
            key_width=width,
            inner_width=self.num_heads * self.head_dim,
            kv_inner_width=(self.num_kv_heads or self.num_heads) * self.head_dim,
        )

    def num_params(self, dims: Dims) -> int:
        width = dims.vision_width
        layer = (
            self._attention(width).num_params
            + qk_norm_params(self.head_dim, self.qk_norm)
            + feed_forward_matrices(gated=self.gated) * self.expansion * width**2
            + 3 * norm_params(width, self.norm)
        )
        learned = (self.num_latents + self.num_frames) * width
        projection = linear_params(width, dims.text_width) if self.project else 0
        return self.depth * layer + learned + norm_params(width, self.norm) + projection

    def num_flops(self, dims: Dims) -> int:
        width = dims.vision_width
        keys = self.num_keys(dims)
        groups = dims.batch_size if self.num_frames else dims.num_inputs
        keys *= dims.num_inputs // groups
        rows = groups * self.num_latents
        matrices = feed_forward_matrices(gated=self.gated)
        layer = self._attention(width).num_flops(
            groups, self.num_latents, keys + self.num_latents
        ) + matrices * linear_flops(rows, width, self.expansion * width)
        projection = linear_flops(rows, width, dims.text_width) if self.project else 0
        return self.depth * layer + projection

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        (tokens,) = super().example_inputs(dims, device)  # (b * views, n, d)
        if self.num_frames:
            tokens = tokens.reshape(dims.batch_size, dims.num_views, *tokens.shape[1:])
        return (tokens,)
