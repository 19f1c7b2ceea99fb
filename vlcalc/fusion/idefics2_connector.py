"""Idefics2's connector: a SwiGLU projection to text width, then a Perceiver at that width.

Source: Idefics2, arXiv:2405.02246, section 3; transformers
models/idefics2/modeling_idefics2.py::Idefics2Connector.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from vlcalc.core.bounds import Depth, PositiveFloat, PositiveInt
from vlcalc.fusion.arithmetic import mlp_flops, mlp_params
from vlcalc.fusion.base import FUSIONS, Dims
from vlcalc.fusion.choices import Activation
from vlcalc.fusion.perceiver import Perceiver
from vlcalc.fusion.resampler import Resampler


@FUSIONS.register("idefics2_connector")
class Idefics2Connector(Resampler):
    """Gated MLP without biases, then a gated Perceiver with RMS norms and grouped queries.

    Attributes:
        hidden_width: hidden width of the projection; Mistral-7B's by default.
        eps: what the norms add to the variance.
    """

    module: ClassVar[str] = "perceiver.Idefics2ConnectorModule"
    token_effect: ClassVar[str] = "resampled to the latents"

    kind: Literal["idefics2_connector"]
    hidden_width: PositiveInt = 14_336
    depth: Depth = 3
    num_heads: PositiveInt = 16
    head_dim: PositiveInt = 96
    num_kv_heads: PositiveInt = 4
    num_latents: PositiveInt = 64
    activation: Activation = "silu"
    eps: PositiveFloat = 1e-5

    @property
    def _perceiver(self) -> Perceiver:
        return Perceiver(
            kind="perceiver",
            depth=self.depth,
            num_heads=self.num_heads,
            head_dim=self.head_dim,
            num_kv_heads=self.num_kv_heads,
            num_latents=self.num_latents,
            gated=True,
            norm="rms",
            project=False,
            keep_prefix=self.keep_prefix,
        )

    def _projection_widths(self, dims: Dims) -> list[int]:
        return [dims.vision_width, self.hidden_width, dims.text_width]

    def check(self, dims: Dims) -> None:
        self._perceiver.check(dims)

    def num_vectors(self, dims: Dims) -> int:
        return dims.num_views * self.num_latents

    def num_params(self, dims: Dims) -> int:
        gate = dims.vision_width * self.hidden_width
        projection = gate + mlp_params(self._projection_widths(dims), bias=False)
        return projection + self._perceiver.num_params(_at_text_width(dims))

    def num_flops(self, dims: Dims) -> int:
        rows = dims.num_inputs * self.num_keys(dims)
        gate = mlp_flops(rows, [dims.vision_width, self.hidden_width])
        projection = gate + mlp_flops(rows, self._projection_widths(dims))
        return projection + self._perceiver.num_flops(_at_text_width(dims))


def _at_text_width(dims: Dims) -> Dims:
    """Return what the Perceiver sees: visual tokens that are already at text width."""
    return dims._replace(vision_width=dims.text_width)
