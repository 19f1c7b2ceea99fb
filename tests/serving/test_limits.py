"""The largest load that fits: against trying all, and that one more does not fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.toys import load, model, with_decoder
from vlcalc.core.errors import InputError, RefusedError
from vlcalc.core.image_size import ImageSize
from vlcalc.inference.inference import infer
from vlcalc.inference.load import Load
from vlcalc.inference.quantisation import QUANTISATIONS
from vlcalc.serving.limits import Limit, Room, limits
from vlcalc.serving.search import Search
from vlcalc.spec.schema import ModelSpec

GB = 10**9


@settings(max_examples=1000)
@given(
    st.integers(0, 10**7),
    st.integers(1, 10**7),
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 3]),
    st.integers(0, 10**9),
)
def test_the_largest_is_found_and_one_more_was_asked(
    window: int, most: int, slope: int, power: int, room: int
) -> None:
    def need(number: int) -> int | None:
        assert 1 <= number <= most
        return None if number > window else 1000 + slope * number**power

    search = Search(need, room)
    found = search.largest(most=most)
    assert found == 0 or search.needs[found] is not None
    assert found == 0 or (search.needs[found] or 0) <= room
    assert found == most or (search.needs[found + 1] or room + 1) > room
    assert len(search.needs) < 120


def test_a_need_on_a_line_takes_few_questions() -> None:
    search = Search(lambda number: 10**10 + 345_678 * number, 2 * 10**10)
    assert search.largest(most=10**6) == 10**10 // 345_678
    assert len(search.needs) <= 4


def test_a_search_may_start_behind_numbers_that_do_not_fit() -> None:
    needs = {1: 10, 2: 20, 3: 6, 4: 8, 5: 10, 6: 12, 7: 14}
    search = Search(lambda number: needs.get(number, 100), 11)
    assert search.largest(least=3, most=50) == 5


def bytes_of(spec: ModelSpec, request: Load) -> int | None:
    try:
        return infer(spec, request).total_bytes
    except (InputError, RefusedError):
        return None


VARIED = ("batch_size", "num_images", "text_tokens")


def varied(request: Load, key: str, number: int) -> Load:
    changed: dict[str, Any] = {key: number}
    return replace(request, **changed)


MODELS = ["llava-1.5-7b", "qwen2.5-vl-7b", "llama-3.2-11b-vision-instruct", "gemma3-4b"]


@pytest.mark.parametrize("name", MODELS)
def test_memory_grows_with_the_batch_with_images_and_with_text(name: str) -> None:
    spec, request = model(name), load(text_tokens=100)
    for key in VARIED:
        found = [bytes_of(spec, varied(request, key, n)) for n in (1, 2, 20, 300)]
        fitting = [each for each in found if each is not None]
        assert fitting == sorted(fitting), key
        # What the window does not take at one number it takes at no larger one.
        assert found == [*fitting, *[None] * (len(found) - len(fitting))], key


def by_name(found: Iterable[Limit]) -> dict[str, Limit]:
    return {limit.name: limit for limit in found}


def check(spec: ModelSpec, request: Load, room_bytes: int) -> dict[str, Limit]:
    """Return the limits, after trying each and one more."""
    found = by_name(limits(spec, request, room_bytes))
    batch, images = found["batch"], found["images"]
    for key, limit in (("batch_size", batch), ("num_images", images)):
        if limit.value:
            needed = bytes_of(spec, varied(request, key, limit.value))
            assert needed is not None
            assert needed <= room_bytes
        more = bytes_of(spec, varied(request, key, limit.value + 1))
        assert (more is None) == (limit.bound == "context window")
        assert more is None or more > room_bytes
    return found


@pytest.mark.parametrize(
    ("name", "room_gb", "changed"),
    [
        ("llava-1.5-7b", 72, {}),
        ("llava-1.5-7b", 21.6, {"output_tokens": 1000}),
        ("qwen2.5-vl-7b", 21.6, {"image": ImageSize(1280, 720), "kv_dtype": "float8"}),
        ("llama-3.2-11b-vision-instruct", 30, {"quantisation": QUANTISATIONS["int8"]}),
        ("gemma3-4b", 14.4, {"batch_size": 4}),
    ],
)
def test_what_fits_fits_and_one_more_does_not(
    name: str, room_gb: float, changed: dict[str, object]
) -> None:
    spec, request = model(name), load(**changed)
    room_bytes = int(room_gb * GB)
    found = check(spec, request, room_bytes)
    context = found["context"]
    plan = infer(spec, request, traced=False).plan
    beside = plan.sequence_length - request.text_tokens + request.output_tokens
    text = context.value - beside
    needed = bytes_of(spec, replace(request, text_tokens=text))
    assert needed is not None
    assert needed <= room_bytes
    more = bytes_of(spec, replace(request, text_tokens=text + 1))
    assert more is None or more > room_bytes
    assert (more is None) == (context.bound == "context window")
    if context.bound == "context window":
        assert context.value == spec.context_window


def test_limits_by_closed_form() -> None:
    """Six images of 576 tokens beside 50 of text and 128 of answer are the window of LLaVA-1.5."""
    spec = model()
    found = by_name(limits(spec, load(), 72 * GB))
    assert found["images"] == ("images", (4096 - 50 - 128) // 576, "context window")
    assert found["context"] == ("context", 4096, "context window")
    # Each prompt has a cache and activations of its own, so that the batch is linear in room.
    one, two = bytes_of(spec, load()), bytes_of(spec, load(batch_size=2))
    assert one
    assert two
    assert found["batch"].value == pytest.approx((72 * GB - one) / (two - one) + 1, abs=1)


def test_what_does_not_fit_at_all() -> None:
    found = [(limit.value, limit.bound) for limit in limits(model(), load(), 10 * GB)]
    assert found == [(0, "memory")] * len(VARIED)


def test_images_that_are_cut_where_they_are_few_need_more_room() -> None:
    """DeepSeek-VL2 cuts one or two images into tiles, and leaves three or more whole."""
    spec, request = with_decoder("deepseek-vl2"), load(image=ImageSize(1920, 1080))
    needs = {n: bytes_of(spec, varied(request, "num_images", n)) or 0 for n in range(1, 10)}
    assert needs[3] < needs[1] < needs[2] == max(needs.values())
    for room_bytes in (
        needs[1] - 1,
        needs[1],
        needs[2],
        needs[2] - 1,
        needs[3],
        needs[3] - 1,
        needs[9],
    ):
        room = Room(spec, room_bytes)
        found = room.limit("images", lambda n: varied(request, "num_images", n), 10)
        assert found.value == max((n for n in needs if needs[n] <= room_bytes), default=0)


def test_parts_of_a_model_hold_more() -> None:
    from vlcalc.serving.parallel import shard

    spec = with_decoder(depth=16)
    room_bytes = 2 * GB
    whole = {limit.name: limit.value for limit in limits(spec, load(), room_bytes)}
    part = {limit.name: limit.value for limit in limits(shard(spec, 4), load(), room_bytes)}
    assert part["batch"] > whole["batch"]
