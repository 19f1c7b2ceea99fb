"""What the pipelines share: a projector, and its tokens among those of the text.

Source: LLaVA, arXiv:2304.08485, section 4.1 and figure 1.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from vlcalc.fusion.base import Dims, Fusion, Taxonomy
from vlcalc.fusion.examples import joined_views, text_ids
from vlcalc.fusion.per_token import PerToken

if TYPE_CHECKING:
    from torch import Tensor


class TextPipeline(Fusion):
    """From visual tokens and text to the language model's input.

    Attributes:
        embeds_text: whether token ids come in, and the word embedding is a part.
        keep_prefix: whether class and register tokens become image tokens too.
    """

    outside_module: ClassVar[frozenset[str]] = frozenset({"keep_prefix"})
    embeds_text: ClassVar[bool] = True
    taxonomy: ClassVar[Taxonomy] = "mid"
    token_effect: ClassVar[str] = "kept, before the text"
    spatial_detail: ClassVar[str] = "full grid"

    keep_prefix: bool = False

    @property
    @abstractmethod
    def projector(self) -> PerToken:
        """The method that makes the image tokens."""

    def check(self, dims: Dims) -> None:
        self.projector.check(dims)

    def num_image_tokens(self, dims: Dims) -> int:
        return self.projector.num_image_tokens(dims)

    def num_params(self, dims: Dims) -> int:
        words = self.embeds_text * dims.vocab_size * dims.text_width
        return self.projector.num_params(_one_encoder(dims)) + words

    def num_flops(self, dims: Dims) -> int:
        return self.projector.num_flops(_one_encoder(dims))

    def module_arguments(self, dims: Dims) -> dict[str, object]:
        return {"projector": self.projector.make_module(_one_encoder(dims))}

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return joined_views(dims, device, prefix=self.keep_prefix), text_ids(dims, device)


def _one_encoder(dims: Dims) -> Dims:
    """Return what the projector sees: a pipeline has a place for one encoder's features."""
    return dims._replace(extra_vision_widths=())
