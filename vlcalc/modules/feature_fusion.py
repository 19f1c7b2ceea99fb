"""Early fusion of two feature vectors: concatenate, add, gate, modulate."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from vlcalc.modules.primitives import Activation, build_mlp


class ConcatFusion(nn.Module):
    """Concatenate the two vectors; no parameters.

    Source: Baltrusaitis et al., arXiv:1705.09406, section 6.1 (early fusion).
    """

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return torch.cat([visual, text], dim=-1)  # (b, d + t)


class ConcatMLP(nn.Module):
    """Concatenate the two vectors, then an MLP of `depth` linear layers.

    Source: Cadene/block.bootstrap.pytorch block/models/networks/fusions/fusions.py::ConcatMLP.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        hidden_width: int,
        output_width: int,
        depth: int,
        activation: Activation,
    ) -> None:
        super().__init__()
        hidden = [hidden_width] * (depth - 1)
        self.layers = build_mlp(
            [vision_width + text_width, *hidden, output_width], activation=activation
        )

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.layers(torch.cat([visual, text], dim=-1))  # (b, output)


class TanhAddModule(nn.Module):
    """A dense layer for each, add, tanh, a dense layer.

    Source: the additive joint representation of Baltrusaitis et al., arXiv:1705.09406, section 3.1.
    """

    def __init__(
        self, *, vision_width: int, text_width: int, hidden_width: int, output_width: int | None
    ) -> None:
        super().__init__()
        self.vision_project = nn.Linear(vision_width, hidden_width)
        self.text_project = nn.Linear(text_width, hidden_width)
        self.output = nn.Linear(hidden_width, output_width or hidden_width)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        joint = torch.tanh(self.vision_project(visual) + self.text_project(text))  # (b, hidden)
        return self.output(joint)


class GatedMultimodalUnit(nn.Module):
    """A learned share of the image against the text, per channel: z * h_v + (1 - z) * h_t.

    The gate reads the raw inputs in the paper, the projected ones (before tanh) in the authors'
    code; there are no biases in either.

    Source: arXiv:1702.01992, section 3.1; johnarevalo/gmu-mmimdb model.py::GatedBimodal.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        hidden_width: int,
        gate_reads: Literal["inputs", "projections"],
    ) -> None:
        super().__init__()
        self.gate_reads = gate_reads
        self.vision_project = nn.Linear(vision_width, hidden_width, bias=False)
        self.text_project = nn.Linear(text_width, hidden_width, bias=False)
        raw = gate_reads == "inputs"
        gate_width = vision_width + text_width if raw else 2 * hidden_width
        self.gate = nn.Linear(gate_width, hidden_width, bias=False)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        projected = (self.vision_project(visual), self.text_project(text))  # 2 x (b, hidden)
        read = (visual, text) if self.gate_reads == "inputs" else projected
        share = torch.sigmoid(self.gate(torch.cat(read, dim=-1)))  # (b, hidden)
        return share * torch.tanh(projected[0]) + (1 - share) * torch.tanh(projected[1])


class FiLM(nn.Module):
    """Text scales and shifts the channels of visual feature maps, block by block.

    The generator predicts the distance of the scale from 1.

    Source: arXiv:1709.07871, section 2.1; ethanjperez/film vr/models/film_gen.py.
    """

    def __init__(self, *, text_width: int, vision_width: int, num_blocks: int) -> None:
        super().__init__()
        self.shape = (num_blocks, 2, vision_width)
        self.generator = nn.Linear(text_width, num_blocks * 2 * vision_width)

    def forward(self, text: Tensor, *features: Tensor) -> tuple[Tensor, ...]:
        """Modulate one map (b, channels, rows, columns) for each block."""
        generated = self.generator(text).unflatten(-1, self.shape)[..., None, None]
        scales, shifts = generated.unbind(2)  # (b, blocks, c, 1, 1)
        return tuple(
            (1 + scales[:, index]) * feature + shifts[:, index]
            for index, feature in enumerate(features)
        )
