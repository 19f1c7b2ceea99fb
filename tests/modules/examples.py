"""One small example of every module: how it is built, what goes in, what must come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vlcalc.modules.abstractor import CAbstractor, DAbstractor
from vlcalc.modules.bilinear import MFB, MFH, MLB, Block, LinearSum, Mutan, Tucker
from vlcalc.modules.cross_attention import (
    CrossAttention,
    GatedBlockStack,
    GatedCrossAttention,
    GatedCrossAttentionBlock,
    GatedCrossAttentionStack,
)
from vlcalc.modules.early import (
    DiscreteTokenEmbedding,
    DiscreteTokens,
    RawPatchProjector,
    RegionProjector,
    SingleStreamEncoder,
)
from vlcalc.modules.feature_fusion import (
    ConcatFusion,
    ConcatMLP,
    FiLM,
    GatedMultimodalUnit,
    TanhAdd,
)
from vlcalc.modules.late import ConcatHead
from vlcalc.modules.ldp import LDPProjector, LDPv2Projector
from vlcalc.modules.outer_product import MCB, TensorFusion
from vlcalc.modules.patch_merger import (
    DeepStackMerger,
    GatedMerger,
    MergingProjector,
    PatchMerger,
)
from vlcalc.modules.perceiver import Idefics2Connector, PerceiverResampler
from vlcalc.modules.pipeline import (
    ConcatPipeline,
    InterleavedPipeline,
    LlavaPipeline,
    ProjectAndConcatenate,
    ResampledCrossAttention,
    ToyLlava,
)
from vlcalc.modules.pixel_shuffle import PixelShuffleProjector
from vlcalc.modules.pooling import (
    AttentionPooling,
    GemmaProjector,
    MatryoshkaPool,
    PooledProjector,
)
from vlcalc.modules.projection import (
    FusedMLPProjector,
    GroupedProjector,
    HybridProjector,
    LinearProjector,
    MLPProjector,
)
from vlcalc.modules.qformer import QFormer, SimplifiedQFormer
from vlcalc.modules.resampler import (
    AriaProjector,
    CrossAttentionResampler,
    JointResampler,
    SelfCrossResampler,
)
from vlcalc.modules.spatial_aggregator import SpatialVisionAggregator
from vlcalc.modules.token_packer import TokenPacker
from vlcalc.modules.visual_embedding_table import VisualEmbeddingTable

VISION, TEXT = 16, 24
BOTH: dict[str, Any] = {"vision_width": VISION, "text_width": TEXT}
GRID: dict[str, Any] = {"num_columns": 6, "num_rows": 4}
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


def joint(build: Callable[..., nn.Module], **options: int | None) -> Example:
    return Example(lambda: build(**JOINT, **options), vectors, out(5))


EXAMPLES: dict[str, Example] = {
    "linear": Example(lambda: LinearProjector(**BOTH), alone(), out(24, TEXT)),
    "mlp": Example(
        lambda: MLPProjector(**BOTH, depth=3, input_norm="rms", hidden_width=10),
        alone(),
        out(24, TEXT),
    ),
    "fused-mlp": Example(
        lambda: FusedMLPProjector(vision_widths=(VISION, 8), text_width=TEXT),
        lambda: (tokens(), tokens(24, 8)),
        out(24, TEXT),
    ),
    "hybrid": Example(
        lambda: HybridProjector(**BOTH, high_res_width=8),
        lambda: (tokens(), tokens(24, 8)),
        out(24, TEXT),
    ),
    "grouped": Example(lambda: GroupedProjector(**BOTH, compress_ratio=4), alone(), out(6, TEXT)),
    "pooled-average": Example(
        lambda: PooledProjector(**BOTH, **GRID, **POOLED), alone(), out(6, TEXT)
    ),
    "pooled-adaptive": Example(
        lambda: PooledProjector(
            **BOTH, **GRID, pooled_columns=4, pooled_rows=3, pool="adaptive", pool_first=False
        ),
        alone(),
        out(12, TEXT),
    ),
    "pooled-bilinear": Example(
        lambda: PooledProjector(**BOTH, **GRID, pooled_columns=5, pooled_rows=3, pool="bilinear"),
        alone(),
        out(15, TEXT),
    ),
    "gemma": Example(lambda: GemmaProjector(**BOTH, **GRID, **POOLED), alone(), out(6, TEXT)),
    "attention-pooling": Example(
        lambda: AttentionPooling(**BOTH, **GRID, num_heads=2, head_dim=5, hidden_width=9),
        alone(),
        out(6, TEXT),
    ),
    "matryoshka": Example(
        lambda: MatryoshkaPool(side=6, pooled_sides=(1, 3, 6)),
        alone(36),
        (*out(1, VISION), *out(9, VISION), *out(36, VISION)),
    ),
    "pixel-shuffle": Example(lambda: PixelShuffleProjector(**BOTH, **GRID), alone(), out(6, TEXT)),
    "pixel-shuffle-gated": Example(
        lambda: PixelShuffleProjector(
            **BOTH, **GRID, hidden_width=9, gated=True, activation="silu"
        ),
        alone(),
        out(6, TEXT),
    ),
    "gated-merger": Example(
        lambda: GatedMerger(**BOTH, **GRID, hidden_width=9), alone(), out(6, TEXT)
    ),
    "patch-merger": Example(lambda: PatchMerger(**BOTH), alone(), out(6, TEXT)),
    "deepstack": Example(
        lambda: DeepStackMerger(**BOTH, num_levels=2),
        lambda: (tokens(), tokens(), tokens()),
        out(6, TEXT) * 3,
    ),
    "merging-projector": Example(lambda: MergingProjector(**BOTH, **GRID), alone(), out(6, TEXT)),
    "c-abstractor": Example(
        lambda: CAbstractor(**BOTH, num_tokens=36, num_queries=9, hidden_width=8, depth=1),
        alone(36),
        out(9, TEXT),
    ),
    "d-abstractor": Example(
        lambda: DAbstractor(**BOTH, num_tokens=36, num_queries=9, hidden_width=8, depth=2),
        alone(36),
        out(9, TEXT),
    ),
    "ldp": Example(lambda: LDPProjector(**BOTH), alone(36), out(9, TEXT)),
    "ldp-v2": Example(lambda: LDPv2Projector(**BOTH, pooled_side=3), alone(36), out(9, TEXT)),
    "token-packer": Example(
        lambda: TokenPacker(**BOTH, multi_level_width=40, side=6, hidden_width=16, num_heads=2),
        lambda: (tokens(36), tokens(36, 40)),
        out(9, TEXT),
    ),
    "visual-embedding-table": Example(
        lambda: VisualEmbeddingTable(**BOTH, num_codes=30), alone(25), out(9, TEXT)
    ),
    "perceiver": Example(
        lambda: PerceiverResampler(width=VISION, depth=2, num_latents=5, num_frames=3),
        lambda: (torch.randn(BATCH, 3, 8, VISION),),
        out(5, VISION),
    ),
    "perceiver-rms": Example(
        lambda: PerceiverResampler(
            width=VISION,
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
        lambda: Idefics2Connector(**BOTH, hidden_width=20, num_latents=5, head_dim=8),
        alone(),
        out(5, TEXT),
    ),
    "qwen-vl": Example(
        lambda: CrossAttentionResampler(**BOTH, num_queries=9, num_heads=4), alone(36), out(9, TEXT)
    ),
    "minicpm-v": Example(
        lambda: CrossAttentionResampler(
            **BOTH, **GRID, num_queries=5, num_heads=4, query_positions=False
        ),
        alone(),
        out(5, TEXT),
    ),
    "self-cross": Example(
        lambda: SelfCrossResampler(**BOTH, num_queries=5, output_projection=True),
        alone(),
        out(5, TEXT),
    ),
    "aria": Example(
        lambda: AriaProjector(**BOTH, num_queries=5, used_queries=3, num_heads=4),
        alone(),
        out(3, TEXT),
    ),
    "joint": Example(
        lambda: JointResampler(**BOTH, num_latents=5, num_heads=4), alone(), out(5, TEXT)
    ),
    "q-former": Example(
        lambda: QFormer(**BOTH, width=16, depth=3, num_heads=2, num_queries=5, hidden_width=20),
        alone(),
        out(5, TEXT),
    ),
    "q-former-text": Example(
        lambda: QFormer(
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
        lambda: SimplifiedQFormer(
            vision_width=VISION, width=16, depth=2, num_heads=2, num_queries=5, hidden_width=20
        ),
        alone(),
        out(5, 16),
    ),
    "spatial-aggregator": Example(
        lambda: SpatialVisionAggregator(
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
        lambda: CrossAttention(**BOTH, num_heads=4, head_dim=8), crossing, out(7, TEXT)
    ),
    "gated-cross-attention": Example(
        lambda: GatedCrossAttention(**BOTH, num_heads=4), crossing, out(7, TEXT)
    ),
    "gated-stack": Example(lambda: GatedCrossAttentionStack(**BOTH), crossing, out(7, TEXT)),
    "gated-block": Example(lambda: GatedCrossAttentionBlock(**BOTH), crossing, out(7, TEXT)),
    "gated-block-llama": Example(
        lambda: GatedBlockStack(
            text_width=TEXT,
            vision_width=TEXT,
            project_width=VISION,
            depth=2,
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
        lambda: ResampledCrossAttention(
            resampler=PerceiverResampler(width=VISION, depth=1, num_latents=5),
            blocks=GatedBlockStack(**BOTH, depth=2),
        ),
        crossing,
        out(7, TEXT),
    ),
    "raw-patches": Example(
        lambda: RawPatchProjector(patch_size=4, text_width=TEXT, newline=True),
        lambda: (torch.randn(BATCH, 3, 8, 12),),
        out(8, TEXT),
    ),
    "regions": Example(lambda: RegionProjector(**BOTH), alone(), out(24, TEXT)),
    "single-stream": Example(
        lambda: SingleStreamEncoder(**BOTH, depth=2, num_heads=4, hidden_width=20, vocab_size=20),
        lambda: (ids(), tokens(5)),
        (*out(12, TEXT), *out(TEXT)),
    ),
    "discrete": Example(
        lambda: DiscreteTokenEmbedding(num_codes=20, text_width=TEXT),
        lambda: (ids(),),
        out(7, TEXT),
    ),
    "quantised": Example(
        lambda: DiscreteTokens(code_width=VISION, num_codes=20, text_width=TEXT),
        alone(),
        out(24, TEXT),
    ),
    "concat": Example(ConcatFusion, vectors, out(VISION + TEXT)),
    "concat-mlp": Example(lambda: ConcatMLP(**JOINT, hidden_width=9), vectors, out(5)),
    "concat-head": Example(lambda: ConcatHead(**BOTH), vectors, out(1)),
    "tanh-add": Example(lambda: TanhAdd(**JOINT, hidden_width=9), vectors, out(5)),
    "gated-unit": Example(
        lambda: GatedMultimodalUnit(**BOTH, hidden_width=9, gate_reads="inputs"), vectors, out(9)
    ),
    "film": Example(
        lambda: FiLM(text_width=TEXT, num_channels=3, num_blocks=2),
        lambda: (vectors()[1], torch.randn(BATCH, 3, 4, 5), torch.randn(BATCH, 3, 2, 2)),
        (*out(3, 4, 5), *out(3, 2, 2)),
    ),
    "linear-sum": joint(LinearSum, joint_width=12),
    "mlb": joint(MLB, joint_width=12),
    "mutan": joint(Mutan, joint_width=12, rank=3),
    "mfb": joint(MFB, joint_width=12, factor=3),
    "mfh": joint(MFH, joint_width=12, factor=3, order=3),
    "block": joint(Block, joint_width=13, num_chunks=4, rank=3),
    "block-tucker": joint(Block, joint_width=13, num_chunks=4, rank=None),
    "tucker": joint(Tucker, joint_width=12),
    "mcb": joint(MCB, joint_width=50),
    "tensor-fusion": joint(TensorFusion, hidden_width=9),
    "llava": Example(
        lambda: LlavaPipeline(**BOTH, vocab_size=20), lambda: (tokens(), ids()), out(31, TEXT)
    ),
    "concat-pipeline": Example(
        lambda: ConcatPipeline(projector=LinearProjector(**BOTH), vocab_size=20, text_width=TEXT),
        lambda: (tokens(), ids()),
        out(31, TEXT),
    ),
    "interleaved": Example(
        lambda: InterleavedPipeline(
            projector=LinearProjector(**BOTH), vocab_size=20, text_width=TEXT, image_token_id=3
        ),
        lambda: (tokens(), placeholders()),
        out(29, TEXT),
    ),
    "grouped-pipeline": Example(
        lambda: ProjectAndConcatenate(projector=GroupedProjector(**BOTH, compress_ratio=3)),
        lambda: (tokens(), tokens(7, TEXT)),
        out(15, TEXT),
    ),
    "toy-llava": Example(
        lambda: ToyLlava(**BOTH, vocab_size=20, depth=2, num_heads=4, hidden_width=20),
        lambda: (tokens(), ids()),
        out(31, 20),
    ),
}
