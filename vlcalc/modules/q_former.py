"""Q-Formers: a BERT whose learned queries also attend to the visual tokens.

Source: BLIP-2, arXiv:2301.12597, section 3.1; InstructBLIP, arXiv:2305.06500, section 2.2;
salesforce/LAVIS lavis/models/blip2_models/Qformer.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlcalc.modules.primitives import Attention, FeedForward, LearnedTokens, apply_if


class ResidualAttention(nn.Module):
    """Attention, add, LayerNorm: BERT's order."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        eps: float,
        context_width: int | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.attention = Attention(
            width=width, num_heads=num_heads, key_width=context_width, bias=bias, out_bias=True
        )
        self.norm = nn.LayerNorm(width, eps=eps)

    def forward(
        self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        return self.norm(x + self.attention(x, context, mask=mask))


class ResidualFeedForward(nn.Module):
    """Feed-forward, add, LayerNorm: BERT's order."""

    def __init__(self, *, width: int, hidden_width: int, eps: float) -> None:
        super().__init__()
        self.feed_forward = FeedForward(width=width, hidden_width=hidden_width)
        self.norm = nn.LayerNorm(width, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.feed_forward(x))


class SimplifiedQFormerModule(nn.Module):
    """Learned queries with self-attention, cross-attention and feed-forward in every layer.

    Smaller than the real one by its text branch, larger by cross-attention in all layers; the
    projections of the cross-attention have no bias, that of its output excepted.

    Source: the simplified form in which introductions to BLIP-2 (arXiv:2301.12597) present it.
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
        eps: float,
    ) -> None:
        super().__init__()
        self.queries = LearnedTokens(num_tokens=num_queries, width=width)
        self.layers = nn.ModuleList(
            SimplifiedLayer(
                vision_width=vision_width,
                width=width,
                num_heads=num_heads,
                hidden_width=hidden_width,
                eps=eps,
            )
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        queries: Tensor = self.queries(x.shape[0])  # (b, m, width)
        for layer in self.layers:
            queries = layer(queries, x)
        return queries


class SimplifiedLayer(nn.Module):
    """Self-attention, cross-attention, feed-forward, a LayerNorm after each."""

    def __init__(
        self, *, vision_width: int, width: int, num_heads: int, hidden_width: int, eps: float
    ) -> None:
        super().__init__()
        self.self_attention = ResidualAttention(width=width, num_heads=num_heads, eps=eps)
        self.cross_attention = ResidualAttention(
            width=width, num_heads=num_heads, context_width=vision_width, bias=False, eps=eps
        )
        self.feed_forward = ResidualFeedForward(width=width, hidden_width=hidden_width, eps=eps)

    def forward(self, queries: Tensor, x: Tensor) -> Tensor:
        queries = self.self_attention(queries)  # (b, m, width)
        queries = self.cross_attention(queries, x)
        return self.feed_forward(queries)


class QFormerLayer(nn.Module):
    """Joint self-attention; then queries and text each go through a branch of their own."""

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        hidden_width: int,
        vision_width: int | None,
        text_branch: bool,
        eps: float,
    ) -> None:
        super().__init__()
        self.attention = ResidualAttention(width=width, num_heads=num_heads, eps=eps)
        self.cross_attention = None
        if vision_width is not None:
            self.cross_attention = ResidualAttention(
                width=width, num_heads=num_heads, context_width=vision_width, eps=eps
            )
        self.query_branch = ResidualFeedForward(width=width, hidden_width=hidden_width, eps=eps)
        self.text_branch = None
        if text_branch:
            self.text_branch = ResidualFeedForward(width=width, hidden_width=hidden_width, eps=eps)

    def forward(
        self, x: Tensor, features: Tensor | None, mask: Tensor | None, num_queries: int
    ) -> Tensor:
        x = self.attention(x, mask=mask)  # (b, m + s, width)
        queries, text = x[:, :num_queries], x[:, num_queries:]
        if self.text_branch is not None and num_queries == 0:
            return self.text_branch(text)  # (b, s, width)
        if self.cross_attention is not None:
            queries = self.cross_attention(queries, features)  # (b, m, width)
        queries = self.query_branch(queries)
        if self.text_branch is None or text.shape[1] == 0:
            return queries
        return torch.cat([queries, self.text_branch(text)], dim=1)  # (b, m + s, width)


class TextEmbedding(nn.Module):
    """Word plus position embeddings of the text branch."""

    def __init__(self, *, vocab_size: int, max_positions: int, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(max_positions, width)
        for table in (self.words, self.positions):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device)  # (s)
        return self.words(ids) + self.positions(positions)  # (b, s, width)


class QFormerModule(nn.Module):
    """Learned queries, cross-attention in every second layer, an optional text branch.

    BLIP-2 stage 2: no text branch. Stage 1 and InstructBLIP: with it; text then attends together
    with the queries. `text_width` adds the linear map into the language model, over the queries.

    Source: BLIP-2, arXiv:2301.12597, section 3.1 and figure 2; InstructBLIP, arXiv:2305.06500,
    figure 3; salesforce/LAVIS lavis/models/blip2_models/Qformer.py.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int | None,
        width: int,
        depth: int,
        num_heads: int,
        num_queries: int,
        hidden_width: int,
        cross_attention_every: int,
        text_branch: bool,
        vocab_size: int,
        max_positions: int,
        eps: float,
    ) -> None:
        super().__init__()
        self.num_queries = num_queries
        self.queries = LearnedTokens(num_tokens=num_queries, width=width)
        self.text_embedding = None
        if text_branch:
            self.text_embedding = TextEmbedding(
                vocab_size=vocab_size, max_positions=max_positions, width=width
            )
        self.norm = nn.LayerNorm(width, eps=eps)
        self.layers = nn.ModuleList(
            QFormerLayer(
                width=width,
                num_heads=num_heads,
                hidden_width=hidden_width,
                vision_width=None if index % cross_attention_every else vision_width,
                text_branch=text_branch,
                eps=eps,
            )
            for index in range(depth)
        )
        self.project = None if text_width is None else nn.Linear(width, text_width)

    def forward(
        self, x: Tensor, text_ids: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return the queries' vectors, projected where there is a `text_width`: (b, m, t)."""
        hidden = self.encode(x, text_ids, mask)  # (b, m + s, width)
        return apply_if(self.project, hidden[:, : self.num_queries])

    def encode(
        self, x: Tensor, text_ids: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return all hidden states, queries first; `mask` (.., m + s, m + s) is True where seen."""
        hidden = self.queries(x.shape[0])  # (b, m, width)
        if text_ids is not None:
            hidden = torch.cat([hidden, self._text_part()(text_ids)], dim=1)  # (b, m + s, width)
        return self._run(hidden, x, mask, self.num_queries)

    def encode_text(self, text_ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the hidden states of text on its own (b, s, width); needs the text branch."""
        return self._run(self._text_part()(text_ids), None, mask, 0)

    def word_embeddings(self) -> Tensor:
        """Return the matrix of word embeddings (vocabulary, width); needs the text branch."""
        return self._text_part().words.weight

    def _text_part(self) -> TextEmbedding:
        if self.text_embedding is None:
            raise RuntimeError("this Q-Former was built without its text branch")
        return self.text_embedding

    def _run(
        self, hidden: Tensor, x: Tensor | None, mask: Tensor | None, num_queries: int
    ) -> Tensor:
        hidden = self.norm(hidden)
        for layer in self.layers:
            hidden = layer(hidden, x, mask, num_queries)
        return hidden
