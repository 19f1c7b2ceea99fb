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

    Attributes:
        keep_prefix: whether class and register tokens are read too.
    """

    outside_module: ClassVar[frozenset[str]] = frozenset({"keep_prefix"})
    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "resampled to a fixed number"
    spatial_detail: ClassVar[str] = "what the learned queries read"

    keep_prefix: bool = False

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

    def num_keys(self, dims: Dims) -> int:
        """Return the tokens of one view that are read: the grid, with prefix tokens where kept."""
        return num_keys(dims, keep_prefix=self.keep_prefix)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return (visual_tokens(dims, device, prefix=self.keep_prefix),)


class ProjectableResampler(Resampler):
    """A resampler of its own width, which a linear layer may map to text width.

    Attributes:
        project: whether it does, so that image tokens come out; without it they stay context
            tokens of that width, for inserted layers.
    """

    outside_module: ClassVar[frozenset[str]] = frozenset({"keep_prefix", "project"})

    project: bool = True

    @property
    def enters_sequence(self) -> bool:
        return self.project

    @abstractmethod
    def inner_width(self, dims: Dims) -> int:
        """Return the width of the learned vectors."""

    def output_width(self, dims: Dims) -> int:
        return dims.text_width if self.project else self.inner_width(dims)

    def make_module(self, dims: Dims) -> nn.Module:
        from torch import nn

        resampler = super().make_module(dims)
        if not self.project:
            return resampler
        return nn.Sequential(resampler, nn.Linear(self.inner_width(dims), dims.text_width))


ResamplerField = Annotated[Resampler, ByKind(FUSIONS)]


def num_keys(dims: Dims, *, keep_prefix: bool) -> int:
    """Return the tokens of one view that are read: the grid, with prefix tokens where kept."""
    return dims.num_visual_tokens + keep_prefix * dims.num_prefix_tokens
