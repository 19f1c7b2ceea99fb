"""The blocks of the fuse phase: the fusion method, without what it puts into the language model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vlcalc.fusion.base import Dims, Fusion
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.inference.blocks import Block, Build
from vlcalc.inference.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor, nn


def fuse_blocks(plan: Plan) -> Iterator[Block] | None:
    """Return the blocks of the fusion method; None where it is not known."""
    if plan.spec.fusion is None or not plan.fusion_dims:
        return None
    return (_block(plan.spec.fusion, dims) for dims in plan.fusion_dims)


def _block(fusion: Fusion, dims: Dims) -> Block:
    fusion.check(dims)
    if isinstance(fusion, InsertedLayers):
        flops, build = fusion.connector_flops(dims), _connector(fusion, dims)
    else:
        flops, build = fusion.num_flops(dims), _whole(fusion, dims)
    return Block(
        component="fusion", path=f"fusion.{fusion.kind}", num_repeats=1, flops=flops, build=build
    )


def _whole(fusion: Fusion, dims: Dims) -> Build:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        return fusion.build(dims, device), fusion.example_inputs(dims, device)

    return build


def _connector(fusion: InsertedLayers, dims: Dims) -> Build:
    def build(device: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
        _text, *visual = fusion.example_inputs(dims, device)
        return fusion.build_connector(dims, device), tuple(visual)

    return build
