"""Cross-attention inside the language model: text attends to the image and takes no position of it.

A gate that starts at zero leaves the language model as it was, to the bit.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from vlcalc.modules.primitives import (
    Activation,
    Attention,
    FeedForward,
    KeysValues,
    Norm,
    TanhGate,
    build_norm,
)


class CrossAttentionLayer(nn.Module):
    """Text queries, visual keys and values; no norm, no residual.

    Source: Vaswani et al., arXiv:1706.03762, section 3.2.3 (encoder-decoder attention).
    """

    def __init__(
        self,
        *,
        text_width: int,
        vision_width: int,
        num_heads: int,
        head_dim: int | None,
        bias: bool,
        out_bias: bool,
    ) -> None:
        super().__init__()
        self.attention = Attention(
            width=text_width,
            key_width=vision_width,
            num_heads=num_heads,
            head_dim=head_dim,
            bias=bias,
            out_bias=out_bias,
        )

    def forward(self, text: Tensor, visual: Tensor | KeysValues) -> Tensor:
        return self.attention(text, visual)  # (b, s, t)


class GatedCrossAttentionLayer(nn.Module):
    """Text plus tanh(alpha) times cross-attention of the normalised text; no feed-forward.

    Source: Flamingo, arXiv:2204.14198, section 2.2, without its gated feed-forward.
    """

    def __init__(
        self,
        *,
        text_width: int,
        vision_width: int,
        num_heads: int,
        head_dim: int | None,
        bias: bool,
        out_bias: bool,
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(text_width)
        self.cross_attention = CrossAttentionLayer(
            text_width=text_width,
            vision_width=vision_width,
            num_heads=num_heads,
            head_dim=head_dim,
            bias=bias,
            out_bias=out_bias,
        )
        self.gate = TanhGate()

    def forward(self, text: Tensor, visual: Tensor | KeysValues) -> Tensor:
        return text + self.gate(self.cross_attention(self.norm(text), visual))  # (b, s, t)


class GatedCrossAttentionBlock(nn.Module):
    """GATED XATTN-DENSE: gated cross-attention, then a gated feed-forward; two gates from zero.

    OpenFlamingo and Otter: `activation` "gelu" (Flamingo: "squared_relu"). IDEFICS: `norm`
    and `qk_norm` "rms", "silu", `gated`. Llama 3.2 Vision: the same with `num_kv_heads`, and
    `silence` "feed_forward".

    Text that sees no image is silenced: "attention" drops what its attention read, "feed_forward"
    what its feed-forward computed.

    Source: Flamingo, arXiv:2204.14198, section 2.2 and figure 4; mlfoundations/open_flamingo
    open_flamingo/src/helpers.py::GatedCrossAttentionBlock; transformers
    models/idefics/modeling_idefics.py::IdeficsGatedCrossAttentionLayer and
    models/mllama/modeling_mllama.py::MllamaCrossAttentionDecoderLayer.
    """

    def __init__(
        self,
        *,
        text_width: int,
        vision_width: int,
        num_heads: int,
        head_dim: int,
        num_kv_heads: int | None,
        hidden_width: int | None,
        activation: Activation,
        gated: bool,
        norm: Norm,
        qk_norm: Norm | None,
        vector_gates: bool,
        silence: Literal["attention", "feed_forward"],
        eps: float,
    ) -> None:
        super().__init__()
        self.silence = silence
        self.attention_norm = build_norm(norm, text_width, eps=eps)
        self.attention = Attention(
            width=text_width,
            key_width=vision_width,
            num_heads=num_heads,
            head_dim=head_dim,
            num_kv_heads=num_kv_heads,
            qk_norm=qk_norm,
            eps=eps,
        )
        gate_width = text_width if vector_gates else 1
        self.attention_gate = TanhGate(width=gate_width)
        self.feed_forward_norm = build_norm(norm, text_width, eps=eps)
        self.feed_forward = FeedForward(
            width=text_width,
            hidden_width=hidden_width or 4 * text_width,
            activation=activation,
            bias=False,
            gated=gated,
        )
        self.feed_forward_gate = TanhGate(width=gate_width)

    def forward(
        self, text: Tensor, visual: Tensor | KeysValues, mask: Tensor | None = None
    ) -> Tensor:
        """Let text attend to the image; `mask` (b, 1, s, n) is True where it may."""
        blind = None if mask is None else ~mask.any(dim=-1, keepdim=True)  # (b, 1, s, 1)
        # A row without anything to see would divide zero by zero: it sees all, and is silenced.
        visible = None if mask is None or blind is None else mask | blind
        read = self.attention(self.attention_norm(text), visual, mask=visible)  # (b, s, t)
        if blind is not None and self.silence == "attention":
            read = read.masked_fill(blind[:, 0], 0.0)
        text = text + self.attention_gate(read)
        hidden = self.feed_forward(self.feed_forward_norm(text))  # (b, s, t)
        if blind is not None and self.silence == "feed_forward":
            hidden = hidden.masked_fill(blind[:, 0], 0.0)
        return text + self.feed_forward_gate(hidden)


def image_mask(
    is_image_marker: Tensor, *, num_images: int, tokens_per_image: int, only_latest: bool = True
) -> Tensor:
    """Return which visual tokens each text token may see: (b, 1, s, images * tokens), bool.

    Text sees the image whose marker came last before it, or with `only_latest` off all before it.

    Source: Flamingo, arXiv:2204.14198, section 2.3; mlfoundations/open_flamingo
    open_flamingo/src/helpers.py::MaskedCrossAttention.
    """
    images_so_far = is_image_marker.cumsum(dim=-1)[:, None, :, None]  # (b, 1, s, 1)
    image = torch.arange(1, num_images + 1, device=is_image_marker.device)
    image = image.repeat_interleave(tokens_per_image)  # (images * tokens)
    return images_so_far == image if only_latest else images_so_far >= image
