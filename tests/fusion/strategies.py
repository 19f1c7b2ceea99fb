"""Random dims of a fusion method, small enough for the meta device to be quick."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from vlcalc.fusion.base import FUSIONS, Dims, Fusion

few = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
fewer = settings(few, max_examples=10)  # of modules with many layers

small = st.integers(1, 12)
all_dims = st.builds(
    Dims,
    vision_width=small,
    text_width=small,
    columns=st.integers(1, 5),
    rows=st.integers(1, 5),
    num_views=st.integers(1, 3),
    num_text_tokens=st.integers(2, 9),
    vocab_size=st.integers(2, 60),
    batch_size=st.integers(1, 3),
)


def make(kind: str, **fields: Any) -> Fusion:
    """Return a method of a kind from its fields, as a spec would give them."""
    return FUSIONS.get(kind).model_validate({"kind": kind, **fields})
