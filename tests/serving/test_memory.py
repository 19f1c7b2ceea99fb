"""Memory of a device laid out, to the byte."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.serving.toys import device, load, model
from vlcalc.core.errors import InputError
from vlcalc.inference.inference import infer
from vlcalc.serving.memory import (
    CUBLAS_BYTES,
    CUBLAS_HOPPER_BYTES,
    DEFAULT_RESERVE,
    HIPBLAS_BYTES,
    HIPBLAS_MI300_BYTES,
    Reserve,
    lay_out,
    parse_reserve,
    workspace_bytes,
)
from vlcalc.spec.devices import shipped_devices

DEVICES = {each.name: each for each in shipped_devices()}


@pytest.mark.parametrize(
    ("text", "reserve", "of_80_gb", "shown"),
    [
        ("0.1", Reserve(share=Fraction(1, 10)), 8 * 10**9, "10 %"),
        ("10%", Reserve(share=Fraction(1, 10)), 8 * 10**9, "10 %"),
        ("7.5 %", Reserve(share=Fraction(3, 40)), 6 * 10**9, "7.5 %"),
        ("0", Reserve(), 0, "0 %"),
        ("2GiB", Reserve(num_bytes=2**31), 2**31, "2.00 GiB"),
        ("500MB", Reserve(num_bytes=500_000_000), 500_000_000, "476.84 MiB"),
    ],
)
def test_reserves(text: str, reserve: Reserve, of_80_gb: int, shown: str) -> None:
    found = parse_reserve(text)
    assert (found, found.of(80 * 10**9), str(found)) == (reserve, of_80_gb, shown)


def test_a_reserve_is_rounded_up() -> None:
    assert Reserve(share=Fraction(1, 3)).of(10) == 4


@pytest.mark.parametrize("text", ["1", "100%", "2", "-0.1", "", "ten", "0.1.2", "5GiBs", "0,1"])
def test_what_is_no_reserve(text: str) -> None:
    with pytest.raises(InputError, match=r"^--reserve: expected a share of the memory below 1"):
        parse_reserve(text, where="--reserve")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a100-80gb-sxm", 8_519_680),
        ("l40s", CUBLAS_BYTES),
        ("t4", CUBLAS_BYTES),
        ("jetson-agx-orin-64gb", CUBLAS_BYTES),
        ("h100-nvl", CUBLAS_HOPPER_BYTES),
        ("h200-sxm", 33_554_432),
        ("gb200-per-gpu", CUBLAS_HOPPER_BYTES),
        ("rtx-5090", CUBLAS_HOPPER_BYTES),
        ("mi250x", HIPBLAS_BYTES),
        ("mi325x", HIPBLAS_MI300_BYTES),
        ("tpu-v6e", None),
        ("apple-m3-max-40c", None),
    ],
)
def test_workspaces(name: str, expected: int | None) -> None:
    assert workspace_bytes(DEVICES[name]) == expected


@pytest.mark.parametrize("name", ["a100-80gb-sxm", "tpu-v5e", "h200-sxm"])
@pytest.mark.parametrize("batch_size", [1, 64])
def test_everything_adds_up_to_the_memory(name: str, batch_size: int) -> None:
    found = infer(model(), load(batch_size=batch_size))
    layout = lay_out(found, DEVICES[name], tp=1, reserve=DEFAULT_RESERVE)
    parts = dict(layout.parts())
    assert (parts["workspace"] is None) == (name == "tpu-v5e")
    used = sum(size or 0 for size in parts.values())
    assert used == layout.used_bytes == (found.total_bytes or 0) + (layout.workspace_bytes or 0)
    assert layout.left_bytes is not None
    assert used + layout.reserve_bytes + layout.left_bytes == layout.memory_bytes
    assert layout.fits == (layout.left_bytes >= 0)


def test_llava_on_an_a100_by_hand() -> None:
    layout = lay_out(
        infer(model(), load()), DEVICES["a100-80gb-sxm"], tp=1, reserve=DEFAULT_RESERVE
    )
    parts = dict(layout.parts())
    assert parts["weights: vision"] == 2 * 303_507_456
    assert parts["weights: fusion"] == 2 * 20_979_712
    assert parts["weights: language"] == 2 * 6_738_939_904
    assert parts["KV cache: self-attention"] == 2 * 32 * 4096 * 2 * (50 + 576 + 127)
    assert layout.usable_bytes == 72_000_000_000


def test_exactly_full_still_fits() -> None:
    found = infer(model(), load())
    assert found.total_bytes
    for memory_bytes, fits in ((found.total_bytes, True), (found.total_bytes - 1, False)):
        card = device(memory_bytes=memory_bytes)
        assert lay_out(found, card, tp=1, reserve=Reserve()).fits is fits


def test_a_part_that_is_not_known_leaves_the_answer_open_unless_the_rest_is_too_much() -> None:
    found = infer(model("fastvlm-7b"), load())
    assert found.total_bytes is None
    open_ = lay_out(found, device(memory_bytes=10**11), tp=1, reserve=Reserve())
    assert (open_.fits, open_.used_bytes, open_.left_bytes) == (None, None, None)
    assert lay_out(found, device(memory_bytes=10**10), tp=1, reserve=Reserve()).fits is False


def test_a_device_without_known_memory_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected a device whose memory is known, got `toy`; "):
        lay_out(infer(model(), load()), device(memory_bytes=None), tp=1, reserve=Reserve())
