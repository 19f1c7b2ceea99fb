"""Whole pipelines: from the encoder's output to the input of the language model, and beyond."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlcalc.modules.primitives import PostNormLayer


class ConcatPipeline(nn.Module):
    """Project the image, embed the text, image first.

    Source: LLaVA, arXiv:2304.08485, section 4.1 and figure 1.
    """

    def __init__(self, *, projector: nn.Module, vocab_size: int, text_width: int) -> None:
        super().__init__()
        self.projector = projector
        self.words = nn.Embedding(vocab_size, text_width)

    def forward(self, visual: Tensor, text_ids: Tensor) -> Tensor:
        return concatenate(self.projector(visual), self.words(text_ids))  # (b, n + s, t)


class PlaceholderPipeline(nn.Module):
    """Project the images, embed the text, put the images where their placeholders stand.

    Source: haotian-liu/LLaVA llava/model/llava_arch.py; transformers
    models/llava/modeling_llava.py (`masked_scatter`).
    """

    def __init__(
        self, *, projector: nn.Module, vocab_size: int, text_width: int, image_token_id: int
    ) -> None:
        super().__init__()
        self.projector = projector
        self.words = nn.Embedding(vocab_size, text_width)
        self.image_token_id = image_token_id

    def forward(self, visual: Tensor, text_ids: Tensor) -> Tensor:
        is_image = text_ids == self.image_token_id  # (b, s), one per projected token
        words = self.words(text_ids.masked_fill(is_image, 0))  # (b, s, t)
        return place(self.projector(visual), words, is_image)  # (b, s, t)


class ToyLlavaModule(nn.Module):
    """A linear projector, a few post-norm encoder layers for a language model, a vocabulary head.

    A teaching model: its layers are bidirectional, use ReLU, and know no positions.

    Source: the pipeline of LLaVA, arXiv:2304.08485, figure 1, over layers of arXiv:1706.03762.
    """

    def __init__(
        self,
        *,
        projector: nn.Module,
        vocab_size: int,
        text_width: int,
        depth: int,
        num_heads: int,
        hidden_width: int,
    ) -> None:
        super().__init__()
        self.pipeline = ConcatPipeline(
            projector=projector, vocab_size=vocab_size, text_width=text_width
        )
        self.layers = nn.ModuleList(
            PostNormLayer(
                width=text_width,
                num_heads=num_heads,
                hidden_width=hidden_width,
                activation="relu",
                eps=1e-5,
            )
            for _ in range(depth)
        )
        self.head = nn.Linear(text_width, vocab_size)

    def forward(self, visual: Tensor, text_ids: Tensor) -> Tensor:
        hidden: Tensor = self.pipeline(visual, text_ids)  # (b, n + s, t)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.head(hidden)  # (b, n + s, vocabulary)


class ProjectAndConcatenateModule(nn.Module):
    """Project the image and put it before text that is embedded already.

    Source: LLaVA, arXiv:2304.08485, section 4.1.
    """

    def __init__(self, *, projector: nn.Module) -> None:
        super().__init__()
        self.projector = projector

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return concatenate(self.projector(visual), text)  # (b, n + s, t)


def concatenate(visual: Tensor, text: Tensor) -> Tensor:
    """Return the image's tokens followed by the text's, (b, n + s, t)."""
    return torch.cat([visual, text], dim=1)


def place(visual: Tensor, text: Tensor, is_image: Tensor) -> Tensor:
    """Put the visual tokens, in order, at the positions where `is_image` (b, s) is true."""
    return text.masked_scatter(is_image[..., None], visual.to(text.dtype))
