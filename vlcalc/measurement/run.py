"""Time cases one after another beside what is predicted of them; what fails is a row too."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from vlcalc.core.errors import InputError, RefusedError, VlcalcError, near_miss
from vlcalc.core.units import format_bytes, format_seconds
from vlcalc.cost.memory import dtype_named
from vlcalc.cost.meta import tensor_bytes, weights_of
from vlcalc.cost.trace import Trace, trace_operators
from vlcalc.measurement.environment import Device
from vlcalc.measurement.harness import time_calls
from vlcalc.measurement.memory import allocated_bytes, free_bytes, run_peak_bytes
from vlcalc.measurement.prediction import Predictor
from vlcalc.measurement.targets import Case
from vlcalc.measurement.weights import input_sets, num_input_sets, placed_module
from vlcalc.runs.run import Measured

SDPA = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}
# All cases together are to end in five minutes.
WHOLE_S = 240.0
# What is run of a case: warm, for its memory, timed; and how much more than its share of the time
# that is left one may take, as most take far less.
RUNS_OF_A_CASE = 6
LENIENCY = 4.0
# The rest is for what the prediction does not see, and for other programs.
USABLE_SHARE = 0.9
MAX_REASON = 200
# Operators of torch 2.13 that give wrong values on a CPU in 16 bits, or end the process.
BROKEN_IN_16_BITS = {"grid_sampler_2d"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How cases are timed.

    Attributes:
        device: `cpu`, `cuda` or `mps`.
        min_time_s: what the timed blocks of a case last together at least.
        longest_run_s: cases of which one run is expected to last longer are left out; by default
            what lets all cases end in five minutes.
        compiled: whether modules go through `torch.compile`.
        attention: `flash`, `efficient`, `math`, `cudnn`; None leaves it to torch.
    """

    device: Device = "cpu"
    min_time_s: float = 0.2
    longest_run_s: float | None = None
    compiled: bool = False
    attention: str | None = None


def check_attention(name: str | None) -> None:
    """Refuse a backend that torch cannot be told to use.

    Raises:
        InputError: there is no such backend.
    """
    if name is not None and name not in SDPA:
        known = ", ".join(f"`{each}`" for each in SDPA)
        raise InputError(
            expected=f"one of {known}", got=f"`{name}`", where="--sdpa", hint=near_miss(name, SDPA)
        )


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Let torch use a number of threads of the CPU while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_cases(cases: Sequence[Case], options: Options, predictor: Predictor) -> Iterator[Measured]:
    """Yield a row for each case, in order, as soon as it is there.

    A case that does not go with its conditions, cannot be held, would last too long or fails on
    the device is a row with the reason.
    """
    end = time.monotonic() + WHOLE_S
    gc.freeze()  # what is there already need not be looked through after each case
    try:
        for number, case in enumerate(cases):
            left_s = (end - time.monotonic()) / (len(cases) - number)
            longest_s = options.longest_run_s or max(0.0, LENIENCY * left_s / RUNS_OF_A_CASE)
            yield _row(case, options, predictor, longest_s)
            _let_go(options)
    finally:
        gc.unfreeze()


def _row(case: Case, options: Options, predictor: Predictor, longest_s: float) -> Measured:
    row = Measured(target=case.target, kind=case.kind, conditions=case.conditions)
    try:
        case.check()
        trace = _trace(case, predictor)
        _check_operators(trace, case, options)
        row = _predicted(row, case, predictor, trace)
        refusal = _refusal(row, case, options, predictor, longest_s)
        return _with(row, error=refusal) if refusal else _timed(row, case, options)
    except VlcalcError as error:
        return _with(row, error=str(error))
    except (RuntimeError, MemoryError) as error:  # out of memory; no kernel for the dtype
        return _with(row, error=_reason(error))


def _with(row: Measured, **changes: Any) -> Measured:
    return row.model_copy(update=changes)


def _predicted(row: Measured, case: Case, predictor: Predictor, trace: Trace) -> Measured:
    """Return the row with what is known of the case before it runs."""
    predicted_s, source = predictor.latency(trace, case.conditions.dtype)
    return _with(
        row,
        flops=trace.flops,
        moved_bytes=trace.moved_bytes,
        predicted_s=predicted_s,
        prediction=source,
        predicted_activation_bytes=trace.memory.peak_activation_bytes,
        predicted_held_bytes=trace.memory.weight_bytes + trace.memory.input_bytes,
        peak_flops_per_s=predictor.peak_flops_per_s(case.conditions.dtype),
        peak_bytes_per_s=predictor.peak_bytes_per_s,
    )


def _trace(case: Case, predictor: Predictor) -> Trace:
    return trace_operators(
        case.build_module("meta"),
        case.build_inputs("meta"),
        attention=predictor.attention(case.conditions.dtype),
        dtype=dtype_named(case.conditions.dtype),
    )


def _check_operators(trace: Trace, case: Case, options: Options) -> None:
    """Refuse a case whose operators a CPU cannot be trusted with."""
    names = {each.name for each in trace.operators} & BROKEN_IN_16_BITS
    if names and options.device == "cpu" and case.conditions.dtype != "float32":
        raise RefusedError(f"torch's `{min(names)}` gives wrong values in 16 bits on a CPU")


def _refusal(
    row: Measured, case: Case, options: Options, predictor: Predictor, longest_s: float
) -> str:
    """Return why the case is not even tried; "" where it is."""
    free = free_bytes(options.device)
    inputs = case.build_inputs("meta")
    needed = (row.predicted_bytes or 0) + num_input_sets(inputs) * tensor_bytes(inputs)
    if free is not None and needed > USABLE_SHARE * free:
        return f"needs {format_bytes(needed)}, {format_bytes(free)} are free"
    expected_s = row.predicted_s or predictor.rough_s(row.flops or 0, case.conditions.dtype)
    if expected_s > longest_s:
        return (
            f"one run would last about {format_seconds(expected_s)}, longer than "
            f"{format_seconds(longest_s)}; `--max-run` sets how long it may"
        )
    return ""


def _timed(row: Measured, case: Case, options: Options) -> Measured:
    """Return the row with the case's time and memory on the device."""
    device, dtype = options.device, dtype_named(case.conditions.dtype)
    before = allocated_bytes(device)
    module = placed_module(case.build_module, device, dtype)
    sets = input_sets(case.build_inputs, device, dtype)
    first = next(sets)
    held = _held_bytes(module, first, device, before)
    call = torch.compile(module) if options.compiled else module
    with _attention(options.attention):
        with torch.inference_mode():
            call(*first)
        peak = run_peak_bytes(call, first, device)
        timing = time_calls(
            call, [first, *sets], device=device, min_time_s=options.min_time_s, warmups=0
        )
    return _with(
        row,
        median_s=timing.median_s,
        iqr_s=timing.iqr_s,
        min_s=timing.min_s,
        num_runs=timing.num_runs,
        peak_activation_bytes=peak,
        held_bytes=held,
    )


def _attention(name: str | None) -> AbstractContextManager[Any]:
    return sdpa_kernel(SDPA[name]) if name else nullcontext()


def _held_bytes(
    module: nn.Module, inputs: tuple[torch.Tensor, ...], device: str, before: int | None
) -> int:
    """Return weights and inputs as the allocator holds them, else by their sizes."""
    after = allocated_bytes(device)
    if before is None or after is None:
        return tensor_bytes((*weights_of(module), *inputs))
    return after - before


def _reason(error: BaseException) -> str:
    """Return the first line of what torch says, in the form of our own errors."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate" in str(error):
        return "out of memory"
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:MAX_REASON]


def _let_go(options: Options) -> None:
    """Free what a case left: modules can hold themselves in circles, compiled ones are kept."""
    if options.compiled:
        torch.compiler.reset()
    gc.collect()
    with suppress(RuntimeError):  # a device that broke down says so in each row after
        if options.device == "cuda":
            torch.cuda.empty_cache()
        if options.device == "mps":
            torch.mps.empty_cache()
