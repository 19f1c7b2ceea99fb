"""Published bridges, by their widths."""

from __future__ import annotations

from typing import Any

from vlcalc.modules.cross_attention import (
    GatedBlockStack,
    GatedCrossAttentionBlock,
)
from vlcalc.modules.patch_merger import PatchMerger
from vlcalc.modules.pixel_shuffle import PixelShuffleProjector
from vlcalc.modules.pooling import GemmaProjector
from vlcalc.modules.spatial_aggregator import (
    SpatialVisionAggregator,
)


def idefics_block(width: int, hidden_width: int, depth: int = 1) -> GatedBlockStack:
    return GatedBlockStack(
        text_width=width,
        vision_width=1280,
        depth=depth,
        num_heads=width // 128,
        head_dim=128,
        hidden_width=hidden_width,
        activation="silu",
        gated=True,
        norm="rms",
        qk_norm="rms",
    )


def llama_blocks(width: int, hidden_width: int, depth: int) -> GatedBlockStack:
    return GatedBlockStack(
        text_width=width,
        vision_width=width,
        depth=depth,
        project_width=7680,
        num_heads=width // 128,
        head_dim=128,
        num_kv_heads=8,
        hidden_width=hidden_width,
        activation="silu",
        gated=True,
        norm="rms",
        qk_norm="rms",
        silence="feed_forward",
    )


def open_flamingo_block(width: int) -> GatedCrossAttentionBlock:
    return GatedCrossAttentionBlock(text_width=width, vision_width=1024)


def merger(vision_width: int, text_width: int, **options: Any) -> PatchMerger:
    return PatchMerger(vision_width=vision_width, text_width=text_width, **options)


def internvl(vision_width: int, text_width: int) -> PixelShuffleProjector:
    return PixelShuffleProjector(
        vision_width=vision_width, text_width=text_width, num_columns=32, num_rows=32
    )


def shuffle_linear(vision_width: int, text_width: int, factor: int) -> PixelShuffleProjector:
    return PixelShuffleProjector(
        vision_width=vision_width,
        text_width=text_width,
        num_columns=12 * factor,
        num_rows=12 * factor,
        factor=factor,
        depth=1,
        input_norm=None,
        bias=False,
    )


def gemma(text_width: int) -> GemmaProjector:
    return GemmaProjector(
        vision_width=1152,
        text_width=text_width,
        num_columns=64,
        num_rows=64,
        pooled_columns=16,
        pooled_rows=16,
    )


def cambrian(text_width: int, num_inserted: int) -> SpatialVisionAggregator:
    return SpatialVisionAggregator(
        vision_widths=(1152, 1024, 1536, 3072),
        text_width=text_width,
        window_sides=(1, 1, 1, 4),
        num_inserted=num_inserted,
    )
