"""What every language model is asked, whichever shape it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import nn

Linear = tuple[int, int]  # outputs, inputs of one weight


class CacheBytes(NamedTuple):
    """Bytes of keys and values when the answer is done, over the whole batch.

    Attributes:
        self_attention: of the positions of the sequence; the last token of the answer has none.
        cross_attention: of the vectors that are only cross-attended.
    """

    self_attention: int
    cross_attention: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.self_attention + self.cross_attention


class LayerStack(NamedTuple):
    """A part that is so many layers, and the linear weights of all of them.

    Of those a quantisation keeps fewer bits.
    """

    depth: int
    linears: tuple[Linear, ...]


class NamedCounts(Protocol):
    """Counts by the name of what they are of: any `NamedTuple` of integers."""

    def _asdict(self) -> dict[str, Any]: ...


class LanguageModel(Protocol):
    """A decoder, an encoder-decoder or a text encoder, as all else sees it.

    What its prompt and each of its tokens run, block by block, is in `vlcalc.inference.blocks`.
    """

    @property
    def width(self) -> int:
        """Width of its vectors."""

    @property
    def vocab_size(self) -> int:
        """Tokens that it knows."""

    @property
    def text_depth(self) -> int:
        """Layers that a token of the answer passes; layers put into it are counted by them."""

    @property
    def stacks(self) -> dict[str, LayerStack]:
        """Those of its parts that are layers, by their names in `params_by_part`."""

    @property
    def generates(self) -> bool:
        """Whether it writes an answer, token by token."""

    def num_params(self) -> int:
        """Return the parameters of all of it."""

    def params_by_part(self) -> NamedCounts:
        """Return the parameters of each of its parts."""

    def cache_bytes(
        self, prompt_length: int, num_decoded: int, batch: int = 1, *, dtype_bytes: int
    ) -> CacheBytes:
        """Return the keys and values that are kept when the answer is done.

        Args:
            prompt_length: positions of each prompt.
            num_decoded: tokens of each answer after the first.
            batch: prompts.
            dtype_bytes: of one value.
        """

    def build(self, device: str = "meta") -> nn.Module:
        """Return all of it as a module on a device."""


def feed_forward_linears(width: int, hidden_width: int, num_inputs: int) -> tuple[Linear, ...]:
    """Return the linear weights of a feed-forward with so many input projections."""
    return ((hidden_width, width),) * num_inputs + ((width, hidden_width),)
