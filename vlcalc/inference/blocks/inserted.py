"""The blocks of layers that a fusion method puts into the language model, of prompt and token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vlcalc.backbones.language import Linear
from vlcalc.fusion.base import Dims
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.inference.blocks.block import Block, Built
from vlcalc.inference.plan import Plan


def inserted_blocks(plan: Plan, *, cached: bool = False) -> Iterator[Block]:
    """Yield the inserted layers, if there are any and an image: of a prompt, or of one position.

    The keys and values of the image are kept. transformers keeps them for Llama 3.2 Vision and
    BLIP; for IDEFICS it makes them anew with every token (models/idefics/modeling_idefics.py:
    `past_key_values=None,  # not implemented`).
    """
    fusion, dims = plan.inserted, plan.inserted_dims
    if fusion is None or dims is None:
        return
    kind = CachedInsertedBlock if cached else InsertedBlock
    num_layers = len(fusion.layer_positions(dims))
    yield kind(path=f"language.{fusion.kind}", num_repeats=num_layers, fusion=fusion, dims=dims)


def context_values(plan: Plan) -> int:
    """Return the values of the vectors that inserted layers attend to, alive until the last one."""
    fusion, dims = plan.inserted, plan.inserted_dims
    if fusion is None or dims is None:
        return 0
    return dims.batch_size * fusion.num_context_tokens(dims) * fusion.context_width(dims)


@dataclass(frozen=True, kw_only=True)
class InsertedBlock(Block):
    """One inserted layer, of a prompt."""

    fusion: InsertedLayers
    dims: Dims

    @property
    def flops(self) -> int:
        return self.fusion.layer_flops(self.dims)

    @property
    def linears(self) -> tuple[Linear, ...]:
        return self.fusion.layer_linears(self.dims)

    def build(self, device: str) -> Built:
        import torch

        from vlcalc.modules.inserted_layers import InsertedStack

        fusion, dims = self.fusion, self.dims
        with torch.device(device):
            module = InsertedStack(
                layers=[fusion.build_layer(dims)],
                resampler=None,
                project=None,
                residual=fusion.adds_residual,
            )
            text = torch.randn(dims.batch_size, fusion.num_sequence_tokens(dims), dims.text_width)
            width, number = fusion.context_width(dims), fusion.num_context_tokens(dims)
            return module, (text, torch.randn(dims.batch_size, number, width))


@dataclass(frozen=True, kw_only=True)
class CachedInsertedBlock(InsertedBlock):
    """One inserted layer, of one position of each sequence."""

    @property
    def flops(self) -> int:
        return self.fusion.cached_layer_flops(self.dims)

    @property
    def num_cached_inputs(self) -> int:
        return 2

    def build(self, device: str) -> Built:
        import torch

        from vlcalc.modules.inserted_layers import CachedLayer

        fusion, dims = self.fusion, self.dims
        with torch.device(device):
            layer = CachedLayer(layer=fusion.build_layer(dims), residual=fusion.adds_residual)
        return layer, fusion.cached_example_inputs(dims, device)
