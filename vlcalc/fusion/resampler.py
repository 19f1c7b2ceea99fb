"""What resamplers share: a fixed number of learned vectors reads the visual tokens of each view."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

from vlcalc.fusion.base import FUSIONS, Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import visual_tokens
from vlcalc.tiling.field import ByKind

if TYPE_CHECKING:
    from torch import Tensor, nn


class Resampler(Fusion):
    """Turns the visual tokens of a view, however many, into a fixed number of vectors.

    Its vectors are image tokens where they come out at text width, and else context tokens, for
    layers inside the language model to attend to.
    """

    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "resampled to a fixed number"
    spatial_detail: ClassVar[str] = "what the learned queries read"

    @abstractmethod
    def num_vectors(self, dims: Dims) -> int:
        """Return the vectors that come out for one image."""

    def output_width(self, dims: Dims) -> int:
        """Return the width of those vectors."""
        return dims.text_width

    @property
    def enters_sequence(self) -> bool:
        """Whether the vectors come out at text width, as image tokens."""
        return True

    def num_image_tokens(self, dims: Dims) -> int:
        return self.num_vectors(dims) if self.enters_sequence else 0

    def num_context_tokens(self, dims: Dims) -> int:
        return 0 if self.enters_sequence else self.num_vectors(dims)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return (visual_tokens(dims, device),)


ResamplerField = Annotated[Resampler, ByKind(FUSIONS)]


def num_keys(dims: Dims, *, keep_prefix: bool) -> int:
    """Return the tokens of one view that are read: the grid, with prefix tokens where kept."""
    return dims.num_visual_tokens + keep_prefix * dims.num_prefix_tokens


def projected(resampler: nn.Module, width: int, text_width: int) -> nn.Module:
    """Return the resampler with a linear layer into text width behind it."""
    from torch import nn

    return nn.Sequential(resampler, nn.Linear(width, text_width))
