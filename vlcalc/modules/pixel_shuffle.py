"""Pixel shuffle: each square of tokens becomes one wider token, which is then projected."""

from __future__ import annotations

from torch import Tensor, nn

from vlcalc.modules.grids import to_windows
from vlcalc.modules.primitives import (
    Activation,
    Norm,
    apply_if,
    build_gated_mlp,
    build_mlp,
    build_norm,
    check_grid,
)


class PixelShuffleProjector(nn.Module):
    """Move `factor` x `factor` neighbours into the channels, then project.

    InternVL: depth 2 behind a LayerNorm. Idefics3 and SmolVLM: one matrix without bias or norm.
    Aya Vision: a LayerNorm and a gated layer; Command A Vision: the same without the norm.

    Source: InternVL 1.5, arXiv:2404.16821, section 3.1, OpenGVLab/InternVL
    internvl_chat/internvl/model/internvl_chat/modeling_internvl_chat.py; Idefics3,
    arXiv:2408.12637, section 2.2; SmolVLM, arXiv:2504.05299, section 2.2.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        columns: int,
        rows: int,
        factor: int,
        depth: int,
        hidden_width: int | None,
        gated: bool,
        input_norm: Norm | None,
        activation: Activation,
        bias: bool,
    ) -> None:
        super().__init__()
        check_grid(columns, rows, factor, side_name="factor")
        self.grid = (columns, rows)
        self.factor = factor
        shuffled_width = vision_width * factor**2
        self.norm = build_norm(input_norm, shuffled_width, eps=1e-5) if input_norm else None
        widths = [shuffled_width, *[hidden_width or text_width] * (depth - 1), text_width]
        build = build_gated_mlp if gated else build_mlp
        self.layers = build(widths, activation=activation, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        columns, rows = self.grid
        windows = to_windows(x, columns=columns, rows=rows, side=self.factor)
        shuffled = windows.flatten(2)  # (b, n / factor^2, factor^2 * d)
        return self.layers(apply_if(self.norm, shuffled))  # (b, n / factor^2, t)
