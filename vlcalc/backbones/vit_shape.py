"""The shape of a vision transformer: its fields, and which of them go together.

Source: Dosovitskiy et al., arXiv:2010.11929; pooling by attention from SigLIP, arXiv:2303.15343;
layer scale from arXiv:2103.17239; registers from arXiv:2309.16588. Which model has which bias, norm
and token: transformers models/*/modeling_*.py, cited by each spec.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from vlcalc.backbones.checks import check_field_divides
from vlcalc.backbones.vit_parts import Neck, Tiles, Window
from vlcalc.core.bounds import Depth, NonNegativeInt, PositiveInt
from vlcalc.tiling.base import Frozen

NormKind = Literal["layer", "rms"]
VisionActivation = Literal["gelu", "gelu_tanh", "quick_gelu", "relu", "silu"]


class VisionShape(Frozen):
    """A patch embedding, positions, a stack of layers, and what is behind them.

    Attributes:
        temporal_patch_size: frames that one patch spans; an image is repeated to fill it.
        patch_bias: whether the patch embedding has a bias.
        reads_features: whether it is given another encoder's output, as wide as it is, in the place
            of its patches; its own patch embedding is held and never run.
        num_registers: learned tokens beside the class token, without positions.
        mask_token: whether a token is held that only pre-training uses.
        position_side: side of the square grid of learned positions; 0 where there is none.
        class_position: whether the class token, if there is one, has a learned position.
        rotary: whether queries and keys are rotated by row and column; costs no contraction.
        gated: whether an activated branch of the feed-forward multiplies a second one.
        qkv_bias: whether the query, key and value projections have biases.
        key_bias: whether the key projection has one where the other two have.
        output_bias: whether the output projection of attention has a bias.
        qk_norm: the norm of queries and keys, over the width of all heads; None for none.
        pre_norm: whether the first layer's input is normalised.
        post_norm: whether the last layer's output is normalised.
        layer_scale: whether each half of a layer is scaled by a learned vector.
        attention_pool: whether one learned query attends to the last layer's output.
        window: attention within squares of patches; None where every layer sees all.
        relative_positions: whether scores depend on learned offsets of rows and columns.
        neck: convolutions behind the last layer; None for none.
        tiles: all tiles of an image in one sequence; None where each is encoded by itself.
        intermediate_layers: indices, from 0, of layers whose outputs are put beside the last one's.
    """

    depth: Depth
    width: PositiveInt
    num_heads: PositiveInt
    ffn_width: PositiveInt
    patch_size: PositiveInt
    temporal_patch_size: PositiveInt = 1
    in_channels: PositiveInt = 3
    patch_bias: bool = True
    reads_features: bool = False
    class_token: bool = False
    num_registers: NonNegativeInt = 0
    mask_token: bool = False
    position_side: NonNegativeInt = 0
    class_position: bool = True
    rotary: bool = False
    activation: VisionActivation = "gelu"
    gated: bool = False
    qkv_bias: bool = True
    key_bias: bool = True
    output_bias: bool = True
    mlp_bias: bool = True
    qk_norm: NormKind | None = None
    norm: NormKind = "layer"
    pre_norm: bool = False
    post_norm: bool = True
    layer_scale: bool = False
    attention_pool: bool = False
    window: Window | None = None
    relative_positions: bool = False
    neck: Neck | None = None
    tiles: Tiles | None = None
    intermediate_layers: tuple[NonNegativeInt, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> VisionShape:
        check_field_divides("num_heads", self.num_heads, "width", self.width)
        if self.rotary and self.head_dim % 4:
            raise PydanticCustomError(
                "rotary",
                "expected a multiple of 4 as `width` / `num_heads` for `rotary`, got {got}",
                {"got": self.head_dim},
            )
        self._check_indices("window.full_layers", self.window.full_layers if self.window else ())
        self._check_indices("intermediate_layers", self.intermediate_layers)
        for key, needed in self._unmet_needs():
            raise PydanticCustomError(
                "needs", "expected {needed} for `{key}`", {"needed": needed, "key": key}
            )
        return self

    def _check_indices(self, key: str, layers: tuple[int, ...]) -> None:
        if any(layer >= self.depth for layer in layers):
            raise PydanticCustomError(
                "layer",
                "expected indices below `depth` ({depth}) in `{key}`, got {got}",
                {"depth": self.depth, "key": key, "got": max(layers)},
            )

    def _unmet_needs(self) -> Iterator[tuple[str, str]]:
        """Return keys that are set, each with what it cannot do without."""
        only_patches = "no class token and no registers"
        for key in ("window", "relative_positions", "neck"):
            if getattr(self, key) and self.num_prefix_tokens:
                yield key, only_patches
        if self.relative_positions and not self.position_side:
            yield "relative_positions", "`position_side`"
        if self.neck and self.attention_pool:
            yield "neck", "no `attention_pool`"
        if self.intermediate_layers and (self.neck or self.attention_pool):
            yield "intermediate_layers", "no `neck` and no `attention_pool`"
        if self.tiles:
            yield from self._unmet_needs_of_tiles()

    def _unmet_needs_of_tiles(self) -> Iterator[tuple[str, str]]:
        if not (self.position_side and self.class_token and self.class_position):
            yield "tiles", "`position_side`, and a class token with a position"
        if self.num_registers or self.rotary or self.window or self.relative_positions:
            yield "tiles", "no registers, no `rotary`, no `window` and no `relative_positions`"
        if self.layer_scale or self.mask_token:
            yield "tiles", "no `layer_scale` and no `mask_token`"
        if self.reads_features:
            yield "tiles", "no `reads_features`"
        if self.neck or self.attention_pool or not self.post_norm:
            yield "tiles", "`post_norm`, no `neck` and no `attention_pool`"

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.width // self.num_heads

    @property
    def num_prefix_tokens(self) -> int:
        """Class and register tokens, which run beside the patches."""
        return self.class_token + self.num_registers

    @property
    def num_positions(self) -> int:
        """Rows of the table of learned positions."""
        if not self.position_side:
            return 0
        return self.position_side**2 + (self.class_token and self.class_position)

    @property
    def num_mlp_inputs(self) -> int:
        """Projections from `width` to `ffn_width`: two where gated."""
        return 2 if self.gated else 1

    @property
    def patch_inputs(self) -> int:
        """Numbers that one patch is made of."""
        return self.in_channels * self.temporal_patch_size * self.patch_size**2

    @property
    def total_depth(self) -> int:
        """Layers that have parameters, the gated ones of tiled images included."""
        return self.depth + (self.tiles.global_depth if self.tiles else 0)

    def window_of(self, index: int) -> Window | None:
        """Return the window of a layer, counted from 0; None where it attends to all."""
        if self.window is None or index in self.window.full_layers:
            return None
        return self.window

    def relative_side(self, index: int) -> int:
        """Return the side that a layer's offsets were learned for; 0 where it has none."""
        if not self.relative_positions:
            return 0
        window = self.window_of(index)
        return window.size if window else self.position_side

    @property
    def output_width(self) -> int:
        """Width of what leaves the encoder, intermediate outputs and the neck included."""
        if self.neck:
            return self.neck.output_width
        return self.width * (1 + len(self.intermediate_layers))

    @property
    def output_stride(self) -> int:
        """Patches along a side that one output of the encoder stands for."""
        return self.neck.stride if self.neck else 1
