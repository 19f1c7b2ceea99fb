"""Closed sets that fields of several methods choose from, as `vlcalc.modules` knows them."""

from __future__ import annotations

from typing import Literal

Activation = Literal["gelu", "gelu_tanh", "relu", "silu", "squared_relu", "tanh"]
Norm = Literal["layer", "rms"]
