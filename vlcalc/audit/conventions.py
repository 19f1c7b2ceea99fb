"""Conventions by which FLOPs of a language model's prompt are printed: one is ours, others are not.

Every convention is a closed form of the decoder's shape and the length of the sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vlcalc.audit.precision import same_as_printed
from vlcalc.backbones.decoder import Decoder
from vlcalc.core.errors import InputError, near_miss

# Around the stated length, how far a sequence is looked for that would give the printed figure.
SEARCHED_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Convention:
    """One way of counting a prompt.

    Attributes:
        what: what is counted how, in a few words.
        flops: the figure that it gives for a decoder and a sequence length.
    """

    what: str
    flops: Callable[[Decoder, int], int]


def two_matrix_macs(decoder: Decoder, tokens: int) -> int:
    """Return 4nd^2 + 2n^2d + 2ndm, the formula of FastV and those that follow it, for one layer.

    It counts a multiply-accumulate as one, and two of the three matrices of a gated feed-forward.

    Source: FastV, arXiv:2403.06764 (theoretical FLOPs); lzhxmu/VTW issue 7 sums it over the layers.
    """
    n, d, m = tokens, decoder.width, decoder.ffn_width
    return 4 * n * d**2 + 2 * n**2 * d + 2 * n * d * m


CONVENTIONS = {
    "ours": Convention(
        "2 per multiply-accumulate, logits of the last position",
        lambda decoder, tokens: decoder.prefill_flops(tokens, logits="last"),
    ),
    "all_logits": Convention(
        "2 per multiply-accumulate, logits of all positions",
        lambda decoder, tokens: decoder.prefill_flops(tokens, logits="all"),
    ),
    "macs": Convention(
        "1 per multiply-accumulate, no logits",
        lambda decoder, tokens: decoder.prefill_flops(tokens, logits="none") // 2,
    ),
    "two_matrix_macs": Convention(
        "1 per multiply-accumulate, 2 of the 3 feed-forward matrices, no logits",
        lambda decoder, tokens: decoder.depth * two_matrix_macs(decoder, tokens),
    ),
    "two_matrix_macs_per_layer": Convention(
        "1 per multiply-accumulate, 2 of the 3 feed-forward matrices, one layer",
        two_matrix_macs,
    ),
}


def convention_of(name: str) -> Convention:
    """Return the convention of a name, ours where there is none.

    Raises:
        InputError: no convention is called so; the nearest is suggested.
    """
    if name and name not in CONVENTIONS:
        known = ", ".join(f"`{key}`" for key in CONVENTIONS)
        hint = near_miss(name, CONVENTIONS)
        raise InputError(expected=f"a FLOP convention: {known}", got=f"`{name}`", hint=hint)
    return CONVENTIONS[name or "ours"]


def lengths_that_give(convention: Convention, decoder: Decoder, printed: float, near: int) -> range:
    """Return the sequence lengths for which a convention gives a printed figure.

    Args:
        convention: how FLOPs are counted.
        decoder: the language model.
        printed: the figure.
        near: the length that is stated; lengths further away than 64 are not looked at.
    """
    window = range(max(1, near - SEARCHED_TOKENS), near + SEARCHED_TOKENS + 1)
    lengths = [n for n in window if same_as_printed(convention.flops(decoder, n), printed)]
    return range(lengths[0], lengths[-1] + 1) if lengths else range(0)
