"""The harness: what is timed, how often, on which inputs, and with which statistics."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from vlcalc.measurement import harness
from vlcalc.measurement.clocks import CLOCKS, Clock
from vlcalc.measurement.harness import Timing, time_calls


class FakeClock(Clock):
    """A clock of the test's making: each run takes what the script says, the last one for ever."""

    script: tuple[float, ...] = (1.0,)

    def __init__(self) -> None:
        self.left = list(self.script)

    def seconds(self, run: Callable[[], object]) -> float:
        run()
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def script(*seconds: float, record_below_s: float = 0.0) -> None:
        members = {"script": seconds, "record_below_s": record_below_s}
        monkeypatch.setitem(CLOCKS, "fake", type("Scripted", (FakeClock,), members))

    return script


def test_median_quartiles_and_minimum_are_those_of_the_blocks(scripted) -> None:
    scripted(1.0, 2.0, 3.0, 4.0, 5.0)
    timing = time_calls(lambda: None, device="fake", min_time_s=15.0, warmups=0)
    assert timing == Timing(median_s=3.0, iqr_s=2.0, min_s=1.0, num_runs=5)
    assert timing.noisy


def test_noise_is_an_iqr_over_a_tenth_of_the_median() -> None:
    assert not Timing(median_s=1.0, iqr_s=0.1, min_s=0.9, num_runs=5).noisy
    assert Timing(median_s=1.0, iqr_s=0.11, min_s=0.9, num_runs=5).noisy


@pytest.mark.parametrize(
    ("call_s", "min_time_s", "blocks"),
    [
        (0.01, 0.2, 20),  # the time asked for
        (0.05, 0.2, 5),  # at least five
        (0.1, 0.2, 4),  # four, as they last twice as long
        (7.0, 0.2, 3),  # three, however long
    ],
)
def test_blocks_last_the_time_asked_for(scripted, call_s, min_time_s, blocks) -> None:
    scripted(call_s)
    timing = time_calls(lambda: None, device="fake", min_time_s=min_time_s, warmups=0)
    assert timing.num_runs in (blocks, blocks + 1)  # sums of floats


def test_short_calls_are_timed_in_blocks(scripted) -> None:
    scripted(1.001e-5, 1.001e-5, 1.001e-5, 1.001e-5, 1.3e-3)
    timing = time_calls(lambda: None, device="fake", min_time_s=5e-3, warmups=0)
    calls_per_block = 100  # as many as last a millisecond
    assert timing.num_runs == 5 * calls_per_block
    assert timing.median_s == pytest.approx(1.3e-3 / calls_per_block)


def test_input_sets_take_turns_and_warm_ups_come_first(scripted) -> None:
    scripted(1.0)
    seen: list[int] = []
    sets = [(torch.tensor(number),) for number in range(3)]
    time_calls(lambda x: seen.append(int(x)), sets, device="fake", min_time_s=0.1, warmups=4)
    assert len(seen) == 4 + 3  # warm-ups, three long blocks
    assert all((one + 1) % 3 == other for one, other in pairwise(seen))


def test_recorded_calls_are_replayed_over_all_input_sets(scripted, monkeypatch) -> None:
    scripted(1e-6, 1e-6, 1e-6, 1e-6, 5e-4, record_below_s=1e-3)
    recorded: list[int] = []

    def record(_self: Clock, calls) -> Callable[[], None]:
        recorded.append(len(calls))
        return lambda: None

    monkeypatch.setattr(CLOCKS["fake"], "record", record)
    sets = [(torch.ones(1),)] * 4
    timing = time_calls(lambda x: x, sets, device="fake", min_time_s=2e-3, warmups=0)
    assert recorded == [4]
    assert timing.num_runs == 5 * 2 * 4  # two replays last a millisecond; four calls in each
    assert timing.median_s == pytest.approx(5e-4 / 8)


def test_what_cannot_be_recorded_is_called(scripted, monkeypatch) -> None:
    scripted(1.001e-6, 1.001e-6, 1.001e-6, 1.001e-6, 1e-3, record_below_s=1e-3)
    monkeypatch.setattr(CLOCKS["fake"], "record", lambda _self, _calls: None)
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1

    timing = time_calls(call, device="fake", min_time_s=4.9e-3, warmups=0)
    assert timing.num_runs == 5 * 1000
    assert calls == timing.num_runs + 4


def test_gradients_and_the_collector_are_off_and_on_again() -> None:
    states: list[tuple[bool, bool]] = []

    def call() -> None:
        states.append((torch.is_inference_mode_enabled(), gc.isenabled()))

    assert gc.isenabled()
    time_calls(call, min_time_s=1e-4, warmups=0)
    assert set(states) == {(True, False)}
    assert gc.isenabled()


def test_a_real_call_on_the_cpu() -> None:
    x = torch.randn(64, 64)

    def call(y: Tensor) -> Tensor:
        return x @ y

    timing = time_calls(call, [(x,), (x + 1,)], min_time_s=0.01)
    assert 0 < timing.min_s <= timing.median_s < 1
    assert timing.num_runs >= harness.MIN_BLOCKS
    one = time_calls(lambda y: call(call(call(call(y)))), [(x,)], min_time_s=0.01)
    assert one.min_s > timing.min_s


def test_an_interruption_comes_through() -> None:
    def call() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        time_calls(call)
    assert gc.isenabled()
