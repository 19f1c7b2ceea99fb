"""The tilings against the real processors, over sizes that are new in every run.

Agreement rests on no file here: each test builds the processor of transformers, runs it on blank
images and counts what it puts into the prompt.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.oracle.compare import check_equal
from tests.oracle.families import REAL
from tests.oracle.real import Counted
from tests.oracle.sizes import random_sizes
from vlcalc.core.image_size import ImageSize
from vlcalc.spec.loader import load_spec
from vlcalc.tiling.base import TilingPolicy

pytest.importorskip("transformers")
pytestmark = pytest.mark.oracle

# Larger ones cost seconds each; the counting functions and choosers take them as sizes alone.
MAX_PIXELS = 3_000_000
FAMILIES = Path(__file__).parent.parent / "data" / "token_families.csv"


@pytest.mark.parametrize("family", list(REAL))
def test_tokens_equal_those_of_the_real_processor(family):
    real, policy = REAL[family], load_spec(family).tiling
    for module in real.needs:
        pytest.importorskip(module)

    def ours(size: ImageSize) -> Counted:
        tiling = policy.tile(size)
        num_tiles = None if real.num_tiles is None else tiling.num_tiles
        return Counted(tiling.image_tokens, tiling.extra_tokens, tiling.context_tokens, num_tiles)

    sizes = random_sizes(family, real.examples, max_ratio=real.max_ratio, max_pixels=MAX_PIXELS)
    # A caveat names a defect of the processor at just this size (Video-LLaVA at a height of 1).
    check_equal([size for size in sizes if not policy.caveat(size)], ours, real.count)


def test_every_rule_that_transformers_has_a_class_for_meets_it():
    known = {rule_of(load_spec(family).tiling) for family in families()}
    met = {rule_of(load_spec(family).tiling) for family in REAL}
    # Phi-3-V's grid is in remote code alone.
    assert known - met == {("grid", "hd_scale")}


def families() -> list[str]:
    with FAMILIES.open(encoding="utf-8", newline="") as file:
        return [row["family"] for row in csv.DictReader(file)]


def rule_of(policy: TilingPolicy) -> tuple[str, str]:
    return policy.kind, str(getattr(getattr(policy, "chooser", None), "kind", ""))
