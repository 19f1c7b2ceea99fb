"""One small example of every module: how it is built, what goes in, what must come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vlcalc.modules.early import DiscreteTokenEmbedding

from .helpers import built, built_layer

VISION, TEXT = 16, 24
BOTH: dict[str, Any] = {"vision_width": VISION, "text_width": TEXT}
GRID: dict[str, Any] = {"columns": 6, "rows": 4}
POOLED: dict[str, Any] = {"pooled_columns": 3, "pooled_rows": 2}
JOINT: dict[str, Any] = {**BOTH, "output_width": 5}
BATCH = 2


class Example(NamedTuple):
    """A module, its inputs, the shape of its output (of each, where it is a tuple)."""

    build: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]
    shapes: tuple[tuple[int, ...], ...]


def tokens(num: int = 24, width: int = VISION) -> Tensor:
    return torch.randn(BATCH, num, width)


def ids(num: int = 7, vocab_size: int = 20) -> Tensor:
    return torch.randint(1, vocab_size, (BATCH, num))


def vectors() -> tuple[Tensor, Tensor]:
    return torch.randn(BATCH, VISION), torch.randn(BATCH, TEXT)


def placeholders() -> Tensor:
    return torch.tensor([[0] * 4 + [3] * 24 + [5], [3, 3] + [0, 1] + [3] * 22 + [1, 2, 4]])


def out(*shape: int) -> tuple[tuple[int, ...], ...]:
    return ((BATCH, *shape),)


def alone(num: int = 24, width: int = VISION) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (tokens(num, width),)


def crossing() -> tuple[Tensor, Tensor]:
    return tokens(7, TEXT), tokens()


def joint(kind: str, **options: int | None) -> Example:
    return Example(lambda: built(kind, **JOINT, **options), vectors, out(5))


EXAMPLES: dict[str, Example] = {
    "linear": Example(lambda: built("linear", **BOTH), alone(), out(24, TEXT)),
    "mlp": Example(
        lambda: built("mlp", **BOTH, depth=3, input_norm="rms", hidden_width=10),
        alone(),
        out(24, TEXT),
    ),
    "fused-mlp": Example(
        lambda: built("fused_mlp", **BOTH, extra_vision_widths=(8,)),
        lambda: (tokens(), tokens(24, 8)),
        out(24, TEXT),
    ),
    "hybrid": Example(
        lambda: built("hybrid_mlp", **BOTH, high_res_width=8),
        lambda: (tokens(), tokens(24, 8)),
        out(24, TEXT),
    ),
    "grouped": Example(lambda: built("grouped", **BOTH, compress_ratio=4), alone(), out(6, TEXT)),
    "pooled-average": Example(
        lambda: built("pooled_projector", **BOTH, **GRID, **POOLED), alone(), out(6, TEXT)
    ),
    "pooled-adaptive": Example(
        lambda: built(
            "pooled_projector",
            **BOTH,
            **GRID,
            pooled_columns=4,
            pooled_rows=3,
            pool="adaptive",
            pool_first=False,
        ),
        alone(),
        out(12, TEXT),
    ),
    "pooled-bilinear": Example(
        lambda: built(
            "pooled_projector", **BOTH, **GRID, pooled_columns=5, pooled_rows=3, pool="bilinear"
        ),
        alone(),
        out(15, TEXT),
    ),
    "gemma": Example(
        lambda: built("gemma_projector", **BOTH, **GRID, **POOLED), alone(), out(6, TEXT)
    ),
    "attention-pooling": Example(
        lambda: built("attention_pooling", **BOTH, **GRID, num_heads=2, head_dim=5, hidden_width=9),
        alone(),
        out(6, TEXT),
    ),
    "matryoshka": Example(
        lambda: built("matryoshka", **BOTH, columns=6, rows=6, pooled_sides=(1, 3, 6)),
        alone(36),
        (*out(1, TEXT), *out(9, TEXT), *out(36, TEXT)),
    ),
    "pixel-shuffle": Example(lambda: built("pixel_shuffle", **BOTH, **GRID), alone(), out(6, TEXT)),
    "pixel-shuffle-gated": Example(
        lambda: built(
            "pixel_shuffle", **BOTH, **GRID, hidden_width=9, gated=True, activation="silu"
        ),
        alone(),
        out(6, TEXT),
    ),
    "gated-merger": Example(
        lambda: built("gated_merger", **BOTH, **GRID, hidden_width=9), alone(), out(6, TEXT)
    ),
    "patch-merger": Example(lambda: built("patch_merger", **BOTH), alone(), out(6, TEXT)),
    "deepstack": Example(
        lambda: built("deepstack_merger", **BOTH, num_levels=2),
        lambda: (tokens(), tokens(), tokens()),
        out(6, TEXT) * 3,
    ),
    "merging-projector": Example(
        lambda: built("merging_projector", **BOTH, **GRID), alone(), out(6, TEXT)
    ),
    "c-abstractor": Example(
        lambda: built(
            "c_abstractor", **BOTH, columns=6, rows=6, num_queries=9, hidden_width=8, depth=1
        ),
        alone(36),
        out(9, TEXT),
    ),
    "d-abstractor": Example(
        lambda: built(
            "d_abstractor", **BOTH, columns=6, rows=6, num_queries=9, hidden_width=8, depth=2
        ),
        alone(36),
        out(9, TEXT),
    ),
    "ldp": Example(lambda: built("ldp", **BOTH), alone(36), out(9, TEXT)),
    "ldp-v2": Example(lambda: built("ldpv2", **BOTH, pooled_side=3), alone(36), out(9, TEXT)),
    "token-packer": Example(
        lambda: built(
            "token_packer", **BOTH, num_levels=2, columns=6, rows=6, hidden_width=16, num_heads=2
        ),
        lambda: (tokens(36), tokens(36, 2 * VISION)),
        out(9, TEXT),
    ),
    "visual-embedding-table": Example(
        lambda: built("visual_embedding_table", **BOTH, num_codes=30), alone(25), out(9, TEXT)
    ),
    "perceiver": Example(
        lambda: built("perceiver", vision_width=VISION, depth=2, num_latents=5, num_frames=3),
        lambda: (torch.randn(BATCH, 3, 8, VISION),),
        out(5, VISION),
    ),
    "perceiver-rms": Example(
        lambda: built(
            "perceiver",
            vision_width=VISION,
            depth=2,
            num_latents=5,
            num_heads=4,
            num_kv_heads=2,
            head_dim=8,
            norm="rms",
            qk_norm="rms",
            gated=True,
            activation="squared_relu",
        ),
        alone(),
        out(5, VISION),
    ),
    "idefics2": Example(
        lambda: built("idefics2_connector", **BOTH, hidden_width=20, num_latents=5, head_dim=8),
        alone(),
        out(5, TEXT),
    ),
    "qwen-vl": Example(
        lambda: built("cross_attention_resampler", **BOTH, num_queries=9, num_heads=4),
        alone(36),
        out(9, TEXT),
    ),
    "minicpm-v": Example(
        lambda: built(
            "cross_attention_resampler",
            **BOTH,
            **GRID,
            num_queries=5,
            num_heads=4,
            query_positions=False,
        ),
        alone(),
        out(5, TEXT),
    ),
    "self-cross": Example(
        lambda: built("self_cross_resampler", **BOTH, num_queries=5, output_projection=True),
        alone(),
        out(5, TEXT),
    ),
    "aria": Example(
        lambda: built("aria_projector", **BOTH, num_queries=5, used_queries=3, num_heads=4),
        alone(),
        out(3, TEXT),
    ),
    "joint": Example(
        lambda: built("joint_resampler", **BOTH, num_latents=5, num_heads=4), alone(), out(5, TEXT)
    ),
    "q-former": Example(
        lambda: built(
            "q_former", **BOTH, width=16, depth=3, num_heads=2, num_queries=5, hidden_width=20
        ),
        alone(),
        out(5, TEXT),
    ),
    "q-former-text": Example(
        lambda: built(
            "q_former",
            **BOTH,
            width=16,
            depth=3,
            num_heads=2,
            num_queries=5,
            hidden_width=20,
            text_branch=True,
            vocab_size=20,
        ),
        lambda: (tokens(), ids()),
        out(5, TEXT),
    ),
    "q-former-simplified": Example(
        lambda: built(
            "simplified_q_former",
            vision_width=VISION,
            width=16,
            depth=2,
            num_heads=2,
            num_queries=5,
            hidden_width=20,
        ),
        alone(),
        out(5, 16),
    ),
    "spatial-aggregator": Example(
        lambda: built(
            "spatial_aggregator",
            vision_widths=(VISION, 8),
            text_width=TEXT,
            window_sides=(1, 2),
            num_queries=9,
            width=16,
            depth=2,
            num_heads=2,
            num_inserted=2,
        ),
        lambda: (tokens(9), tokens(36, 8)),
        out(12, TEXT),
    ),
    "cross-attention": Example(
        lambda: built_layer("cross_attention", **BOTH, num_heads=4, head_dim=8),
        crossing,
        out(7, TEXT),
    ),
    "gated-cross-attention": Example(
        lambda: built_layer("gated_cross_attention", **BOTH, num_heads=4), crossing, out(7, TEXT)
    ),
    "gated-stack": Example(
        lambda: built("gated_cross_attention", **BOTH, num_heads=4, every=16, project=True),
        crossing,
        out(7, TEXT),
    ),
    "gated-block": Example(
        lambda: built_layer("gated_xattn_dense", **BOTH), crossing, out(7, TEXT)
    ),
    "gated-block-llama": Example(
        lambda: built(
            "gated_xattn_dense",
            **BOTH,
            every=16,
            project=True,
            num_heads=4,
            num_kv_heads=2,
            head_dim=8,
            gated=True,
            norm="rms",
            qk_norm="rms",
            vector_gates=True,
            activation="silu",
        ),
        crossing,
        out(7, TEXT),
    ),
    "flamingo": Example(
        lambda: built(
            "gated_xattn_dense",
            **BOTH,
            every=16,
            resampler={"kind": "perceiver", "depth": 1, "num_latents": 5, "project": False},
        ),
        crossing,
        out(7, TEXT),
    ),
    "raw-patches": Example(
        lambda: built("raw_patch", patch_size=4, text_width=TEXT, newline=True),
        lambda: (torch.randn(BATCH, 3, 8, 12),),
        out(8, TEXT),
    ),
    "regions": Example(lambda: built("region_features", **BOTH), alone(), out(24, TEXT)),
    "single-stream": Example(
        lambda: built(
            "single_stream", **BOTH, depth=2, num_heads=4, hidden_width=20, vocab_size=20
        ),
        lambda: (ids(), tokens(5)),
        (*out(12, TEXT), *out(TEXT)),
    ),
    "discrete": Example(
        lambda: DiscreteTokenEmbedding(num_codes=20, text_width=TEXT),
        lambda: (ids(),),
        out(7, TEXT),
    ),
    "quantised": Example(
        lambda: built("discrete_tokens", **BOTH, num_codes=20),
        alone(),
        out(24, TEXT),
    ),
    "concat": Example(lambda: built("concat"), vectors, out(VISION + TEXT)),
    "concat-mlp": Example(lambda: built("concat_mlp", **JOINT, hidden_width=9), vectors, out(5)),
    "concat-head": Example(lambda: built("concat_head", **BOTH), vectors, out(1)),
    "tanh-add": Example(lambda: built("tanh_add", **JOINT, hidden_width=9), vectors, out(5)),
    "gated-unit": Example(
        lambda: built("gating", **BOTH, hidden_width=9, gate_reads="inputs"), vectors, out(9)
    ),
    "film": Example(
        lambda: built("film", text_width=TEXT, vision_width=3, num_blocks=2),
        lambda: (vectors()[1], torch.randn(BATCH, 3, 4, 5), torch.randn(BATCH, 3, 2, 2)),
        (*out(3, 4, 5), *out(3, 2, 2)),
    ),
    "linear-sum": joint("linear_sum", joint_width=12),
    "mlb": joint("mlb", joint_width=12),
    "mutan": joint("mutan", joint_width=12, rank=3),
    "mfb": joint("mfb", joint_width=12, factor=3),
    "mfh": joint("mfh", joint_width=12, factor=3, order=3),
    "block": joint("block", joint_width=13, num_chunks=4, rank=3),
    "block-tucker": joint("block", joint_width=13, num_chunks=4, rank=None),
    "tucker": joint("tucker", joint_width=12),
    "mcb": joint("mcb", joint_width=50),
    "tensor-fusion": joint("tensor_fusion", hidden_width=9),
    "llava": Example(
        lambda: built("llava_pipeline", **BOTH, vocab_size=20),
        lambda: (tokens(), ids()),
        out(31, TEXT),
    ),
    "interleaved": Example(
        lambda: built("interleaved_pipeline", **BOTH, vocab_size=20, depth=1, image_token_id=3),
        lambda: (tokens(), placeholders()),
        out(29, TEXT),
    ),
    "grouped-pipeline": Example(
        lambda: built("project_and_concatenate", **BOTH, compress_ratio=3),
        lambda: (tokens(), tokens(7, TEXT)),
        out(15, TEXT),
    ),
    "toy-llava": Example(
        lambda: built("toy_llava", **BOTH, vocab_size=20, depth=2, num_heads=4, hidden_width=20),
        lambda: (tokens(), ids()),
        out(31, 20),
    ),
}
