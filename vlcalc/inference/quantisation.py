"""Weights kept in fewer bits: what a linear layer takes, its scales included.

Only the linear layers inside a language model's layers are quantised: embeddings, norms, routers,
the head, the vision encoder and the fusion keep their dtype, as in the releases of GPTQ, AWQ and
bitsandbytes models; transformers leaves T5's second feed-forward matrix in float32 besides, which
is not done here. Products run in the dtype of the activations, so that FLOPs stay.

Source: AWQ, arXiv:2306.00978 (groups of 128, a 16-bit scale and a 4-bit zero each); NF4, QLoRA,
arXiv:2305.14314, section 3 (blocks of 64, a 32-bit constant each, or with double quantisation an
8-bit one and a 32-bit one of every 256); LLM.int8, arXiv:2208.07339 (a scale of each output row).
"""

from __future__ import annotations

from typing import NamedTuple

from vlcalc.core.errors import InputError, near_miss


class Quantisation(NamedTuple):
    """One way to keep the weights of a linear layer.

    Attributes:
        bits: of one weight.
        group_size: weights of an output row that share a scale; 0 for the whole row, -1 for the
            whole matrix.
        scale_bits: of one group's constants, its zero point included; with double quantisation,
            its part of the constants of constants too.
    """

    name: str
    bits: int
    group_size: int
    scale_bits: float

    def linear_bytes(self, rows: int, columns: int) -> int:
        """Return the bytes of a matrix of `rows` outputs and `columns` inputs.

        Raises:
            InputError: the groups do not divide the inputs.
        """
        if self.group_size > 0 and columns % self.group_size:
            raise InputError(
                expected=f"widths that groups of {self.group_size} divide, for `{self.name}`",
                got=str(columns),
                hint="`int8` and `float8` take any width",
            )
        groups = {0: rows, -1: 1}.get(self.group_size, rows * columns // max(self.group_size, 1))
        return -(-rows * columns * self.bits // 8) + round(groups * self.scale_bits / 8)


QUANTISATIONS = {
    each.name: each
    for each in (
        Quantisation("int8", 8, 0, 32),
        Quantisation("float8", 8, -1, 32),
        Quantisation("int4", 4, 128, 16 + 4),
        Quantisation("nf4", 4, 64, 32),
        Quantisation("nf4-double", 4, 64, 8 + 32 / 256),
    )
}


def parse_quantisation(name: str, *, where: str = "") -> Quantisation | None:
    """Return the quantisation of a name; None for `none`.

    Raises:
        InputError: there is no such quantisation.
    """
    if name == "none":
        return None
    name = {"fp8": "float8"}.get(name, name)
    if name not in QUANTISATIONS:
        known = [*QUANTISATIONS, "none"]
        hint = near_miss(name, known) or "known: " + ", ".join(known)
        raise InputError(expected="a quantisation", got=f"`{name}`", where=where, hint=hint)
    return QUANTISATIONS[name]
