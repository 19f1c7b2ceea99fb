"""The pieces of a decoder as modules of their own, to be counted or timed one by one.

Together they are what `DecoderModel` runs; a test holds them to it.
"""

from __future__ import annotations

from torch import Tensor, nn

from vlcalc.modules.decoder import DecoderModel


class DecoderStem(nn.Module):
    """Token ids to what the first layer is given, for the last of `num_positions`."""

    def __init__(self, model: DecoderModel, *, num_positions: int) -> None:
        super().__init__()
        self.model, self.num_positions = model, num_positions
        del model.final_norm, model.head  # they come after the layers

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return vectors (b, s, t)."""
        vectors = self.model.embed(token_ids)
        return self.model.place(vectors, self.num_positions)


class DecoderEnd(nn.Module):
    """What leaves the last layer to logits of the last positions, or to hidden states."""

    def __init__(self, norm: nn.Module, head: nn.Module | None, *, num_logits: int) -> None:
        super().__init__()
        self.final_norm, self.head, self.num_logits = norm, head, num_logits

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (b, rows, vocab), or hidden states (b, s, t) where none are wanted."""
        x = self.final_norm(x)
        out: Tensor = x if self.head is None else self.head(x[:, -self.num_logits :])
        return out
