"""A decoder-only language model: its shape, and its parameters and FLOPs in closed form.

FLOPs are 2 per multiply-accumulate of matrix products only. Causal attention is counted in full,
in layers with a window too: kernels that skip what the mask hides do less. A decoded token attends
to what is cached. Of experts, those that run are counted.

Source: Vaswani et al., arXiv:1706.03762; grouped queries from arXiv:2305.13245; gated feed-forward
from arXiv:2002.05202; windows from Mistral 7B, arXiv:2310.06825, section 2. Which model has which
bias and norm: transformers models/*/modeling_*.py.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

from vlcalc.backbones.decoder_shape import DecoderShape, NormPlacement
from vlcalc.backbones.language import CacheBytes, LayerStack, Linear, feed_forward_linears

if TYPE_CHECKING:
    from vlcalc.modules.decoder import DecoderLayer, DecoderModel

Logits = Literal["last", "all", "none"]

NORMS_PER_LAYER: dict[NormPlacement, int] = {"pre": 2, "sandwich": 4, "parallel": 1}


class DecoderParams(NamedTuple):
    """Parameters by part; a tied head is counted once, with the embedding."""

    embedding: int
    layers: int
    final_norm: int
    head: int


class LayerKind(NamedTuple):
    """A layer that stands for all with the same parameters, by its index, and their number."""

    example: int
    num_layers: int


class Decoder(DecoderShape):
    """A stack of layers between an embedding and a head, and what they cost."""

    @property
    def generates(self) -> bool:
        """Always: it writes an answer, token by token."""
        return True

    @property
    def text_depth(self) -> int:
        """All layers."""
        return self.depth

    @property
    def stacks(self) -> dict[str, LayerStack]:
        """The only stack."""
        kinds = self.layer_kinds()
        linears = (self.layer_linears(kind.example) * kind.num_layers for kind in kinds)
        return {"layers": LayerStack(self.depth, tuple(chain.from_iterable(linears)))}

    def layer_kinds(self) -> tuple[LayerKind, ...]:
        """Return one layer of each kind by parameters and FLOPs of a prompt."""
        by_kind = Counter(self.has_experts(index) for index in range(self.depth))
        first = {self.has_experts(index): index for index in reversed(range(self.depth))}
        return tuple(LayerKind(first[kind], count) for kind, count in by_kind.items())

    def norm_params(self, width: int) -> int:
        """Return the parameters of one norm."""
        return 2 * width if self.norm == "layer" else width

    def attention_params(self) -> int:
        """Return the parameters of a layer's attention, its inner norms included."""
        if self.latent_attention:
            return self.latent_attention.num_params(self.width, self.num_heads)
        weights = 2 * self.width * (self.query_width + self.kv_width)
        biases = self.qkv_bias * (self.query_width + 2 * self.kv_width)
        biases += self.output_bias * self.width
        inner = self.norm_params(self.query_width) if self.inner_norms else 0
        return weights + biases + self._qk_norm_params() + inner

    def _qk_norm_params(self) -> int:
        if self.qk_norm is None:
            return 0
        heads = self.num_heads + self.num_kv_heads if self.own_qk_norms else 2
        return heads * self.head_dim * (2 if self.qk_norm == "layer" else 1)

    def mlp_params(self) -> int:
        """Return the parameters of a plain feed-forward, its inner norm included."""
        weights = (self.num_mlp_inputs + 1) * self.width * self.ffn_width
        biases = self.mlp_bias * (self.num_mlp_inputs * self.ffn_width + self.width)
        return weights + biases + (self.norm_params(self.ffn_width) if self.inner_norms else 0)

    def layer_params(self, index: int = 0, *, active: bool = False) -> int:
        """Return the parameters of one layer; `active`: without the experts a token skips."""
        norms = NORMS_PER_LAYER[self.norm_placement] * self.norm_params(self.width)
        if self.experts and self.has_experts(index):
            feed_forward = self.experts.num_params(self.width, active=active)
        else:
            feed_forward = self.mlp_params()
        return self.attention_params() + feed_forward + norms

    def params_by_part(self) -> DecoderParams:
        """Return the parameters of embedding, layers, final norm and head."""
        rows = self.vocab_size + self.extra_embeddings
        rows += self.learned_positions + (self.position_offset if self.learned_positions else 0)
        head = 0 if self.tied_embeddings else self.vocab_size * self.width
        return DecoderParams(
            embedding=rows * self.width,
            layers=self._layers_params(active=False),
            final_norm=self.norm_params(self.width),
            head=head + self.head_bias * self.vocab_size,
        )

    def num_params(self) -> int:
        """Return the parameters of the whole model."""
        return sum(self.params_by_part())

    def num_active_params(self) -> int:
        """Return the parameters without the experts that a token skips."""
        skipped = self._layers_params(active=False) - self._layers_params(active=True)
        return self.num_params() - skipped

    def _layers_params(self, *, active: bool) -> int:
        kinds = self.layer_kinds()
        return sum(
            kind.num_layers * self.layer_params(kind.example, active=active) for kind in kinds
        )

    def layer_linears(self, index: int, positions: int | None = None) -> tuple[Linear, ...]:
        """Return the linear weights of a layer, a router's left out.

        Args:
            index: which layer, counted from 0.
            positions: that pass the layer at once, which no more experts are read for than these
                are sent to. All experts by default.
        """
        if latent := self.latent_attention:
            attention = latent.linears(self.width, self.num_heads)
        else:
            keys_and_values = ((self.kv_width, self.width),) * 2
            output = (self.width, self.query_width)
            attention = ((self.query_width, self.width), *keys_and_values, output)
        if self.experts and self.has_experts(index):
            return (*attention, *self.experts.linears(self.width, positions))
        mlp = feed_forward_linears(self.width, self.ffn_width, self.num_mlp_inputs)
        return (*attention, *mlp)

    def attention_flops(
        self, queries: int, keys: int, batch: int = 1, *, absorbed: bool = False
    ) -> int:
        """Return the FLOPs of a layer's scores and weighted sums, without its projections."""
        if latent := self.latent_attention:
            each = latent.attention_flops(self.num_heads, queries, keys, absorbed=absorbed)
            return batch * each
        return 4 * batch * queries * keys * self.query_width

    def _projection_flops(self, queries: int, keys: int, *, absorbed: bool) -> int:
        if latent := self.latent_attention:
            return latent.projection_flops(
                self.width, self.num_heads, queries, keys, absorbed=absorbed
            )
        return 4 * queries * self.width * (self.query_width + self.kv_width)

    def _feed_forward_flops(self, queries: int, index: int) -> int:
        if self.experts and self.has_experts(index):
            return self.experts.num_flops(self.width, queries)
        return 2 * queries * (self.num_mlp_inputs + 1) * self.width * self.ffn_width

    def layer_flops(
        self, queries: int, keys: int, batch: int = 1, *, index: int = 0, absorbed: bool = False
    ) -> int:
        """Return the FLOPs of one layer for `queries` new positions.

        Args:
            queries: positions that pass through the layer; keys are computed for these alone.
            keys: positions attended to, cached and new.
            batch: sequences.
            index: which layer, counted from 0; those with experts differ from those without.
            absorbed: whether cached latents are attended to as they are, not expanded.
        """
        projections = self._projection_flops(queries, keys, absorbed=absorbed)
        per_sequence = projections + self._feed_forward_flops(queries, index)
        attention = self.attention_flops(queries, keys, batch, absorbed=absorbed)
        return batch * per_sequence + attention

    def head_flops(self, rows: int, *, num_extra: int = 0) -> int:
        """Return the FLOPs of the logits of `rows` positions, `num_extra` more tokens' included."""
        return 2 * rows * self.width * (self.vocab_size + num_extra)

    def prefill_flops(self, sequence_length: int, batch: int = 1, logits: Logits = "last") -> int:
        """Return the FLOPs of the prompt, causal attention counted in full.

        Args:
            sequence_length: positions of one sequence.
            batch: sequences.
            logits: which positions the head is applied to.
        """
        rows = {"last": 1, "all": sequence_length, "none": 0}[logits]
        layers = sum(
            kind.num_layers
            * self.layer_flops(sequence_length, sequence_length, batch, index=kind.example)
            for kind in self.layer_kinds()
        )
        return layers + self.head_flops(batch * rows)

    def decode_flops(self, context: int, batch: int = 1, *, absorbed: bool = True) -> int:
        """Return the FLOPs of one new token.

        Args:
            context: positions before it and itself; a windowed layer attends to its window.
            batch: sequences.
            absorbed: whether cached latents are attended to as they are (arXiv:2405.04434, section
                2.1.2); transformers expands them all for every token. One position is expanded,
                for that is less.
        """
        absorbed = absorbed and context > 1
        layers = (
            self.layer_flops(1, self.seen(index, context), batch, index=index, absorbed=absorbed)
            for index in range(self.depth)
        )
        return sum(layers) + self.head_flops(batch)

    def seen(self, index: int, context: int) -> int:
        """Return the positions that a decoded token attends to in a layer, itself included."""
        window = self.sliding_window
        return min(context, window) if window and self.has_window(index) else context

    def kv_cache_bytes(self, sequence_length: int, batch: int = 1, *, dtype_bytes: int) -> int:
        """Return the bytes of the cache after `sequence_length` positions.

        A windowed layer keeps one position less than its window, as transformers' dynamic cache
        does: the next token brings its own.
        """
        positions = sum(self.seen(index, sequence_length + 1) - 1 for index in range(self.depth))
        return batch * positions * self._cached_width * dtype_bytes

    def cache_bytes(
        self, prompt_length: int, num_decoded: int, batch: int = 1, *, dtype_bytes: int
    ) -> CacheBytes:
        """Return the cache when the answer is done."""
        positions = prompt_length + num_decoded
        return CacheBytes(self.kv_cache_bytes(positions, batch, dtype_bytes=dtype_bytes), 0)

    def kv_cache_bytes_per_token(self, dtype_bytes: int) -> int:
        """Return the bytes that one position of one sequence adds while no window is full."""
        return self.depth * self._cached_width * dtype_bytes

    def cache_shapes(self, batch: int, positions: int) -> tuple[tuple[int, int, int, int], ...]:
        """Return the shapes of what a layer keeps of so many positions, (b, heads, n, e) each."""
        if latent := self.latent_attention:
            return ((batch, 1, positions, latent.cached_width),)
        return ((batch, self.num_kv_heads, positions, self.head_dim),) * 2

    @property
    def _cached_width(self) -> int:
        return self.latent_attention.cached_width if self.latent_attention else 2 * self.kv_width

    def build_layer(
        self,
        device: str = "meta",
        *,
        index: int = 0,
        rope_base: float = 10_000.0,
        eps: float = 1e-6,
    ) -> DecoderLayer:
        """Return a layer; the base of its rotary angles and the norms' epsilon cost nothing."""
        from vlcalc.backbones.build_decoder import build_decoder_layer

        return build_decoder_layer(self, device, index=index, rope_base=rope_base, eps=eps)

    def build(
        self, device: str = "meta", *, rope_base: float = 10_000.0, eps: float = 1e-6
    ) -> DecoderModel:
        """Return the whole model on a device; keywords as in `build_layer`."""
        from vlcalc.backbones.build_decoder import build_model

        return build_model(self, device, rope_base=rope_base, eps=eps)
