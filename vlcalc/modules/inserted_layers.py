"""What a language model gets inserted, as one module: resampler, projection, layers in a row.

Source: Flamingo, arXiv:2204.14198, section 2 and figure 3; transformers
models/mllama/modeling_mllama.py (`multi_modal_projector`).
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from vlcalc.modules.primitives import apply_if


class InsertedStack(nn.Module):
    """Layers that let text attend to the image, without the language model's own between them.

    `resampler` reads each view (or each clip) on its own; `project` maps what is attended to, once
    for all layers. With `residual`, what a layer reads is added to the text: plain cross-attention
    needs it, gated layers do it themselves.
    """

    def __init__(
        self,
        *,
        layers: Iterable[nn.Module],
        resampler: nn.Module | None,
        project: nn.Module | None,
        residual: bool,
    ) -> None:
        super().__init__()
        self.resampler = resampler
        self.project = project
        self.layers = nn.ModuleList(layers)
        self.residual = residual

    def forward(self, text: Tensor, visual: Tensor) -> Tensor:
        """Fuse (b, s, t) with (b, n, d), or with (b * views, n, d) where there is a resampler."""
        if self.resampler is not None:
            vectors = self.resampler(visual)  # (b * views, m, w)
            visual = vectors.unflatten(0, (text.shape[0], -1)).flatten(1, 2)  # (b, views * m, w)
        visual = apply_if(self.project, visual)
        for layer in self.layers:
            read = layer(text, visual)  # (b, s, t)
            text = text + read if self.residual else read
        return text


class Connector(nn.Module):
    """What makes the vectors that the layers attend to, without the layers."""

    def __init__(self, *, resampler: nn.Module | None, project: nn.Module | None) -> None:
        super().__init__()
        self.resampler, self.project = resampler, project

    def forward(self, visual: Tensor) -> Tensor:
        """Return vectors (b * views, m, w) of visual tokens, or (b, n, w) without a resampler."""
        return apply_if(self.project, apply_if(self.resampler, visual))


class CachedLayer(nn.Module):
    """One of the layers, on keys and values of the image that were made with the prompt."""

    def __init__(self, *, layer: nn.Module, residual: bool) -> None:
        super().__init__()
        self.layer, self.residual = layer, residual

    def forward(self, text: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Fuse (b, s, t) with heads (b, h, n, e)."""
        read: Tensor = self.layer(text, (keys, values))  # (b, s, t)
        return text + read if self.residual else read
