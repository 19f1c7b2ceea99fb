"""FLOPs of a prompt, as claims about compression put them."""

from __future__ import annotations

from typing import Any

from vlcalc.audit.recompute import RECOMPUTATIONS
from vlcalc.spec.parts import load_language


@RECOMPUTATIONS.register("compression")
def compression(language: str, before: int, after: int, text: int) -> dict[str, Any]:
    """Return what fewer visual tokens save in a language model's prompt, text included.

    Args:
        language: the language model.
        before: visual tokens of an image.
        after: what they are compressed to.
        text: text tokens of the prompt, which nothing compresses.
    """
    decoder = load_language(language).decoder
    assert decoder
    lengths = [before + text, after + text]
    attention = [decoder.depth * decoder.attention_flops(n, n) for n in lengths]
    prefill = [decoder.prefill_flops(n, logits="all") for n in lengths]
    return {
        "tokens": lengths,
        "length_ratio": lengths[0] / lengths[1],
        "attention_ratio": attention[0] / attention[1],
        "total_flops": prefill,
        "total_ratio": prefill[0] / prefill[1],
        "attention_share_before": attention[0] / prefill[0],
    }
