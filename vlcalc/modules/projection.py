"""Projectors: every visual token is mapped on its own to the width of the language model.

Only `GroupedProjector` changes the number of tokens, by joining neighbours before it maps them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vlcalc.core.division import divide
from vlcalc.modules.primitives import Activation, Norm, apply_if, build_mlp, build_norm


def join_features(features: Sequence[Tensor]) -> Tensor:
    """Join the features of encoders that share a grid by channel, (b, n, d_1 + d_2 + ...)."""
    return features[0] if len(features) == 1 else torch.cat(tuple(features), dim=-1)


class LinearProjector(nn.Module):
    """One linear layer from vision width to text width.

    Source: LLaVA, arXiv:2304.08485, section 4.1; PaliGemma, arXiv:2407.07726, section 3.1;
    haotian-liu/LLaVA llava/model/multimodal_projector/builder.py (`linear`).
    """

    def __init__(self, *, vision_width: int, text_width: int, bias: bool) -> None:
        super().__init__()
        self.project = nn.Linear(vision_width, text_width, bias=bias)

    def forward(self, *features: Tensor) -> Tensor:
        """Project the features of an encoder, or of several that share a grid."""
        return self.project(join_features(features))  # (b, n, d) -> (b, n, t)


class MLPProjector(nn.Module):
    """A projector of `depth` linear layers, with an optional norm of its input.

    Source: LLaVA-1.5, arXiv:2310.03744, section 3.3; haotian-liu/LLaVA
    llava/model/multimodal_projector/builder.py (`mlpNx_gelu`).
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        depth: int,
        hidden_width: int | None,
        input_norm: Norm | None,
        activation: Activation,
        bias: bool,
        eps: float,
    ) -> None:
        super().__init__()
        hidden = [hidden_width or text_width] * (depth - 1)
        self.norm = build_norm(input_norm, vision_width, eps=eps) if input_norm else None
        self.layers = build_mlp(
            [vision_width, *hidden, text_width], activation=activation, bias=bias
        )

    def forward(self, *features: Tensor) -> Tensor:
        """Project the features of an encoder, or of several that share a grid."""
        x = apply_if(self.norm, join_features(features))  # (b, n, d)
        return self.layers(x)  # (b, n, t)


class FusedMLPProjector(nn.Module):
    """Concatenate the features of several encoders per token, then a three-layer MLP.

    Source: OpenVLA, arXiv:2406.09246, section 3.1; openvla/openvla
    prismatic/util/nn_utils.py::FusedMLPProjector (`expansion` is 4 there).
    """

    def __init__(
        self,
        *,
        vision_widths: Sequence[int],
        text_width: int,
        expansion: int,
        activation: Activation,
    ) -> None:
        super().__init__()
        fused = sum(vision_widths)
        self.layers = build_mlp(
            [fused, expansion * fused, text_width, text_width], activation=activation
        )

    def forward(self, *features: Tensor) -> Tensor:
        return self.layers(join_features(features))  # (b, n, t)


class HybridProjector(nn.Module):
    """Map two encoders to half the text width each, concatenate, activate, map again.

    Source: DeepSeek-VL, arXiv:2403.05525, section 3.1; deepseek-ai/DeepSeek-VL
    deepseek_vl/models/projector.py (`low_high_hybrid_split_mlp_gelu`). The high-resolution half
    comes first.
    """

    def __init__(self, *, vision_width: int, high_res_width: int, text_width: int) -> None:
        super().__init__()
        half = divide(text_width, 2, part_name="num_encoders", whole_name="text_width")
        self.project = nn.Linear(vision_width, half)
        self.high_res_project = nn.Linear(high_res_width, half)
        self.activation = nn.GELU()
        self.output = nn.Linear(text_width, text_width)

    def forward(self, x: Tensor, high_res: Tensor) -> Tensor:
        halves = [self.high_res_project(high_res), self.project(x)]  # 2 x (b, n, t / 2)
        return self.output(self.activation(torch.cat(halves, dim=-1)))  # (b, n, t)


class GroupedProjector(nn.Module):
    """Join `compress_ratio` consecutive tokens channel-wise, then project: N tokens into one.

    Source: the MLP connector with token grouping of blasphemetheus/edifice
    lib/edifice/multimodal/fusion.ex; MiniGPT-v2, arXiv:2310.09478, section 2.1, groups four alike.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        compress_ratio: int,
        depth: int,
        activation: Activation,
    ) -> None:
        super().__init__()
        self.compress_ratio = compress_ratio
        self.layers = build_mlp(
            [vision_width * compress_ratio, *[text_width] * depth], activation=activation
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a projected token for each group.

        Raises:
            InputError: the ratio does not divide the number of tokens.
        """
        divide(
            x.shape[1], self.compress_ratio, part_name="compress_ratio", whole_name="visual tokens"
        )
        grouped = x.unflatten(1, (-1, self.compress_ratio)).flatten(2)  # (b, n / r, r * d)
        return self.layers(grouped)  # (b, n / r, t)


class ImageNewline(nn.Module):
    """Append one learned vector to each row of a grid of projected tokens.

    Source: LLaVA-NeXT llava/model/llava_arch.py (`image_newline`).
    """

    def __init__(self, *, text_width: int) -> None:
        super().__init__()
        self.newline = nn.Parameter(torch.empty(text_width).normal_(std=text_width**-0.5))

    def forward(self, x: Tensor, columns: int) -> Tensor:
        rows = x.unflatten(1, (-1, columns))  # (b, rows, columns, t)
        newline = self.newline.expand(rows.shape[0], rows.shape[1], 1, -1)  # (b, rows, 1, t)
        return torch.cat([rows, newline], dim=2).flatten(1, 2)  # (b, n + rows, t)
