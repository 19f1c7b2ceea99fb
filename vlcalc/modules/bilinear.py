"""Bilinear pooling: two vectors meet in products of their projections; the result is one vector.

Source for all: Cadene/block.bootstrap.pytorch block/models/networks/fusions/fusions.py, which
restates the papers named at each class.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


def signed_sqrt_norm(x: Tensor) -> Tensor:
    """Keep the sign, take the root, scale to length 1: the usual normalisation of such products."""
    rooted = torch.sqrt(F.relu(x)) - torch.sqrt(F.relu(-x))
    return F.normalize(rooted, dim=-1)


class LinearSumModule(nn.Module):
    """Project both, ReLU, add, project, ReLU: the baseline without a product."""

    def __init__(
        self, *, vision_width: int, text_width: int, output_width: int, joint_width: int
    ) -> None:
        super().__init__()
        self.vision_project = nn.Linear(vision_width, joint_width)
        self.text_project = nn.Linear(text_width, joint_width)
        self.output = nn.Linear(joint_width, output_width)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        joint = self._join(F.relu(self.vision_project(visual)), F.relu(self.text_project(text)))
        return F.relu(self.output(joint))  # (b, joint) -> (b, output)

    def _join(self, visual: Tensor, text: Tensor) -> Tensor:
        return visual + text


class MLB(LinearSumModule):
    """Multimodal low-rank bilinear pooling: project both, multiply, project.

    Source: arXiv:1610.04325, section 3.
    """

    def _join(self, visual: Tensor, text: Tensor) -> Tensor:
        return visual * text


class MutanModule(nn.Module):
    """Tucker decomposition with a core of rank R: R products at joint width, summed.

    Source: arXiv:1705.06676, section 3.2.
    """

    def __init__(
        self, *, vision_width: int, text_width: int, output_width: int, joint_width: int, rank: int
    ) -> None:
        super().__init__()
        self.rank = rank
        self.vision_project = nn.Linear(vision_width, joint_width)
        self.text_project = nn.Linear(text_width, joint_width)
        self.vision_merge = nn.Linear(joint_width, joint_width * rank)
        self.text_merge = nn.Linear(joint_width, joint_width * rank)
        self.output = nn.Linear(joint_width, output_width)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        visual = self.vision_merge(self.vision_project(visual))  # (b, rank * joint)
        text = self.text_merge(self.text_project(text))
        joint = (visual * text).unflatten(-1, (self.rank, -1)).sum(dim=1)  # (b, joint)
        return self.output(joint)


class MFB(nn.Module):
    """Multimodal factorised bilinear pooling: multiply, then sum `factor` neighbours.

    Source: arXiv:1708.01471, section 3.1.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        output_width: int,
        joint_width: int,
        factor: int,
    ) -> None:
        super().__init__()
        self.pool = FactorisedPool(
            vision_width=vision_width, text_width=text_width, joint_width=joint_width, factor=factor
        )
        self.output = nn.Linear(joint_width, output_width)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        joint, _ = self.pool(visual, text)  # (b, joint)
        return F.relu(self.output(joint))


class FactorisedPool(nn.Module):
    """One order of MFB: the product of both projections, and its sums over `factor` neighbours."""

    def __init__(
        self, *, vision_width: int, text_width: int, joint_width: int, factor: int
    ) -> None:
        super().__init__()
        self.factor = factor
        self.vision_project = nn.Linear(vision_width, joint_width * factor)
        self.text_project = nn.Linear(text_width, joint_width * factor)

    def forward(
        self, visual: Tensor, text: Tensor, previous: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        product = F.relu(self.vision_project(visual)) * F.relu(self.text_project(text))
        product = product if previous is None else product * previous  # (b, joint * factor)
        return product.unflatten(-1, (-1, self.factor)).sum(dim=-1), product


class MFH(nn.Module):
    """High-order MFB: each further block multiplies the product of the one before it.

    Source: arXiv:1708.03619, section 3.2.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        output_width: int,
        joint_width: int,
        factor: int,
        order: int,
    ) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            FactorisedPool(
                vision_width=vision_width,
                text_width=text_width,
                joint_width=joint_width,
                factor=factor,
            )
            for _ in range(order)
        )
        self.output = nn.Linear(order * joint_width, output_width)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        pooled, product = [], None
        for pool in self.pools:
            joint, product = pool(visual, text, product)  # (b, joint), (b, joint * factor)
            pooled.append(joint)
        return F.relu(self.output(torch.cat(pooled, dim=-1)))  # (b, output)


class BilinearCore(nn.Module):
    """A full bilinear form per output channel, in two contractions: first the image, then the text.

    The parameters are those of `nn.Bilinear`, whose fused operator no FLOP counter sees.
    """

    def __init__(self, *, width: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(width, width, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        # The weight (output, visual, text) as one matrix: visual x (output * text).
        flat = self.weight.transpose(0, 1).flatten(1)
        partial = torch.matmul(visual, flat).unflatten(-1, (-1, text.shape[-1]))  # (b, out, text)
        product = torch.matmul(partial, text[..., None]).squeeze(-1)  # (b, out)
        return product + self.bias


class Tucker(nn.Module):
    """Project both, one full bilinear core at joint width, project.

    Source: arXiv:1705.06676, section 3.1 (Tucker decomposition without a rank constraint).
    """

    def __init__(
        self, *, vision_width: int, text_width: int, output_width: int, joint_width: int
    ) -> None:
        super().__init__()
        self.vision_project = nn.Linear(vision_width, joint_width)
        self.text_project = nn.Linear(text_width, joint_width)
        self.core = BilinearCore(width=joint_width)
        self.output = nn.Linear(joint_width, output_width)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        joint = self.core(self.vision_project(visual), self.text_project(text))  # (b, joint)
        return self.output(joint)


class BLOCK(nn.Module):
    """Project both, cut into chunks, a bilinear form for each chunk, project.

    Each form is constrained to `rank`; without one it is a full core (BLOCK-Tucker).

    Source: BLOCK, arXiv:1902.00038, section 2.2.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        output_width: int,
        joint_width: int,
        num_chunks: int,
        rank: int | None,
    ) -> None:
        super().__init__()
        self.sizes = chunk_sizes(joint_width, num_chunks)
        self.vision_project = nn.Linear(vision_width, joint_width)
        self.text_project = nn.Linear(text_width, joint_width)
        self.chunks = nn.ModuleList(
            BilinearCore(width=size) if rank is None else LowRankChunk(width=size, rank=rank)
            for size in self.sizes
        )
        self.output = nn.Linear(joint_width, output_width)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        visual_chunks = self.vision_project(visual).split(self.sizes, dim=-1)
        text_chunks = self.text_project(text).split(self.sizes, dim=-1)
        parts = zip(self.chunks, visual_chunks, text_chunks, strict=True)
        joint = [signed_sqrt_norm(chunk(v, t)) for chunk, v, t in parts]  # chunks x (b, size)
        return self.output(torch.cat(joint, dim=-1))  # (b, output)


class LowRankChunk(nn.Module):
    """Both halves of a chunk mapped to `rank` vectors of its width; their products, summed."""

    def __init__(self, *, width: int, rank: int) -> None:
        super().__init__()
        self.rank = rank
        self.vision_merge = nn.Linear(width, width * rank)
        self.text_merge = nn.Linear(width, width * rank)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        product = self.vision_merge(visual) * self.text_merge(text)  # (b, rank * width)
        return product.unflatten(-1, (self.rank, -1)).sum(dim=1)  # (b, width)


def chunk_sizes(width: int, num_chunks: int) -> list[int]:
    """Cut `width` into chunks of equal size, the last ones smaller where it does not divide.

    Source: block/models/networks/fusions/fusions.py::get_sizes_list.
    """
    size = -(-width // num_chunks)
    last = width - size * (num_chunks - 1)
    if last >= 0:
        return [size] * (num_chunks - 1) + [last]
    sizes = [size] * num_chunks
    for index in range(size - last):
        sizes[-1 - index] -= 1
    return sizes
