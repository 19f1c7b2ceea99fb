"""Products of every channel with every other: compact bilinear pooling and tensor fusion."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import build_mlp


class CountSketch(nn.Module):
    """Throw each channel, with a random sign, into one of `sketch_width` bins; no parameters.

    Source: Pham and Pagh, KDD 2013, section 3; arXiv:1606.01847, section 3.1.
    """

    bins: Tensor
    signs: Tensor

    def __init__(self, *, width: int, sketch_width: int) -> None:
        super().__init__()
        self.sketch_width = sketch_width
        self.register_buffer("bins", torch.randint(sketch_width, (width,)))
        self.register_buffer("signs", 2.0 * torch.randint(2, (width,)) - 1.0)

    def forward(self, x: Tensor) -> Tensor:
        empty = x.new_zeros(x.shape[0], self.sketch_width)
        return empty.index_add(1, self.bins, x * self.signs.to(x.dtype))  # (b, sketch)


class MCB(nn.Module):
    """The sketch of the outer product, as the product of both sketches' Fourier transforms.

    Source: Fukui et al., arXiv:1606.01847, section 3.1; Cadene/block.bootstrap.pytorch
    block/models/networks/fusions/fusions.py::MCB.
    """

    def __init__(
        self, *, vision_width: int, text_width: int, output_width: int, joint_width: int
    ) -> None:
        super().__init__()
        self.joint_width = joint_width
        self.vision_sketch = CountSketch(width=vision_width, sketch_width=joint_width)
        self.text_sketch = CountSketch(width=text_width, sketch_width=joint_width)
        self.output = nn.Linear(joint_width, output_width)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        # The transform knows no half precision.
        spectra = [
            torch.fft.rfft(sketch(x).float())
            for sketch, x in ((self.vision_sketch, visual), (self.text_sketch, text))
        ]  # 2 x (b, joint / 2 + 1)
        joint = torch.fft.irfft(spectra[0] * spectra[1], n=self.joint_width)  # (b, joint)
        return F.relu(self.output(joint.to(visual.dtype)))  # (b, output)


class TensorFusionModule(nn.Module):
    """The outer product of [visual; 1] and [text; 1], then an MLP of `depth` linear layers.

    The ones keep each vector on its own beside the products.

    Source: arXiv:1707.07250, section 4.2; Justin1904/TensorFusionNetworks model.py::TFN.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        hidden_width: int,
        output_width: int,
        depth: int,
    ) -> None:
        super().__init__()
        product_width = (vision_width + 1) * (text_width + 1)
        hidden = [hidden_width] * (depth - 1)
        self.layers = build_mlp([product_width, *hidden, output_width], activation="relu")

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        visual, text = F.pad(visual, (0, 1), value=1.0), F.pad(text, (0, 1), value=1.0)
        product = visual[:, :, None] * text[:, None, :]  # (b, d + 1, t + 1)
        return self.layers(product.flatten(1))  # (b, output)
