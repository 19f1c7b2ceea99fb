"""Published bridges, by their widths."""

from __future__ import annotations

from typing import Any

from .helpers import built, built_layer


def idefics_block(width: int, hidden_width: int, depth: int = 1) -> Any:
    return built(
        "gated_xattn_dense",
        text_width=width,
        vision_width=1280,
        text_depth=depth,
        every=1,
        num_heads=width // 128,
        head_dim=128,
        hidden_width=hidden_width,
        activation="silu",
        gated=True,
        norm="rms",
        qk_norm="rms",
        project=False,
    )


def llama_blocks(width: int, hidden_width: int, depth: int) -> Any:
    return built(
        "gated_xattn_dense",
        text_width=width,
        vision_width=7680,
        text_depth=depth,
        every=1,
        num_heads=width // 128,
        head_dim=128,
        num_kv_heads=8,
        hidden_width=hidden_width,
        activation="silu",
        gated=True,
        norm="rms",
        qk_norm="rms",
        silence="feed_forward",
        project=True,
    )


def open_flamingo_block(width: int) -> Any:
    return built_layer("gated_xattn_dense", text_width=width, vision_width=1024)


def merger(vision_width: int, text_width: int, **options: Any) -> Any:
    return built("patch_merger", vision_width=vision_width, text_width=text_width, **options)


def internvl(vision_width: int, text_width: int) -> Any:
    return built(
        "pixel_shuffle", vision_width=vision_width, text_width=text_width, columns=32, rows=32
    )


def shuffle_linear(vision_width: int, text_width: int, factor: int) -> Any:
    return built(
        "pixel_shuffle",
        vision_width=vision_width,
        text_width=text_width,
        columns=12 * factor,
        rows=12 * factor,
        factor=factor,
        depth=1,
        input_norm=None,
        bias=False,
    )


def gemma(text_width: int) -> Any:
    return built(
        "gemma_projector",
        vision_width=1152,
        text_width=text_width,
        columns=64,
        rows=64,
        pooled_columns=16,
        pooled_rows=16,
    )


def cambrian(text_width: int, num_inserted: int) -> Any:
    return built(
        "spatial_aggregator",
        vision_widths=(1152, 1024, 1536, 3072),
        text_width=text_width,
        window_sides=(1, 1, 1, 4),
        num_inserted=num_inserted,
    )
