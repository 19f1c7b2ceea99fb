"""Early fusion of sequences: the image enters the transformer as raw patches, regions or codes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlcalc.core.division import divide
from vlcalc.modules.primitives import PostNormLayer, apply_if
from vlcalc.modules.projection import ImageNewline


class RawPatchProjector(nn.Module):
    """Cut the image into patches and map their pixels with one linear layer: no encoder at all.

    A patch is flattened row by row, pixel by pixel, channel last. `newline` appends a learned
    vector to each row; in Fuyu that vector is a word of the language model.

    Source: Fuyu, https://www.adept.ai/blog/fuyu-8b; transformers models/fuyu/modeling_fuyu.py.
    """

    def __init__(
        self, *, patch_size: int, text_width: int, num_channels: int, newline: bool
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.project = nn.Linear(num_channels * patch_size**2, text_width)
        self.newline = ImageNewline(text_width=text_width) if newline else None

    def forward(self, pixels: Tensor) -> Tensor:
        """Return a token for each patch of (b, channels, height, width).

        Raises:
            InputError: a side is not a whole number of patches.
        """
        side = self.patch_size
        divide(pixels.shape[2], side, part_name="patch_size", whole_name="height")
        divide(pixels.shape[3], side, part_name="patch_size", whole_name="width")
        patches = pixels.unflatten(3, (-1, side)).unflatten(2, (-1, side))  # (b, c, r, p, k, p)
        patches = patches.permute(0, 2, 4, 3, 5, 1)  # (b, rows, columns, p, p, c)
        columns = patches.shape[2]
        tokens: Tensor = self.project(patches.flatten(3).flatten(1, 2))  # (b, n, t)
        return tokens if self.newline is None else self.newline(tokens, columns)


class RegionProjector(nn.Module):
    """Features of detected regions, mapped to text width, plus segment and position embeddings.

    Source: VisualBERT, arXiv:1908.03557, section 3.2; transformers
    models/visual_bert/modeling_visual_bert.py::VisualBertEmbeddings (regions aligned with no
    word take position 0).
    """

    def __init__(
        self, *, vision_width: int, text_width: int, num_segments: int, max_positions: int
    ) -> None:
        super().__init__()
        self.project = nn.Linear(vision_width, text_width)
        self.segments = nn.Embedding(num_segments, text_width)
        self.positions = nn.Embedding(max_positions, text_width)

    def forward(self, regions: Tensor) -> Tensor:
        first = torch.zeros(regions.shape[:2], dtype=torch.long, device=regions.device)  # (b, n)
        added = self.segments(first + 1) + self.positions(first)  # (b, n, t): segment 1 is images
        return self.project(regions) + added


class SingleStreamEncoder(nn.Module):
    """VisualBERT: words and regions in one BERT, from the first layer on.

    Source: VisualBERT, arXiv:1908.03557, section 3.2; uclanlp/visualbert; transformers
    models/visual_bert/modeling_visual_bert.py::VisualBertModel.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        depth: int,
        num_heads: int,
        hidden_width: int,
        vocab_size: int,
        max_positions: int,
        num_segments: int,
    ) -> None:
        super().__init__()
        eps = 1e-12  # BERT's
        self.words = nn.Embedding(vocab_size, text_width)
        self.positions = nn.Embedding(max_positions, text_width)
        self.segments = nn.Embedding(num_segments, text_width)
        self.regions = RegionProjector(
            vision_width=vision_width,
            text_width=text_width,
            num_segments=num_segments,
            max_positions=max_positions,
        )
        self.norm = nn.LayerNorm(text_width, eps=eps)
        self.layers = nn.ModuleList(
            PostNormLayer(width=text_width, num_heads=num_heads, hidden_width=hidden_width, eps=eps)
            for _ in range(depth)
        )
        self.pooler = nn.Linear(text_width, text_width)

    def forward(self, text_ids: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Return all hidden states (b, s + n, t), words first, and the pooled first one (b, t)."""
        positions = torch.arange(text_ids.shape[1], device=text_ids.device)  # (s)
        segments = torch.zeros_like(text_ids)  # (b, s): segment 0 is text
        text = self.words(text_ids) + self.positions(positions) + self.segments(segments)
        hidden = self.norm(torch.cat([text, self.regions(regions)], dim=1))  # (b, s + n, t)
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden, torch.tanh(self.pooler(hidden[:, 0]))


class DiscreteTokenEmbedding(nn.Module):
    """An embedding for each visual code, as a word has one.

    Source: Chameleon, arXiv:2405.09818, section 2.1 (8,192 codes); Emu3, arXiv:2409.18869,
    section 2 (32,768 codes).
    """

    def __init__(self, *, num_codes: int, text_width: int) -> None:
        super().__init__()
        self.codes = nn.Embedding(num_codes, text_width)

    def forward(self, code_ids: Tensor) -> Tensor:
        return self.codes(code_ids)  # (b, n) -> (b, n, t)


class VectorQuantizer(nn.Module):
    """Replace each feature by the number of the code nearest to it.

    Source: VQ-VAE, arXiv:1711.00937, section 3.1; transformers
    models/chameleon/modeling_chameleon.py::ChameleonVQVAEVectorQuantizer.
    """

    def __init__(self, *, num_codes: int, code_width: int) -> None:
        super().__init__()
        self.codes = nn.Parameter(torch.empty(num_codes, code_width).normal_())

    def forward(self, x: Tensor) -> Tensor:
        products = torch.matmul(x, self.codes.T)  # (b, n, codes)
        # |x|^2 is the same for all codes and leaves the order as it is.
        distances = self.codes.square().sum(dim=1) - 2 * products
        return distances.argmin(dim=-1)  # (b, n)


class DiscreteTokensModule(nn.Module):
    """Quantise features of the image encoder, then embed the codes in the language model.

    Without `quantize`, ids of codes come in; without `own_embedding`, they go out, being words.

    Source: Chameleon, arXiv:2405.09818, section 2.1; Emu3, arXiv:2409.18869, section 2.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        num_codes: int,
        quantize: bool,
        own_embedding: bool,
    ) -> None:
        super().__init__()
        self.quantize = self.embed = None
        if quantize:
            self.quantize = VectorQuantizer(num_codes=num_codes, code_width=vision_width)
        if own_embedding:
            self.embed = DiscreteTokenEmbedding(num_codes=num_codes, text_width=text_width)

    def forward(self, x: Tensor) -> Tensor:
        return apply_if(self.embed, apply_if(self.quantize, x))  # (b, n, d) -> (b, n, t)
