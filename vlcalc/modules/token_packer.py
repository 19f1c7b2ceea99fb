"""TokenPacker: a coarse token is refined by the fine tokens of its own region, and by no others."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.core.division import divide
from vlcalc.modules.grids import to_grid, to_tokens, to_windows
from vlcalc.modules.primitives import Attention, build_mlp


class TokenPackerModule(nn.Module):
    """Bilinearly shrunk features query the multi-level features of their `scale` x `scale` region.

    The features of `num_levels` encoder layers come concatenated (4 x 1024 in the paper).

    Source: arXiv:2407.02392, section 3.2; CircleRadon/TokenPacker
    llava/model/multimodal_projector/builder.py.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        columns: int,
        scale: int,
        hidden_width: int,
        num_heads: int,
        num_levels: int,
    ) -> None:
        super().__init__()
        self.side = columns
        self.scale = scale
        self.coarse_side = divide(columns, scale, part_name="scale", whole_name="columns")
        multi_level_width = num_levels * vision_width
        self.project_query = nn.Linear(vision_width, hidden_width, bias=False)
        self.project_key = build_mlp([multi_level_width, hidden_width, hidden_width])
        self.project_value = build_mlp([multi_level_width, hidden_width, hidden_width])
        self.query_norm = nn.LayerNorm(hidden_width, eps=1e-6)
        self.key_norm = nn.LayerNorm(hidden_width, eps=1e-6)
        self.value_norm = nn.LayerNorm(hidden_width, eps=1e-6)
        self.attention = Attention(width=hidden_width, num_heads=num_heads, bias=True)
        self.readout = build_mlp([hidden_width, text_width, text_width])

    def forward(self, x: Tensor, multi_level: Tensor) -> Tensor:
        keys = self._to_regions(self.key_norm(self.project_key(multi_level)))  # (b * m, s^2, d)
        values = self._to_regions(self.value_norm(self.project_value(multi_level)))
        grid = to_grid(x, self.side, self.side)  # (b, d, side, side)
        size = (self.coarse_side, self.coarse_side)
        coarse = to_tokens(F.interpolate(grid, size=size, mode="bilinear"))  # (b, m, d)
        queries = self.query_norm(self.project_query(coarse)).flatten(0, 1)[:, None]  # (b*m, 1, d)
        packed = self.attention(queries, keys, values=values)  # (b * m, 1, d)
        return self.readout(packed.unflatten(0, coarse.shape[:2]).squeeze(2))  # (b, m, t)

    def _to_regions(self, x: Tensor) -> Tensor:
        windows = to_windows(x, columns=self.side, rows=self.side, side=self.scale)
        return windows.flatten(0, 1)  # (b * m, scale^2, d)
