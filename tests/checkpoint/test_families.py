"""Random checkpoints of every known type, against the real classes: parameters, tokens, cache.

Fresh seeds in every run; a failure names its own.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from random import Random, SystemRandom

import pytest

from tests.checkpoint.case import CASES, Case
from vlcalc.checkpoint.load import load_checkpoint
from vlcalc.core.errors import RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.cost.components import components

for name in ("cases_llava", "cases_native"):
    importlib.import_module(f"tests.checkpoint.{name}")

SEEDS = [
    int(seed)
    for seed in os.environ.get("CHECKPOINT_SEEDS", "").split()
    or (SystemRandom().randrange(10**9) for _ in range(5))
]
NUM_SIZES = 16


@pytest.fixture
def drawn(tmp_path: Path, model_type: str, seed_index: int) -> Case:
    random = Random(f"{model_type} {SEEDS[seed_index]}")
    case = CASES[model_type](random)
    case.save(tmp_path, split=random.random() < 0.5)
    return case


@pytest.mark.parametrize("model_type", sorted(CASES))
@pytest.mark.parametrize("seed_index", range(len(SEEDS)))
def test_parameters_tokens_and_cache_are_those_of_the_real_classes(
    drawn: Case, tmp_path: Path, model_type: str, seed_index: int
) -> None:
    note = f"CHECKPOINT_SEEDS={SEEDS[seed_index]}"
    spec = load_checkpoint(tmp_path).spec
    params = components(spec)
    assert {"total": params.total, **params._asdict()} == drawn.params(), note
    if drawn.text is not None and spec.language.decoder:
        for length in (1, 40, 700):
            own = spec.language.decoder.kv_cache_bytes(length, dtype_bytes=2)
            assert own == drawn.cache_bytes(length), (note, length)
    if drawn.real is not None and drawn.real_loads:
        for image in sizes(Random(note), drawn.real.max_ratio):
            check_tokens(drawn, spec.tiling, image, note)


def sizes(random: Random, max_ratio: float) -> list[ImageSize]:
    """Return everyday and odd sizes, none thinner than the real processor can take in memory."""
    everyday = [(336, 336), (640, 480), (480, 640), (1280, 720), (224, 224)]
    odd = [(random.randint(1, 900), random.randint(1, 900)) for _ in range(4 * NUM_SIZES)]
    near = [ImageSize(*size) for size in everyday + odd if max(size) <= max_ratio * min(size)]
    return near[:NUM_SIZES]


def check_tokens(drawn: Case, tiling: object, image: ImageSize, note: str) -> None:
    """Compare the count of one image; a refusal must be one of both."""
    assert drawn.real is not None
    try:
        real = drawn.real.count(image)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(RefusedError):
            tiling.tile(image)  # type: ignore[attr-defined]
        return
    ours = tiling.tile(image)  # type: ignore[attr-defined]
    counts = (ours.image_tokens, ours.extra_tokens, ours.context_tokens)
    assert counts == (real.image_tokens, real.extra_tokens, real.context_tokens), (note, image)
