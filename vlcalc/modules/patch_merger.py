"""Patch mergers: a square of neighbouring patches becomes one token inside an MLP."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.core.division import divide
from vlcalc.modules.grids import to_grid, to_tokens, to_windows
from vlcalc.modules.primitives import (
    Activation,
    FeedForward,
    Norm,
    build_mlp,
    build_norm,
    check_grid,
)


class PatchMergerModule(nn.Module):
    """Normalise, join `merge_size`^2 consecutive patches, two linear layers.

    The patches come window by window, as Qwen's processor orders them. `norm_after_merge` puts
    the norm behind the joining, over all joined channels, as DeepStack's mergers have it.

    Source: Qwen2-VL, arXiv:2409.12191, section 2.1; Qwen2.5-VL, arXiv:2502.13923, section 2.1
    (RMSNorm); transformers models/qwen2_vl/modeling_qwen2_vl.py::PatchMerger and
    models/qwen3_vl/modeling_qwen3_vl.py::Qwen3VLVisionPatchMerger.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        merge_size: int,
        norm: Norm,
        norm_after_merge: bool,
        eps: float,
    ) -> None:
        super().__init__()
        self.window = merge_size**2
        self.norm_after_merge = norm_after_merge
        merged_width = vision_width * self.window
        norm_width = merged_width if norm_after_merge else vision_width
        self.norm = build_norm(norm, norm_width, eps=eps)
        self.layers = build_mlp([merged_width, merged_width, text_width])

    def forward(self, x: Tensor) -> Tensor:
        """Return a token for each window of patches.

        Raises:
            InputError: the patches are not a whole number of windows.
        """
        divide(x.shape[1], self.window, part_name="merge_size^2", whole_name="patches")
        x = x if self.norm_after_merge else self.norm(x)  # (b, n, d)
        merged = x.unflatten(1, (-1, self.window)).flatten(2)  # (b, n / w, w * d)
        merged = self.norm(merged) if self.norm_after_merge else merged
        return self.layers(merged)  # (b, n / w, t)


class DeepStackMergerModule(nn.Module):
    """A patch merger for the last layer and one for each tapped layer of the encoder.

    The tokens of the tapped layers are added to the image positions of the first layers of the
    language model, so that they cost parameters and FLOPs but no positions.

    Source: DeepStack, arXiv:2406.04334, section 3; Qwen3-VL, transformers
    models/qwen3_vl/modeling_qwen3_vl.py (`deepstack_merger_list`).
    """

    def __init__(
        self, *, vision_width: int, text_width: int, merge_size: int, num_levels: int
    ) -> None:
        super().__init__()
        merger = partial(
            PatchMergerModule,
            vision_width=vision_width,
            text_width=text_width,
            merge_size=merge_size,
            norm="layer",
            eps=1e-6,
        )
        self.merger = merger(norm_after_merge=False)
        self.level_mergers = nn.ModuleList(merger(norm_after_merge=True) for _ in range(num_levels))

    def forward(self, x: Tensor, *levels: Tensor) -> tuple[Tensor, ...]:
        tapped = zip(self.level_mergers, levels, strict=True)
        merged = tuple(merger(level) for merger, level in tapped)
        return (self.merger(x), *merged)  # (1 + levels) x (b, n / w, t)


class MergingProjectorModule(nn.Module):
    """RMSNorm, a matrix that merges a square of patches at vision width, a two-layer MLP.

    Source: Mistral Small 3.1, transformers models/mistral3/modeling_mistral3.py
    (`Mistral3MultiModalProjector`). The channels of a window are interleaved: all positions of the
    first channel, then of the second, and so on.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        columns: int,
        rows: int,
        merge_size: int,
        activation: Activation,
        bias: bool,
        eps: float,
    ) -> None:
        super().__init__()
        check_grid(columns, rows, merge_size, side_name="merge_size")
        self.grid = (columns, rows)
        self.merge_size = merge_size
        self.norm = build_norm("rms", vision_width, eps=eps)
        self.merge = nn.Linear(vision_width * merge_size**2, vision_width, bias=False)
        self.layers = build_mlp(
            [vision_width, text_width, text_width], activation=activation, bias=bias
        )

    def forward(self, x: Tensor) -> Tensor:
        columns, rows = self.grid
        x = self.norm(x)  # (b, n, d)
        windows = to_windows(x, columns=columns, rows=rows, side=self.merge_size)
        merged = self.merge(windows.transpose(2, 3).flatten(2))  # (b, n / w, d)
        return self.layers(merged)  # (b, n / w, t)


class GatedMergerModule(nn.Module):
    """A convolution over each square, a linear layer with norm, and a gated feed-forward.

    Source: GLM-4.1V, arXiv:2507.01006, section 2; transformers
    models/glm4v/modeling_glm4v.py::Glm4vVisionModel and Glm4vVisionPatchMerger.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        columns: int,
        rows: int,
        merge_size: int,
        hidden_width: int,
    ) -> None:
        super().__init__()
        check_grid(columns, rows, merge_size, side_name="merge_size")
        self.grid = (columns, rows)
        self.downsample = nn.Conv2d(vision_width, text_width, merge_size, stride=merge_size)
        self.project = nn.Linear(text_width, text_width, bias=False)
        self.norm = nn.LayerNorm(text_width)
        self.feed_forward = FeedForward(
            width=text_width, hidden_width=hidden_width, activation="silu", bias=False, gated=True
        )

    def forward(self, x: Tensor) -> Tensor:
        merged = to_tokens(self.downsample(to_grid(x, *self.grid)))  # (b, n / side^2, t)
        return self.feed_forward(F.gelu(self.norm(self.project(merged))))
