"""What was measured of a device: the rates that a prediction uses in place of its peaks."""

from __future__ import annotations

from vlcalc.tiling.base import Frozen


class Calibration(Frozen):
    """Rates measured on one machine; which, and when, stands with them."""

    date: str
