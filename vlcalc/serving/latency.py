"""How fast a device serves a load: seconds of each phase, to the first token, of each token.

Operators run one after another; each takes what the roofline of the device, or its calibration,
says (`vlcalc.cost.roofline`). Between devices, what they tell each other comes on top: nothing is
hidden behind computing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from vlcalc.core.known import sum_known
from vlcalc.inference.blocks.block import Phase
from vlcalc.inference.costs import PassCost
from vlcalc.inference.inference import Inference, infer
from vlcalc.inference.load import Load
from vlcalc.serving.parallel import Message, message_s, messages, shard
from vlcalc.serving.times import PhaseLatency, Times
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.schema import ModelSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A load on devices of any kind: what each of them runs, and what they tell each other.

    Attributes:
        inference: what each of them does for its part of the model, operator by operator.
        tp: devices.
        prefill_messages: of the prompt.
        step_messages: of each decoded token.
    """

    inference: Inference
    tp: int
    prefill_messages: tuple[Message, ...]
    step_messages: tuple[Message, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed(Times):
    """How fast devices serve a load; None is unknown.

    Attributes:
        device: one of the devices.
        tp: how many there are.
        last_step_s: of the last token, whose context is the longest; None where none is decoded.
        step_communication_s: of it between devices.
        source: `modelled` from the device's peaks, `calibrated` from rates measured on it.
    """

    device: DeviceSpec
    tp: int
    last_step_s: float | None
    step_communication_s: float | None
    source: Literal["modelled", "calibrated"]


def serve(spec: ModelSpec, load: Load, *, tp: int = 1) -> Served:
    """Trace what each of `tp` devices runs; needs torch.

    Raises:
        InputError: the model cannot be split like this, or prompt and answer exceed the window.
        RefusedError: the model's processor refuses such an image.
    """
    return with_messages(infer(shard(spec, tp), load), tp)


def with_messages(inference: Inference, tp: int) -> Served:
    """Return what devices run, with what they tell each other.

    Args:
        inference: traced, of one device's part of the model.
        tp: devices.
    """
    plan = inference.plan
    length = plan.sequence_length
    num_logits = {"last": 1, "all": length, "none": 0}[plan.load.logits]
    return Served(
        inference=inference,
        tp=tp,
        prefill_messages=tuple(messages(plan, tp, length, num_logits)),
        step_messages=tuple(messages(plan, tp, 1, 1)),
    )


def speed(served: Served, device: DeviceSpec) -> Speed:
    """Predict how fast devices of one kind serve a load."""
    plan = served.inference.plan
    load, num_decoded = plan.load, plan.num_decoded
    step_messages = [
        message._replace(number=message.number * num_decoded) for message in served.step_messages
    ]
    messages_of: dict[Phase, Sequence[Message]] = {
        "prefill": served.prefill_messages,
        "decode": step_messages,
    }
    phases = [
        _phase(cost.phase, cost.passes, messages_of.get(cost.phase, ()), served, device)
        for cost in served.inference.phases
    ]
    calibration = device.calibration
    calibrated = calibration is not None and load.dtype in calibration.rates
    return Speed(
        device=device,
        tp=served.tp,
        load=load,
        num_decoded=num_decoded,
        phases=tuple(phases),
        last_step_s=_last_step_s(served, device),
        step_communication_s=_communication_s(served.step_messages, served, device),
        source="calibrated" if calibrated else "modelled",
    )


def _last_step_s(served: Served, device: DeviceSpec) -> float | None:
    if not served.inference.plan.num_decoded:
        return None
    passes = served.inference.phase("decode").passes
    if not passes:
        return None
    last = replace(passes[-1], num_runs=Fraction(1))
    return _phase("decode", (last,), served.step_messages, served, device).latency_s


def _phase(
    phase: Phase,
    passes: Sequence[PassCost] | None,
    sent: Sequence[Message],
    served: Served,
    device: DeviceSpec,
) -> PhaseLatency:
    from vlcalc.cost.roofline import predict_operators

    if passes is None:
        return PhaseLatency(phase=phase)
    dtype = served.inference.plan.load.dtype
    predicted = [
        (
            float(passed.num_runs) * cost.block.num_repeats,
            predict_operators(cost.operators, device, dtype=dtype),
        )
        for passed in passes
        for cost in passed.blocks
    ]
    communication_s = _communication_s(sent, served, device)
    latency_s = sum_known(one.latency_s and number * one.latency_s for number, one in predicted)
    if latency_s is None or communication_s is None:
        return PhaseLatency(phase=phase, communication_s=communication_s)
    return PhaseLatency(
        phase=phase,
        latency_s=latency_s + communication_s,
        compute_s=sum(number * (one.compute_s or 0.0) for number, one in predicted),
        memory_s=sum(number * (one.memory_s or 0.0) for number, one in predicted),
        overhead_s=sum(number * one.overhead_s for number, one in predicted),
        communication_s=communication_s,
    )


def _communication_s(sent: Sequence[Message], served: Served, device: DeviceSpec) -> float | None:
    return sum_known(message_s(message, device, served.tp) for message in sent)
