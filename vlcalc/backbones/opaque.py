"""An encoder whose structure is not modelled: a published size, and nothing else."""

from __future__ import annotations

from pydantic import Field

from vlcalc.core.bounds import Amount
from vlcalc.tiling.base import Frozen


class OpaqueEncoder(Frozen):
    """What was printed about an encoder that is no vision transformer; its costs are unknown.

    Attributes:
        params: the published number of parameters.
        sources: who printed it and where.
        exact: whether every digit was printed or counted; False for a rounded figure.
        note: what else a reader must know.
    """

    params: Amount
    sources: tuple[str, ...] = Field(min_length=1)
    exact: bool = False
    note: str = ""
