"""Perceiver Resamplers: learned latents read any number of visual tokens, layer after layer.

One layer covers the four published forms.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlcalc.modules.primitives import (
    Activation,
    Attention,
    FeedForward,
    LearnedTokens,
    Norm,
    build_norm,
)


class PerceiverLayer(nn.Module):
    """Latents attend to the visual tokens and themselves, then a feed-forward; both residual.

    Source: Flamingo, arXiv:2204.14198, figure 5 (keys and values from [features; latents]).
    """

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        head_dim: int,
        hidden_width: int,
        num_kv_heads: int | None,
        activation: Activation,
        gated: bool,
        norm: Norm,
        qk_norm: Norm | None,
        eps: float,
    ) -> None:
        super().__init__()
        self.context_norm = build_norm(norm, width, eps=eps)
        self.latent_norm = build_norm(norm, width, eps=eps)
        self.attention = Attention(
            width=width,
            num_heads=num_heads,
            head_dim=head_dim,
            num_kv_heads=num_kv_heads,
            qk_norm=qk_norm,
            eps=eps,
        )
        self.feed_forward_norm = build_norm(norm, width, eps=eps)
        self.feed_forward = FeedForward(
            width=width, hidden_width=hidden_width, activation=activation, bias=False, gated=gated
        )

    def forward(self, latents: Tensor, context: Tensor) -> Tensor:
        queries = self.latent_norm(latents)  # (b, m, d)
        keys = torch.cat([self.context_norm(context), queries], dim=1)  # (b, n + m, d)
        latents = latents + self.attention(queries, keys)  # (b, m, d)
        return latents + self.feed_forward(self.feed_forward_norm(latents))


class PerceiverResampler(nn.Module):
    """N visual tokens, of one image or of `num_frames` frames, into `num_latents`.

    `activation`: Flamingo "squared_relu", OpenFlamingo and Otter "gelu", IDEFICS "relu", which has
    `qk_norm` "layer". Idefics2: `norm` "rms", `gated` "silu", `num_kv_heads` 4.

    Source: Flamingo, arXiv:2204.14198, section 2.1 and figure 5; mlfoundations/open_flamingo
    open_flamingo/src/helpers.py; IDEFICS, transformers models/idefics/perceiver.py; Idefics2,
    arXiv:2405.02246, section 3, transformers models/idefics2/modeling_idefics2.py.
    """

    def __init__(
        self,
        *,
        width: int,
        depth: int,
        num_heads: int,
        head_dim: int,
        num_latents: int,
        num_kv_heads: int | None,
        expansion: int,
        num_frames: int,
        activation: Activation,
        gated: bool,
        norm: Norm,
        qk_norm: Norm | None,
        eps: float,
    ) -> None:
        super().__init__()
        self.latents = LearnedTokens(num_tokens=num_latents, width=width)
        frames = LearnedTokens(num_tokens=num_frames, width=width) if num_frames else None
        self.frame_positions = frames
        self.layers = nn.ModuleList(
            PerceiverLayer(
                width=width,
                num_heads=num_heads,
                head_dim=head_dim,
                hidden_width=expansion * width,
                num_kv_heads=num_kv_heads,
                activation=activation,
                gated=gated,
                norm=norm,
                qk_norm=qk_norm,
                eps=eps,
            )
            for _ in range(depth)
        )
        self.norm = build_norm(norm, width, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Resample (b, n, d), or (b, frames, n, d) where there are frame positions."""
        if self.frame_positions is not None:
            positions = self.frame_positions(x.shape[0])[:, : x.shape[1], None]  # (b, f, 1, d)
            x = (x + positions).flatten(1, 2)  # (b, f * n, d)
        latents = self.latents(x.shape[0])  # (b, m, d)
        for layer in self.layers:
            latents = layer(latents, x)
        return self.norm(latents)  # (b, m, d)


class Idefics2ConnectorModule(nn.Module):
    """A SwiGLU projection to text width, then a Perceiver Resampler at that width.

    Source: Idefics2, arXiv:2405.02246, section 3; transformers
    models/idefics2/modeling_idefics2.py::Idefics2Connector.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        hidden_width: int,
        depth: int,
        num_heads: int,
        head_dim: int,
        num_kv_heads: int,
        num_latents: int,
        activation: Activation,
        eps: float,
    ) -> None:
        super().__init__()
        self.project = FeedForward(
            width=vision_width,
            hidden_width=hidden_width,
            out_width=text_width,
            activation=activation,
            bias=False,
            gated=True,
        )
        self.resampler = PerceiverResampler(
            width=text_width,
            depth=depth,
            num_heads=num_heads,
            head_dim=head_dim,
            num_latents=num_latents,
            num_kv_heads=num_kv_heads,
            expansion=4,
            num_frames=0,
            activation=activation,
            gated=True,
            norm="rms",
            qk_norm=None,
            eps=eps,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.resampler(self.project(x))  # (b, n, d) -> (b, m, t)
