"""Configurations as an attacker, or a slip of the pen, writes them: a spec, or one clear line."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest

from tests.checkpoint import cases_llava, cases_native
from tests.checkpoint.case import CASES
from vlcalc.checkpoint.load import load_checkpoint
from vlcalc.core.errors import InputError, RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.cost.components import components

NUM_MUTATIONS = int(os.environ.get("CHECKPOINT_MUTATIONS", "600"))
SEED = int(os.environ.get("CHECKPOINT_SEED", SystemRandom().randrange(10**9)))
MAX_SECONDS = 1.0
assert cases_llava
assert cases_native
NASTY: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 10**30, 1.5, -0.0, float("nan"), float("inf"), 1e308, "",
    "x" * 5000, "../../etc/passwd", "\x1b[31m", [], [0], [[1, 2], [3]], [None] * 3, {}, {"a": {}},
    [[10**9, 10**9]] * 200, list(range(2000)), "llama", 100_000, 10_000, {"height": 1, "width": 2},
    {"height": "a"}, {"longest_edge": -5}, [[[[[[[[[[]]]]]]]]]],
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container with every key of it."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from places(inner)


def mutate(random: Random, value: Any) -> Any:
    """Return a copy with one to three values replaced, taken out, or doubled under a new key."""
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 2, 3))):
        container, key = random.choice(list(places(value)))
        if isinstance(container, dict) and random.random() < 0.25:
            del container[key]
        else:
            container[key] = copy.deepcopy(random.choice(NASTY))
        if not value:
            break
    return value


@pytest.mark.parametrize("model_type", sorted(CASES))
def test_a_mutated_configuration_gives_a_spec_or_one_line(model_type: str, tmp_path: Path) -> None:
    random = Random(f"{model_type} {SEED}")
    CASES[model_type](random).save(tmp_path, split=random.random() < 0.5)
    files = [path for path in tmp_path.glob("*config.json") if "tokenizer" not in path.name]
    configs = [tmp_path / "config.json"]
    contents = {path: json.loads(path.read_text()) for path in files}
    for number in range(NUM_MUTATIONS // len(CASES) + 1):
        path = random.choice([*(file for file in files if contents[file]), *configs])
        mutated = mutate(random, contents[path])
        path.write_text(json.dumps(mutated))
        note = f"CHECKPOINT_SEED={SEED}, {path.name}, number {number}"
        started = time.perf_counter()
        try:
            spec = load_checkpoint(tmp_path).spec
            components(spec)
            spec.tiling.tile(ImageSize(1280, 720))
        except (InputError, RefusedError) as error:
            line = str(error)
            assert line, note
            assert line.isprintable(), (note, line)
            assert len(line) < 1000, (note, line)
        except Exception as error:
            raise AssertionError(note) from error
        assert time.perf_counter() - started < MAX_SECONDS, note
        path.write_text(json.dumps(contents[path]))
