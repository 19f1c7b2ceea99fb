"""Seconds of each phase against closed forms: FLOPs over peak, bytes over bandwidth, starts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest

from tests.serving.toys import device, load, model, with_decoder
from vlcalc.core.dtypes import DTYPE_BYTES
from vlcalc.cost.roofline import LEAST_RIDGE
from vlcalc.inference.blocks.block import PHASES
from vlcalc.inference.inference import infer
from vlcalc.inference.quantisation import QUANTISATIONS
from vlcalc.serving.latency import serve, speed
from vlcalc.serving.notes import speed_notes
from vlcalc.spec.calibration import Calibration, RateTable
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.devices import shipped_devices

MODELS = ["llava-1.5-7b", "qwen2.5-vl-7b", "llama-3.2-11b-vision-instruct", "aria",
          "blip2-flan-t5-xl"]  # fmt: skip


def shipped(name: str) -> DeviceSpec:
    return next(each for each in shipped_devices() if each.name == name)


@pytest.mark.parametrize("name", MODELS)
def test_where_flops_bind_a_phase_takes_its_flops_at_a_share_of_the_peak(name: str) -> None:
    spec, request = model(name), load(batch_size=2)
    found = speed(serve(spec, request), device(flops_per_s=1e12, share=0.5))
    costs = infer(spec, request, traced=False).phases
    for phase, cost in zip(found.phases, costs, strict=True):
        assert cost.flops is not None
        assert phase.latency_s == pytest.approx(cost.flops / 0.5e12, rel=1e-9)
        assert phase.bound == ("compute" if cost.flops else phase.bound)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        *((name, {}) for name in MODELS),
        ("llama-3.2-11b-vision-instruct", {"quantisation": QUANTISATIONS["int8"]}),
        ("aria", {"quantisation": QUANTISATIONS["int4"], "kv_dtype": "float8"}),
        ("blip2-flan-t5-xl", {"kv_dtype": "int8"}),
        ("qwen2.5-vl-7b", {"kv_dtype": "float32"}),
    ],
)
def test_where_bandwidth_binds_a_phase_takes_the_bytes_that_inspect_counts(
    name: str, changed: dict[str, object]
) -> None:
    spec, request = model(name), load(**changed)
    found = speed(serve(spec, request), device(bandwidth=1e9, share=0.8))
    for phase, cost in zip(found.phases, infer(spec, request).phases, strict=True):
        assert cost.moved_bytes is not None
        assert phase.latency_s == pytest.approx(cost.moved_bytes / 0.8e9, rel=1e-9)


def test_where_starts_bind_a_token_takes_one_for_each_operator() -> None:
    served = serve(with_decoder(), load())
    passes = served.inference.phase("decode").passes
    assert passes
    number = sum(cost.block.num_repeats * len(cost.operators) for cost in passes[-1].blocks)
    found = speed(served, device(operator_s=1.0))
    assert found.last_step_s == pytest.approx(number)
    assert found.time_per_output_token_s == pytest.approx(number)
    assert found.phase("decode").bound == "overhead"


def test_a_token_reads_every_weight_but_the_embedding_and_its_part_of_the_cache() -> None:
    spec = with_decoder(width=2048, ffn_width=8192, num_heads=16, num_kv_heads=16)
    decoder = spec.language.decoder
    assert decoder
    context = 50 + 576 + 127
    parts = decoder.params_by_part()
    weights = 2 * (parts.layers + parts.final_norm + parts.head)
    cache = decoder.kv_cache_bytes(context, dtype_bytes=2)
    read = speed(serve(spec, load()), device(bandwidth=1.0)).last_step_s
    assert read is not None
    assert read > weights + cache
    assert read == pytest.approx(weights + cache, rel=0.005)  # hidden states and logits


def test_llama_2_7b_decodes_on_an_a100_as_fast_as_it_reads_its_weights() -> None:
    spec, a100 = model(), shipped("a100-80gb-sxm")
    found = speed(serve(spec, load(text_tokens=1, output_tokens=2)), a100)
    weights = 2 * (6_738_939_904 - 32_064 * 4096)  # 6.7 B parameters without the embedding
    cache = 2 * 32 * 4096 * 2 * (1 + 576 + 1)
    (step,) = serve(spec, load(output_tokens=2)).inference.phase("decode").passes or ()
    operators = sum(cost.block.num_repeats * len(cost.operators) for cost in step.blocks)
    expected = (weights + cache) / (2039e9 * 0.8) + operators * 3e-6
    assert found.time_per_output_token_s == pytest.approx(expected, rel=0.01)


def test_the_mean_token_lies_between_the_first_and_the_last() -> None:
    spec = with_decoder()
    slow = device(bandwidth=1e9)

    def step_s(text_tokens: int) -> float:
        found = speed(serve(spec, load(text_tokens=text_tokens, output_tokens=2)), slow)
        assert found.last_step_s == found.time_per_output_token_s
        return found.last_step_s or 0.0

    found = speed(serve(spec, load(text_tokens=50, output_tokens=101)), slow)
    first, last = step_s(50), step_s(149)
    assert first < last == pytest.approx(found.last_step_s)
    assert found.time_per_output_token_s == pytest.approx((first + last) / 2)


def test_speed_of_a_batch() -> None:
    found = speed(serve(with_decoder(), load(batch_size=4, num_images=2)), device(bandwidth=1e9))
    mean = found.time_per_output_token_s
    assert mean is not None
    assert found.tokens_per_s == pytest.approx(1 / mean)
    assert found.batch_tokens_per_s == pytest.approx(4 / mean)
    assert found.images_per_s == pytest.approx(8 / (found.phase("encode").latency_s or 0))
    first = sum(found.phase(name).latency_s or 0 for name in PHASES[:3])
    assert found.time_to_first_token_s == pytest.approx(first)
    assert found.total_s == pytest.approx(first + 127 * mean)


def test_a_quantisation_reads_fewer_bytes_and_computes_as_much() -> None:
    plain, packed = load(), load(quantisation=QUANTISATIONS["int4"])
    spec = with_decoder()
    for slow, factor in ((device(flops_per_s=1e12), 1.0), (device(bandwidth=1e9), 0.6)):
        before = speed(serve(spec, plain), slow).time_per_output_token_s
        after = speed(serve(spec, packed), slow).time_per_output_token_s
        assert before
        assert after
        assert after <= factor * before
        assert factor < 1 or after == pytest.approx(before)


@pytest.mark.parametrize(
    "slow",
    [device(bandwidth=None), shipped("t4")],
    ids=["no bandwidth", "t4"],
)
def test_what_is_not_known_is_neither_nothing_nor_infinite(slow: DeviceSpec) -> None:
    found = speed(serve(with_decoder(), load()), slow)
    assert {found.time_to_first_token_s, found.time_per_output_token_s, found.last_step_s} == {None}
    assert {found.tokens_per_s, found.images_per_s, found.total_s} == {None}
    assert all(phase.latency_s is None and phase.bound is None for phase in found.phases)
    notes = " ".join(speed_notes(found))
    assert "not known" in notes or "no time is known" in notes
    assert "Modelled" not in notes


def test_what_bandwidth_binds_on_every_device_needs_no_peak() -> None:
    """A decoded token reads every weight for two FLOPs each: no peak is low enough to matter."""
    known = device(flops_per_s=9 * 1e11, bandwidth=1e11)
    unknown = known.model_copy(update={"flops_per_s": {}})
    found = speed(serve(with_decoder(), load()), unknown)
    with_peak = speed(serve(with_decoder(), load()), known)
    assert found.time_to_first_token_s is None
    assert found.phase("decode") == with_peak.phase("decode")
    assert found.phase("decode").bound == "memory"
    assert found.last_step_s == with_peak.last_step_s
    notes = " ".join(speed_notes(found))
    assert "only what bandwidth binds on every device has a time" in notes
    assert "What encode and fuse and prefill take is not known." in notes
    batch = speed(serve(with_decoder(), load(batch_size=64)), unknown)
    assert batch.time_per_output_token_s is None  # 64 FLOPs a byte may be too many


def test_the_least_ridge_is_below_that_of_every_device() -> None:
    ridges = [
        peak / card.bandwidth_bytes_per_s
        for card in shipped_devices()
        if card.bandwidth_bytes_per_s
        for dtype, peak in card.flops_per_s.items()
        if dtype in DTYPE_BYTES
    ]
    assert min(ridges) > LEAST_RIDGE


def test_one_token_decodes_nothing() -> None:
    found = speed(serve(with_decoder(), load(output_tokens=1)), device(bandwidth=1e9))
    assert found.phase("decode").latency_s == 0
    assert found.tokens_per_s is None
    assert found.last_step_s is None
    assert found.total_s == found.time_to_first_token_s


def test_an_encoder_that_is_not_known_leaves_the_answer_known() -> None:
    found = speed(serve(model("fastvlm-7b"), load()), shipped("h100-sxm"))
    assert found.time_to_first_token_s is None
    assert found.tokens_per_s
    assert "What encode takes is not known." in tuple(speed_notes(found))


def test_each_block_is_traced_once_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirteen blocks, of which stem and head of the answer's two contexts are the same."""
    from vlcalc.cost import trace
    from vlcalc.inference import traces

    real, num_runs, num_blocks = trace.trace_all, 0, 0

    def counted(modules: Sequence[Any], **options: Any) -> list[trace.Trace]:
        nonlocal num_runs, num_blocks
        num_runs, num_blocks = num_runs + 1, num_blocks + len(modules)
        return real(modules, **options)

    monkeypatch.setattr(trace, "trace_all", counted)
    monkeypatch.setattr(traces, "_KEPT", OrderedDict())
    spec = with_decoder(depth=40)
    inference = infer(spec, load())
    passes = [passed for phase in inference.phases for passed in phase.passes or ()]
    assert sum(len(passed.blocks) for passed in passes) == 13
    assert (num_runs, num_blocks) == (4, 11)  # a run for each phase
    served = serve(spec, load())
    speed(served, shipped("h100-sxm"))
    assert served.inference == inference
    assert (num_runs, num_blocks) == (4, 11)


def test_a_calibration_goes_before_the_peaks_and_is_named() -> None:
    table = RateTable(axes=(), rates=(1e9,))
    names = ("addmm", "bmm", "attention", "convolution", "native_layer_norm", "_softmax", "silu",
             "mul", "mean", "avg_pool2d", "embedding", "clone")  # fmt: skip
    calibration = Calibration(
        machine="a box", date="2026-01-31", rates={"bfloat16": dict.fromkeys(names, table)}
    )
    known = device().model_copy(update={"calibration": calibration})
    found = speed(serve(with_decoder(), load()), known)
    assert found.source == "calibrated"
    costs = infer(with_decoder(), load()).phases
    # Every product at 1e9 FLOP/s, all else at 1e9 bytes/s: no less than the FLOPs alone.
    for phase, cost in zip(found.phases, costs, strict=True):
        assert cost.flops is not None
        assert cost.moved_bytes is not None
        assert phase.latency_s is not None
        assert cost.flops < phase.latency_s * 1e9 < cost.flops + cost.moved_bytes
    assert any("a box, 2026-01-31" in note for note in speed_notes(found))
    other = speed(serve(with_decoder(), load(dtype="float16")), known)
    assert other.source == "modelled"
    packed = speed(serve(with_decoder(), load(quantisation=QUANTISATIONS["int8"])), known)
    assert packed.total_s == found.total_s
    assert any("as if they were not quantised" in note for note in speed_notes(packed))


def test_the_share_of_a_run_is_kept_exactly() -> None:
    served = serve(with_decoder(), load(output_tokens=100))
    passes = served.inference.phase("decode").passes
    assert passes
    assert sum(passed.num_runs for passed in passes) == 99
    assert {passed.num_runs for passed in passes} == {Fraction(99, 2)}
