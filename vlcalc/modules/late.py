"""Late fusion: one vector a modality, and they meet only at the decision."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vlcalc.modules.primitives import apply_if

MAX_SCALE = 100.0  # of CLIP's inverse temperature


def contrastive_loss(logits: Tensor) -> Tensor:
    """Return the symmetric cross-entropy of a square matrix whose diagonal holds the pairs.

    Source: CLIP, arXiv:2103.00020, figure 3.
    """
    targets = torch.arange(logits.shape[0], device=logits.device)
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


class Temperature(nn.Module):
    """Divide similarities by a learned temperature.

    CLIP learns the logarithm of the inverse and caps the inverse at 100; ALIGN learns the
    temperature itself (`logarithmic=False`), and nothing caps it.

    Source: CLIP, arXiv:2103.00020, section 2.5; ALIGN, arXiv:2102.05918, section 4.1.
    """

    def __init__(self, *, initial: float, logarithmic: bool) -> None:
        super().__init__()
        self.logarithmic = logarithmic
        start = math.log(1 / initial) if logarithmic else initial
        self.parameter = nn.Parameter(torch.full((), start))

    def forward(self, similarities: Tensor) -> Tensor:
        if self.logarithmic:
            return similarities * self.parameter.exp().clamp(max=MAX_SCALE)
        return similarities / self.parameter


class ContrastiveHeadModule(nn.Module):
    """Normalise both batches, all similarities over the temperature, the symmetric loss.

    Source: CLIP, arXiv:2103.00020, figure 3; `logarithmic=False` learns the temperature itself.
    """

    def __init__(self, *, initial: float, logarithmic: bool) -> None:
        super().__init__()
        self.temperature = Temperature(initial=initial, logarithmic=logarithmic)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return contrastive_loss(self.logits(visual, text))

    def logits(self, visual: Tensor, text: Tensor) -> Tensor:
        """Return the scaled similarity of each image with each text, (b images, b texts)."""
        visual, text = F.normalize(visual, dim=-1), F.normalize(text, dim=-1)  # (b, p)
        return self.temperature(torch.matmul(visual, text.T))


class DualProjectionModule(nn.Module):
    """Project each modality's vector to a shared width, and compare all pairs.

    CLIP projects both without bias. ALIGN's image vector already has the shared width
    (`project_vision=False`), its text projection has a bias.

    Source: CLIP, arXiv:2103.00020, figure 3; ALIGN, arXiv:2102.05918, section 4.1; transformers
    models/clip/modeling_clip.py::CLIPModel and models/align/modeling_align.py::AlignModel.
    """

    def __init__(
        self,
        *,
        vision_width: int,
        text_width: int,
        projection_width: int,
        project_vision: bool,
        bias: bool,
        initial: float,
        logarithmic: bool,
    ) -> None:
        super().__init__()
        self.vision_project = None
        if project_vision:
            self.vision_project = nn.Linear(vision_width, projection_width, bias=bias)
        self.text_project = nn.Linear(text_width, projection_width, bias=bias)
        self.head = ContrastiveHeadModule(initial=initial, logarithmic=logarithmic)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        """Return the scaled similarities (b images, b texts)."""
        visual = apply_if(self.vision_project, visual)  # (b, p)
        return self.head.logits(visual, self.text_project(text))

    def loss(self, visual: Tensor, text: Tensor) -> Tensor:
        """Return the symmetric contrastive loss of a batch of pairs, a scalar."""
        return contrastive_loss(self(visual, text))


class ConcatHeadModule(nn.Module):
    """Concatenate one vector a modality, one linear layer decides.

    Source: Baltrusaitis et al., arXiv:1705.09406, section 6.1.
    """

    def __init__(self, *, vision_width: int, text_width: int, output_width: int) -> None:
        super().__init__()
        self.decide = nn.Linear(vision_width + text_width, output_width)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.decide(torch.cat([visual, text], dim=-1))  # (b, output)
