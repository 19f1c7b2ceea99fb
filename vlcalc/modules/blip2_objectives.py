"""BLIP-2's first stage: three objectives over one Q-Former, told apart by their masks.

Source: BLIP-2, arXiv:2301.12597, section 3.1 and figure 2; salesforce/LAVIS
lavis/models/blip2_models/blip2_qformer.py.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.core.errors import InputError
from vlcalc.modules.q_former import QFormerModule

Objective = Literal["contrastive", "matching", "captioning"]

BERT_EPS = 1e-12  # of its norms


class Blip2Losses(NamedTuple):
    """The three losses of a batch, each a scalar; the training loss is their sum."""

    contrastive: Tensor
    matching: Tensor
    captioning: Tensor


def objective_mask(
    objective: Objective,
    *,
    num_queries: int,
    num_text: int,
    device: torch.device | str | None = None,
) -> Tensor:
    """Return who sees whom, (m + s, m + s), queries first; True where a row may see a column.

    Contrastive: queries and text never see each other. Matching: all see all. Captioning: queries
    see queries, text sees the queries and the text before it.
    """
    length = num_queries + num_text
    if objective == "matching":
        return torch.ones(length, length, dtype=torch.bool, device=device)
    is_query = torch.arange(length, device=device) < num_queries  # (m + s)
    same = is_query[:, None] == is_query
    if objective == "contrastive":
        return same
    earlier = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    return is_query | (same & earlier)


class CaptionHead(nn.Module):
    """BERT's masked-language-model head; its output matrix is the word embedding itself."""

    def __init__(self, *, width: int, vocab_size: int) -> None:
        super().__init__()
        self.transform = nn.Linear(width, width)
        self.activation = nn.GELU()
        self.norm = nn.LayerNorm(width, eps=BERT_EPS)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, hidden: Tensor, words: Tensor) -> Tensor:
        hidden = self.norm(self.activation(self.transform(hidden)))  # (b, s, width)
        return F.linear(hidden, words, self.bias)  # (b, s, vocabulary)


class Blip2ObjectivesModule(nn.Module):
    """The whole first stage: Q-Former with text branch, and the heads of its three objectives.

    The vocabulary is BERT's 30,522 words and one start-of-caption token. Similarities are those of
    the best query, b x b of them; each row's hard negative is drawn in proportion to them, so that
    matching sees 3 b pairs. All texts have the same length, without padding. Captioning encodes the
    queries once more, where LAVIS keeps their keys and values from the contrastive pass.

    Source: BLIP-2, arXiv:2301.12597, section 3.1; salesforce/LAVIS
    lavis/models/blip2_models/blip2_qformer.py::Blip2Qformer.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        width: int,
        depth: int,
        num_heads: int,
        num_queries: int,
        hidden_width: int,
        cross_attention_every: int,
        vocab_size: int,
        max_positions: int,
        contrastive_width: int,
        temperature: float,
    ) -> None:
        super().__init__()
        self.num_queries = num_queries
        self.qformer = QFormerModule(
            vision_width=vision_width,
            text_width=None,
            width=width,
            depth=depth,
            num_heads=num_heads,
            num_queries=num_queries,
            hidden_width=hidden_width,
            cross_attention_every=cross_attention_every,
            text_branch=True,
            vocab_size=vocab_size,
            max_positions=max_positions,
            eps=BERT_EPS,
        )
        self.vision_project = nn.Linear(width, contrastive_width)
        self.text_project = nn.Linear(width, contrastive_width)
        self.temperature = nn.Parameter(torch.full((), temperature))
        self.matching_head = nn.Linear(width, 2)
        self.caption_head = CaptionHead(width=width, vocab_size=vocab_size)

    def forward(self, x: Tensor, text_ids: Tensor) -> Blip2Losses:
        """Return the losses of b image-text pairs: features (b, n, d), token ids (b, s).

        Raises:
            InputError: a single pair, which has no negatives.
        """
        if x.shape[0] < 2:
            raise InputError(expected="a batch of 2 or more pairs", got=str(int(x.shape[0])))
        to_text, to_image = self.similarities(x, text_ids)  # 2 x (b, b)
        return Blip2Losses(
            contrastive=self._contrastive_loss(to_text, to_image),
            matching=self._matching_loss(x, text_ids, to_text, to_image),
            captioning=self._captioning_loss(x, text_ids),
        )

    def similarities(self, x: Tensor, text_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return image-to-text and text-to-image similarities over the temperature, each (b, b)."""
        image = F.normalize(self.vision_project(self.qformer.encode(x)), dim=-1)  # (b, m, c)
        first_word = self.qformer.encode_text(text_ids)[:, 0]  # (b, width)
        text = F.normalize(self.text_project(first_word), dim=-1)  # (b, c)
        scores = torch.matmul(image, text.T)  # (b images, m, b texts)
        best = scores.amax(dim=1) / self.temperature  # (b images, b texts)
        return best, best.T

    def _contrastive_loss(self, to_text: Tensor, to_image: Tensor) -> Tensor:
        targets = torch.arange(to_text.shape[0], device=to_text.device)
        directions = (
            F.cross_entropy(scores, targets, label_smoothing=0.1) for scores in (to_text, to_image)
        )
        return sum(directions, start=torch.zeros_like(to_text[0, 0])) / 2

    def _matching_loss(
        self, x: Tensor, text_ids: Tensor, to_text: Tensor, to_image: Tensor
    ) -> Tensor:
        wrong_image = x[hard_negatives(to_image)]  # (b, n, d)
        wrong_text = text_ids[hard_negatives(to_text)]  # (b, s)
        images = torch.cat([x, wrong_image, x])  # (3 b, n, d)
        texts = torch.cat([text_ids, text_ids, wrong_text])  # (3 b, s)
        fused = self.qformer.encode(images, texts)[:, : self.num_queries]  # (3 b, m, width)
        logits = self.matching_head(fused).mean(dim=1)  # (3 b, 2)
        batch_size = x.shape[0]
        labels = torch.arange(3 * batch_size, device=x.device) < batch_size
        return F.cross_entropy(logits, labels.long())

    def _captioning_loss(self, x: Tensor, text_ids: Tensor) -> Tensor:
        mask = objective_mask(
            "captioning",
            num_queries=self.num_queries,
            num_text=text_ids.shape[1],
            device=text_ids.device,
        )
        hidden = self.qformer.encode(x, text_ids, mask)[:, self.num_queries :]  # (b, s, width)
        words = self.qformer.word_embeddings()
        logits = self.caption_head(hidden[:, :-1], words)  # (b, s - 1, vocabulary)
        return F.cross_entropy(logits.flatten(0, 1), text_ids[:, 1:].flatten(), label_smoothing=0.1)


def hard_negatives(similarities: Tensor) -> Tensor:
    """Draw one wrong column for each row (b), the more likely the more similar."""
    weights = similarities.detach().softmax(dim=1) + 1e-4  # (b, b)
    is_pair = torch.eye(weights.shape[0], dtype=torch.bool, device=weights.device)
    return torch.multinomial(weights.masked_fill(is_pair, 0.0), 1).squeeze(1)
