"""What methods inside the language model share: where layers are inserted and what they attend to.

Source: Flamingo, arXiv:2204.14198, section 2.2 and table 4 (every layer, every 4th, every 7th).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import field_validator, model_validator

from vlcalc.core.bounds import NonNegativeInt, PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.fusion.arithmetic import linear_flops, linear_params
from vlcalc.fusion.attention import AttentionShape
from vlcalc.fusion.base import Dims, Fusion, Taxonomy, construct
from vlcalc.fusion.examples import context_states, text_states
from vlcalc.fusion.resampler import Resampler, ResamplerField, num_keys

if TYPE_CHECKING:
    from torch import Tensor, nn


class InsertedLayers(Fusion):
    """Cross-attending layers between those of the language model; the image takes no position.

    A layer stands at `first`, then at every `every`-th layer of the language model's own
    (`text_depth`), counted from 0: ceil((text_depth - first) / every) layers. Flamingo and IDEFICS
    start at 0 (the ceiling of the ratio), OpenFlamingo at `every` - 1 (the floor).

    Attributes:
        every: distance from one inserted layer to the next.
        first: the layer of the language model that the first one stands at.
        positions: the layers that they stand at, instead of `every` and `first`.
        num_markers: positions of the sequence that say where an image is; one an image.
        keep_prefix: whether class and register tokens are attended to.
        project: whether a linear layer maps what is attended to into text width, once for all.
        resampler: what turns the visual tokens into the vectors that are attended to; without it
            they are attended to as they are.
        layer: the class of one inserted layer, which the fields of the method itself are for.
    """

    module: ClassVar[str] = "inserted_layers.InsertedStack"
    layer: ClassVar[str]
    taxonomy: ClassVar[Taxonomy] = "mid"
    llm_modified: ClassVar[bool] = True
    token_effect: ClassVar[str] = "only cross-attended; a marker in the sequence"
    spatial_detail: ClassVar[str] = "full, through attention; latents with a resampler"

    every: PositiveInt = 4
    first: NonNegativeInt = 0
    positions: tuple[NonNegativeInt, ...] | None = None
    num_markers: NonNegativeInt = 1
    keep_prefix: bool = False
    project: bool = False
    resampler: ResamplerField | None = None

    @field_validator("resampler")
    @classmethod
    def _is_resampler(cls, value: Fusion | None) -> Fusion | None:
        if value is not None and not isinstance(value, Resampler):
            raise ValueError("expected a resampler")
        return value

    @model_validator(mode="after")
    def _one_rule(self) -> InsertedLayers:
        if self.positions is None:
            return self
        if self.model_fields_set & {"every", "first"}:
            raise ValueError("expected `positions`, or `every` and `first`, not both")
        if not self.positions or list(self.positions) != sorted(set(self.positions)):
            raise ValueError("expected `positions` that ascend")
        return self

    @abstractmethod
    def layer_params(self, dims: Dims) -> int:
        """Return the parameters of one inserted layer."""

    @abstractmethod
    def layer_flops(self, dims: Dims) -> int:
        """Return the FLOPs of one inserted layer."""

    def layer_linears(self, dims: Dims) -> tuple[tuple[int, int], ...]:
        """Return the (outputs, inputs) of the linear weights of one inserted layer."""
        return self._attention(dims).linears

    @abstractmethod
    def _attention(self, dims: Dims) -> AttentionShape:
        """Return the cross-attention of one inserted layer."""

    def num_cached_context_values(self, dims: Dims) -> int:
        keys_and_values = 2 * self.num_context_tokens(dims) * self._attention(dims).kv_inner_width
        return len(self.layer_positions(dims)) * keys_and_values

    def layer_positions(self, dims: Dims) -> tuple[int, ...]:
        """Return the layers of the language model that the inserted ones stand at."""
        return self.positions or tuple(range(self.first, dims.text_depth, self.every))

    def check(self, dims: Dims) -> None:
        name = "positions" if self.positions else "first"
        last = self.positions[-1] if self.positions else self.first
        if last >= dims.text_depth:
            raise InputError(
                expected=f"`{name}` below `text_depth` ({dims.text_depth})", got=str(last)
            )
        if self.resampler is not None:
            self.resampler.check(_without_text(dims))

    def num_image_tokens(self, dims: Dims) -> int:
        return self.num_markers

    def num_context_tokens(self, dims: Dims) -> int:
        if self.resampler is not None:
            return self.resampler.num_vectors(dims)
        return dims.num_views * num_keys(dims, keep_prefix=self.keep_prefix)

    def context_width(self, dims: Dims) -> int:
        """Return the width of the vectors that the inserted layers attend to."""
        return dims.text_width if self.project else self._source_width(dims)

    def _source_width(self, dims: Dims) -> int:
        resampler = self.resampler
        return dims.vision_width if resampler is None else resampler.output_width(dims)

    def num_sequence_tokens(self, dims: Dims) -> int:
        """Return the positions that pass through an inserted layer: text and markers."""
        return dims.num_text_tokens + self.num_markers

    def connector_params(self, dims: Dims) -> int:
        """Return the parameters of what makes the vectors that are attended to."""
        resampler = self.resampler.num_params(dims) if self.resampler else 0
        return resampler + self.project * linear_params(self._source_width(dims), dims.text_width)

    def connector_flops(self, dims: Dims) -> int:
        """Return the FLOPs of making the vectors that are attended to, once for all layers."""
        resampler = self.resampler.num_flops(_without_text(dims)) if self.resampler else 0
        rows = dims.batch_size * self.num_context_tokens(dims)
        projection = linear_flops(rows, self._source_width(dims), dims.text_width)
        return resampler + self.project * projection

    def cached_layer_flops(self, dims: Dims) -> int:
        """Return the FLOPs of one layer for one new position of each sequence.

        Its keys and values of the image were made with the prompt, and kept.
        """
        one = dims._replace(num_text_tokens=1 - self.num_markers)
        attention = self._attention(dims)
        rows = dims.batch_size * self.num_context_tokens(dims)
        kept = 2 * linear_flops(rows, attention.key_width, attention.kv_inner_width)
        return self.layer_flops(one) - kept

    def num_params(self, dims: Dims) -> int:
        layers = len(self.layer_positions(dims)) * self.layer_params(dims)
        return self.connector_params(dims) + layers

    def num_flops(self, dims: Dims) -> int:
        layers = len(self.layer_positions(dims)) * self.layer_flops(dims)
        return self.connector_flops(dims) + layers

    def make_module(self, dims: Dims) -> nn.Module:
        connector = self._connector_parts(dims)
        layers = [self.build_layer(dims) for _ in self.layer_positions(dims)]
        residual = self.adds_residual
        return construct(self.module, {**connector, "layers": layers, "residual": residual}, dims)

    def build_layer(self, dims: Dims) -> nn.Module:
        """Return one inserted layer, on the device of the context."""
        shared = InsertedLayers.model_fields.keys() | {"kind"}
        fields = {name: value for name, value in self if name not in shared}
        return construct(self.layer, {**fields, "vision_width": self.context_width(dims)}, dims)

    def build_connector(self, dims: Dims, device: str = "meta") -> nn.Module:
        """Return what makes the vectors that are attended to, as a module of its own."""
        import torch

        with torch.device(device):
            return construct("inserted_layers.Connector", self._connector_parts(dims), dims)

    def _connector_parts(self, dims: Dims) -> dict[str, nn.Module | None]:
        from torch import nn

        resampler = self.resampler.make_module(dims) if self.resampler else None
        project = nn.Linear(self._source_width(dims), dims.text_width) if self.project else None
        return {"resampler": resampler, "project": project}

    def cached_example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        """Return one position (b, 1, t), and a layer's kept keys and values (b, h, n, e)."""
        import torch

        heads = self.num_cached_heads
        width = self._attention(dims).kv_inner_width // heads
        kept = (dims.batch_size, heads, self.num_context_tokens(dims), width)
        text = torch.randn(dims.batch_size, 1, dims.text_width, device=device)
        return text, torch.randn(kept, device=device), torch.randn(kept, device=device)

    @property
    @abstractmethod
    def num_cached_heads(self) -> int:
        """Return the heads that keys and values are kept for."""

    @property
    def adds_residual(self) -> bool:
        """Whether the text has to be added to what a layer gives: gated layers do it themselves."""
        return False

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        sequence = dims._replace(num_text_tokens=self.num_sequence_tokens(dims))
        text = text_states(sequence, device)
        if self.resampler is not None:
            return text, *self.resampler.example_inputs(_without_text(dims), device)
        keys = num_keys(dims, keep_prefix=self.keep_prefix)
        return text, context_states(dims, device, dims.vision_width, keys)


def _without_text(dims: Dims) -> Dims:
    """Return what a nested resampler sees: it reads no instruction."""
    return dims._replace(num_text_tokens=0)
