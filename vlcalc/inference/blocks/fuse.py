"""The blocks of the fuse phase: the fusion method, without what it puts into the language model."""

from __future__ import annotations

from dataclasses import dataclass

from vlcalc.fusion.base import Dims, Fusion
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.inference.blocks.block import Block, Built
from vlcalc.inference.plan import Plan


def fuse_blocks(plan: Plan) -> tuple[Block, ...] | None:
    """Return the blocks of the fusion method, none without an image; None where not known."""
    if plan.fusion_dims is None:
        return None
    if plan.spec.fusion is None:
        return ()
    return tuple(_block(plan.spec.fusion, dims) for dims in plan.fusion_dims)


def _block(fusion: Fusion, dims: Dims) -> Block:
    fusion.check(dims)
    path = f"fusion.{fusion.kind}"
    if isinstance(fusion, InsertedLayers):
        return ConnectorBlock(path=path, fusion=fusion, dims=dims)
    return FusionBlock(path=path, fusion=fusion, dims=dims)


@dataclass(frozen=True, kw_only=True)
class FusionBlock(Block):
    """A whole method on one shape of views."""

    fusion: Fusion
    dims: Dims

    @property
    def flops(self) -> int:
        return self.fusion.num_flops(self.dims)

    def build(self, device: str) -> Built:
        inputs = self.fusion.example_inputs(self.dims, device)
        return self.fusion.build(self.dims, device), inputs


@dataclass(frozen=True, kw_only=True)
class ConnectorBlock(Block):
    """What makes the vectors that inserted layers attend to."""

    fusion: InsertedLayers
    dims: Dims

    @property
    def flops(self) -> int:
        return self.fusion.connector_flops(self.dims)

    def build(self, device: str) -> Built:
        _text, *visual = self.fusion.example_inputs(self.dims, device)
        return self.fusion.build_connector(self.dims, device), tuple(visual)
