"""What the projectors share that map each vector of the encoder on its own, and need no grid.

Features of several encoders are joined by channel: their widths add up, and all give one grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from vlcalc.core.bounds import PositiveInt
from vlcalc.core.errors import InputError
from vlcalc.fusion.base import Dims
from vlcalc.fusion.examples import visual_tokens
from vlcalc.fusion.per_view import PerView

if TYPE_CHECKING:
    from torch import Tensor


class PerToken(PerView):
    """A projector of every vector that leaves the encoder.

    Attributes:
        keep_prefix: whether class and register tokens become image tokens too, as in GIT, or in
            LLaVA with `vision_feature_select_strategy: full`.
    """

    outside_module: ClassVar[frozenset[str]] = frozenset({"keep_prefix"})
    token_effect: ClassVar[str] = "kept"
    spatial_detail: ClassVar[str] = "full grid"

    keep_prefix: bool = False

    def num_vectors_in(self, dims: Dims) -> int:
        """Return the vectors of one encoder input that are projected."""
        return dims.num_visual_tokens + self.keep_prefix * dims.num_prefix_tokens

    def tokens_per_view(self, dims: Dims) -> int:
        return self.num_vectors_in(dims)

    def vision_widths(self, dims: Dims) -> tuple[int, ...]:
        """Return the width of each encoder."""
        return (dims.vision_width,)

    def example_inputs(self, dims: Dims, device: str = "meta") -> tuple[Tensor, ...]:
        return tuple(
            visual_tokens(dims._replace(vision_width=width), device, prefix=self.keep_prefix)
            for width in self.vision_widths(dims)
        )


class JoinedEncoders(PerToken):
    """A projector of the features of one encoder or of several, joined by channel.

    Attributes:
        extra_vision_widths: widths of the encoders beside the one of the dims, which comes first;
            those that the dims name where not given.
    """

    outside_module: ClassVar[frozenset[str]] = frozenset({"keep_prefix", "extra_vision_widths"})

    extra_vision_widths: tuple[PositiveInt, ...] = ()

    def vision_widths(self, dims: Dims) -> tuple[int, ...]:
        return (dims.vision_width, *(self.extra_vision_widths or dims.extra_vision_widths))

    def check_encoders(self, widths: Sequence[int]) -> None:
        stated, extra = list(self.extra_vision_widths), list(widths[1:])
        if not stated or stated == extra:
            return
        raise InputError(
            expected=f"in `fusion` the `extra_vision_widths` of `second_vision`, {extra}"
            if extra
            else "a `second_vision` beside the `extra_vision_widths` of `fusion`",
            got=str(stated),
        )
