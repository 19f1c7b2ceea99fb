"""Words of tiling: a view, a step of an explanation, a tiling, a frozen record of a spec."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from vlcalc.core.image_size import ImageSize


class View(NamedTuple):
    """`number` encoder inputs of one shape, each `columns` x `rows` patches."""

    name: str
    number: int
    columns: int
    rows: int

    @property
    def num_patches(self) -> int:
        """Patches of all inputs of this shape."""
        return self.number * self.columns * self.rows


class Step(NamedTuple):
    """One line of an explanation: what happened, the value it gave, the rule behind it.

    The tokens of all steps of a chain sum to the total of its `Tiling` (a test holds it).
    """

    name: str
    value: str
    rule: str
    image_tokens: int = 0
    extra_tokens: int = 0
    context_tokens: int = 0


class Tiling(NamedTuple):
    """What one image (or one video) becomes.

    Attributes:
        resized: pixels that the tiles are cut from, or that the encoder sees whole.
        columns: tiles across the grid (1 when the image is not cut).
        rows: tiles down the grid.
        views: what the encoder is run on: tiles, thumbnail.
        image_tokens: positions of the LLM's sequence that hold an image's vector, learned newline
            and separator vectors included.
        extra_tokens: text tokens that the processor adds: start, end, row breaks, tile tags.
        context_tokens: vectors that are only cross-attended.
        view_tokens: vectors of the views before padding is dropped and newlines are added; None
            where neither is done.
    """

    resized: ImageSize
    columns: int
    rows: int
    views: tuple[View, ...]
    image_tokens: int
    extra_tokens: int = 0
    context_tokens: int = 0
    view_tokens: int | None = None

    @property
    def fused_tokens(self) -> int:
        """Vectors that the fusion method gives: of all views, nothing dropped or added."""
        if self.view_tokens is not None:
            return self.view_tokens
        return self.context_tokens or self.image_tokens

    @property
    def num_tiles(self) -> int:
        """Encoder inputs, the thumbnail included."""
        return sum(view.number for view in self.views)

    @property
    def num_patches(self) -> int:
        """Patches over all encoder inputs."""
        return sum(view.num_patches for view in self.views)

    @property
    def sequence_tokens(self) -> int:
        """Positions that the image takes in the sequence: image tokens and extra tokens."""
        return self.image_tokens + self.extra_tokens


class Frozen(BaseModel):
    """A frozen record of a spec; unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, strict=True, allow_inf_nan=False
    )
