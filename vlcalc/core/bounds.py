"""Counts that work grows with: more than any model has is a slip of the pen, and is refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

Depth = Annotated[PositiveInt, Field(le=10_000)]  # layers of one stack
Experts = Annotated[PositiveInt, Field(le=100_000)]  # experts of one layer
Tiles = Annotated[PositiveInt, Field(le=10_000)]  # tiles of one image
