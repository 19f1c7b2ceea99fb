"""A vision transformer: its parameters and FLOPs in closed form, and the module that has them.

FLOPs are 2 per multiply-accumulate of matrix products and convolutions only, as the released
classes run them: padding inside windows and tiles included.

Source: Dosovitskiy et al., arXiv:2010.11929, section 3.1; relative positions from MViTv2,
arXiv:2112.01526, equation 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vlcalc.backbones.vit_shape import VisionShape
from vlcalc.core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from vlcalc.modules.vit import VisionTower
    from vlcalc.modules.vit_layers import VisionLayer
    from vlcalc.modules.vit_tiles import TiledVisionTower


class VisionParams(NamedTuple):
    """Parameters by part; `head` is what is behind the last norm: attention pool or neck."""

    patch_embedding: int
    positions: int
    tokens: int
    layers: int
    norms: int
    head: int


class VisionTransformer(VisionShape):
    """A patch embedding, positions, a stack of layers, and what is behind them."""

    def norm_params(self) -> int:
        """Return the parameters of one norm."""
        return self.width * (2 if self.norm == "layer" else 1)

    def attention_params(self, index: int = 0) -> int:
        """Return the parameters of the attention of a layer, counted from 0."""
        biases = 3 * self.qkv_bias - (self.qkv_bias and not self.key_bias) + self.output_bias
        norms = {None: 0, "rms": 2, "layer": 4}[self.qk_norm]
        params = 4 * self.width**2 + (biases + norms) * self.width
        if side := self.relative_side(index):
            params += 2 * (2 * side - 1) * self.head_dim
        return params

    def mlp_params(self) -> int:
        """Return the parameters of a layer's feed-forward."""
        weights = (self.num_mlp_inputs + 1) * self.width * self.ffn_width
        return weights + self.mlp_bias * (self.num_mlp_inputs * self.ffn_width + self.width)

    def layer_params(self, index: int = 0) -> int:
        """Return the parameters of a layer, counted from 0."""
        params = self.attention_params(index) + self.mlp_params() + 2 * self.norm_params()
        return params + 2 * (index >= self.depth) + 2 * self.width * self.layer_scale

    def head_params(self) -> int:
        """Return the parameters of the attention pool or of the neck."""
        if self.neck:
            return self.neck.num_params(self.width)
        if not self.attention_pool:
            return 0
        mlp = 2 * self.width * self.ffn_width + self.ffn_width + self.width
        return 4 * self.width**2 + 4 * self.width + 2 * self.width + self.width + mlp

    def params_by_part(self) -> VisionParams:
        """Return the parameters of each part."""
        positions = self.num_positions * self.width
        if self.tiles:
            positions += self.tiles.num_params(self.num_positions, self.width)
        return VisionParams(
            patch_embedding=(self.patch_inputs + self.patch_bias) * self.width,
            positions=positions,
            tokens=(self.num_prefix_tokens + self.mask_token) * self.width,
            layers=sum(self.layer_params(index) for index in range(self.total_depth)),
            norms=(self.pre_norm + self.post_norm) * self.norm_params(),
            head=self.head_params(),
        )

    def num_params(self) -> int:
        """Return the parameters of the whole encoder."""
        return sum(self.params_by_part())

    def num_tokens(self, columns: int, rows: int) -> int:
        """Return the tokens of one grid of patches, class and register tokens included."""
        return columns * rows + self.num_prefix_tokens

    def sequence_length(self, columns: int, rows: int) -> int:
        """Return the positions that attend to each other in a full layer, padding included."""
        tokens = self.num_tokens(columns, rows)
        return self.tiles.sequence_length(tokens) if self.tiles else tokens

    def patch_flops(self, columns: int, rows: int, batch: int = 1) -> int:
        """Return the FLOPs of the patch embedding; none where it is not run."""
        if self.reads_features:
            return 0
        grids = batch * (self.tiles.max_tiles if self.tiles else 1)
        return 2 * grids * columns * rows * self.patch_inputs * self.width

    def layer_flops(self, columns: int, rows: int, batch: int = 1, index: int = 0) -> int:
        """Return the FLOPs of a layer.

        Args:
            columns: patches in a row of one image, or of one tile where `tiles` is set.
            rows: likewise from top to bottom.
            batch: images; with `tiles`, each of `tiles.max_tiles`.
            index: which layer, counted from 0.
        """
        length = self.sequence_length(columns, rows)
        positions, pairs, offsets = length, length**2, columns * rows * (columns + rows)
        if window := self.window_of(index):
            positions = window.num_positions(columns, rows)
            pairs = window.num_pairs(columns, rows)
            offsets = window.num_offsets(columns, rows)
        macs = 4 * positions * self.width**2 + 2 * pairs * self.width
        macs += offsets * self.width * self.relative_positions
        macs += length * (self.num_mlp_inputs + 1) * self.width * self.ffn_width
        return 2 * batch * macs

    def head_flops(self, columns: int, rows: int, batch: int = 1) -> int:
        """Return the FLOPs of the attention pool or of the neck."""
        if self.neck:
            return batch * self.neck.num_flops(self.width, columns, rows)
        if not self.attention_pool:
            return 0
        tokens = self.num_tokens(columns, rows)
        attention = 2 * (1 + tokens) * self.width**2 + 2 * tokens * self.width
        return 2 * batch * (attention + 2 * self.width * self.ffn_width)

    def flops(self, columns: int, rows: int, batch: int = 1, num_layers: int | None = None) -> int:
        """Return the FLOPs of encoding.

        Args:
            columns: patches in a row, as in `layer_flops`.
            rows: patches from top to bottom.
            batch: images.
            num_layers: the layers that run, from the first; all of them and the head by default.
        """
        stack = range(self.total_depth if num_layers is None else num_layers)
        flops = self.patch_flops(columns, rows, batch)
        flops += sum(self.layer_flops(columns, rows, batch, index) for index in stack)
        return flops + (self.head_flops(columns, rows, batch) if num_layers is None else 0)

    def num_layers_until(self, feature_layer: int) -> int:
        """Return the layers that an output needs: 0 is the first one's input, -1 the last output.

        Raises:
            InputError: there is no such output.
        """
        num_outputs = self.total_depth + 1
        if not -num_outputs <= feature_layer < num_outputs:
            raise InputError(
                expected=f"a `feature_layer` from {-num_outputs} to {self.total_depth}",
                got=str(feature_layer),
            )
        return feature_layer % num_outputs

    def feature_flops(
        self, columns: int, rows: int, batch: int = 1, *, feature_layer: int, run_all: bool
    ) -> int:
        """Return the FLOPs of encoding when the output of `feature_layer` is what is used.

        Args:
            columns: patches in a row, as in `flops`.
            rows: patches from top to bottom.
            batch: images.
            feature_layer: the output that is used, as in `num_layers_until`.
            run_all: True counts what the released classes run: every layer and the head, used or
                not; False counts the layers that the output depends on.
        """
        num_layers = None if run_all else self.num_layers_until(feature_layer)
        return self.flops(columns, rows, batch, num_layers)

    def build_layer(
        self, device: str = "meta", *, index: int = 0, eps: float = 1e-6
    ) -> VisionLayer:
        """Return the layer of an index; the epsilon of its norms costs nothing."""
        from vlcalc.backbones.build_vit import build_vision_layer

        return build_vision_layer(self, device, index=index, eps=eps)

    def build(
        self, device: str = "meta", *, rope_base: float = 10_000.0, eps: float = 1e-6
    ) -> VisionTower | TiledVisionTower:
        """Return the whole encoder; the base of its rotary angles costs nothing either."""
        from vlcalc.backbones.build_vit import build_tiled_tower, build_tower

        if self.tiles:
            return build_tiled_tower(self, self.tiles, device, eps=eps)
        return build_tower(self, device, rope_base=rope_base, eps=eps)

    def example_inputs(
        self, columns: int, rows: int, batch: int = 1, device: str = "meta"
    ) -> tuple[Tensor, ...]:
        """Return what the module's forward takes for images of `columns` x `rows` patches."""
        import torch

        if self.reads_features:
            return (torch.zeros(batch, self.width, rows, columns, device=device),)
        sides = (self.in_channels, rows * self.patch_size, columns * self.patch_size)
        if not self.tiles:
            return (torch.zeros(batch, *sides, device=device),)
        tiles = torch.zeros(batch, self.tiles.max_tiles, *sides, device=device)
        return tiles, torch.ones(batch, dtype=torch.long, device=device)
