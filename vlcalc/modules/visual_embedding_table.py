"""Ovis: a visual token is a mixture of the rows of an embedding table, as a word is one row."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.grids import square_side, to_windows


class VisualEmbeddingTableModule(nn.Module):
    """Softmax over a visual vocabulary, then the expected embedding under it.

    The last `num_indicators` rows of the table stand for the start and end of an image and the
    like: no patch is ever mapped to them, `indicators` reads them.

    Source: Ovis, arXiv:2405.20797, section 3.2; AIDC-AI/Ovis
    ovis/model/visual_tokenizer/siglip_visual_tokenizer.py and ovis/model/modeling_ovis.py.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        num_codes: int,
        num_indicators: int,
        merge_size: int,
    ) -> None:
        super().__init__()
        self.merge_size = merge_size
        self.num_indicators = num_indicators
        num_words = num_codes - num_indicators
        self.head = nn.Linear(vision_width * merge_size**2, num_words, bias=False)
        self.head_norm = nn.LayerNorm(num_words)
        self.table = nn.Parameter(torch.empty(num_codes, text_width).normal_(std=0.02))

    def forward(self, x: Tensor) -> Tensor:
        side = square_side(x.shape[1], name="visual tokens")
        missing = -side % self.merge_size  # rows and columns of zeros that complete the windows
        grid = F.pad(x.unflatten(1, (side, side)), (0, 0, 0, missing, 0, missing))
        side += missing
        windows = to_windows(
            grid.flatten(1, 2), columns=side, rows=side, side=self.merge_size
        )  # (b, n / merge^2, merge^2, d)
        logits = self.head_norm(self.head(windows.flatten(2)))  # (b, n / merge^2, words)
        shares = F.pad(logits.softmax(-1), (0, self.num_indicators))  # (b, n / merge^2, codes)
        return torch.matmul(shares, self.table)  # (b, n / merge^2, t)

    def indicators(self) -> Tensor:
        """Return the embeddings of the indicator tokens (num_indicators, t)."""
        return self.table[-self.num_indicators :]
