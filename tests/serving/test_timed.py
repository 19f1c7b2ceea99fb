"""Phases put together from timings of their pieces, against sums by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runs.examples import ENVIRONMENT, run_of
from tests.serving.toys import device, load, model, with_decoder
from vlcalc.core.errors import InputError
from vlcalc.core.units import parse_size
from vlcalc.inference.blocks.block import PHASES
from vlcalc.inference.inference import infer
from vlcalc.inference.pieces import conditions_of, pieces
from vlcalc.inference.plan import make_plan
from vlcalc.inference.quantisation import QUANTISATIONS
from vlcalc.inference.tables import phase_table
from vlcalc.measurement.components import component_cases
from vlcalc.measurement.targets import Choices
from vlcalc.runs.run import Measured, Run
from vlcalc.serving.latency import serve, speed
from vlcalc.serving.timed import Timed, timed
from vlcalc.serving.timed_tables import timed_document, timed_table, with_timed_phases
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.schema import ModelSpec

SPEC = with_decoder()
LOAD = load(output_tokens=11)
SECONDS = {
    "clip-vit-l-14-336 1 x 24x24": 0.5,
    "fusion.mlp": 0.25,
    "language.embedding prefill": 0.125,
    "language.layers[0] prefill": 2.0,
    "language.head prefill": 0.0625,
    "language.embedding decode": 0.001,
    "language.layers[0] decode": 0.02,
    "language.head decode": 0.003,
    "language prefill": 8.5,
}
NAMES = [
    "llava-1.5-7b", "qwen2.5-vl-7b", "llava-next", "llama-3.2-11b-vision-instruct",
    "blip2-flan-t5-xl", "gemma3-4b", "aria",
]  # fmt: skip


def rows(seconds: dict[str, float] | None = None, **changed: Any) -> list[Measured]:
    plan = make_plan(SPEC, LOAD)
    conditions = conditions_of(SPEC, LOAD, plan).model_copy(update=changed)
    return [
        Measured(target=name, kind="component", conditions=conditions, median_s=each)
        for name, each in (SECONDS if seconds is None else seconds).items()
    ]


def saved(*without: str) -> Run:
    return run_of(*(row for row in rows() if row.target not in without))


def here() -> DeviceSpec:
    """Return a device that is the one that was timed."""
    found = device(flops_per_s=1e12, bandwidth=1e11)
    return found.model_copy(update={"reported_as": (ENVIRONMENT.device_name,)})


def latencies(found: Timed) -> list[float | None]:
    return [phase.latency_s for phase in found.phases]


def sources(found: Timed) -> list[str | None]:
    table = with_timed_phases(phase_table(infer(SPEC, LOAD, traced=False)), found)
    at = [column.key for column in table.columns].index("latency_source")
    return [row[at] for row in table.rows]


def test_phases_are_the_sums_of_their_pieces() -> None:
    found = timed(SPEC, LOAD, saved())
    step = 0.001 + 4 * 0.02 + 0.003
    assert latencies(found) == pytest.approx([0.5, 0.25, 0.125 + 8.5, 10 * step])
    assert found.time_to_first_token_s == pytest.approx(0.5 + 0.25 + 8.625)
    assert found.time_per_output_token_s == pytest.approx(step)
    assert found.images_per_s == pytest.approx(2)
    measured = ["measured", "measured", "measured", "measured x 4", "measured"]
    assert sources(found) == measured
    assert all(phase.bound is None for phase in found.phases)


def test_without_the_whole_model_a_layer_counts_as_often_as_there_are_layers() -> None:
    found = timed(SPEC, LOAD, saved("language prefill"))
    assert found.phase("prefill").latency_s == pytest.approx(0.125 + 4 * 2.0 + 0.0625)
    assert sources(found)[2:] == ["measured x 4", "measured x 4", "measured"]


def test_what_was_not_timed_is_not_known() -> None:
    found = timed(SPEC, LOAD, saved("fusion.mlp", "language.head decode"))
    assert latencies(found)[1] is None
    assert latencies(found)[3] is None
    assert found.total_s is None
    assert sources(found) == ["measured", None, "measured", None, None]
    notes = " ".join(timed_table(found).notes)
    assert "Not timed: fusion.mlp, language.head decode; with `--device` it is predicted." in notes


def test_on_a_device_the_rest_is_as_predicted_and_says_so() -> None:
    run, predicted = saved("fusion.mlp", "language.head decode"), speed(serve(SPEC, LOAD), here())
    found = timed(SPEC, LOAD, run, here())
    assert found.phase("fuse") == predicted.phase("fuse")
    assert found.phase("fuse").bound
    head = next(part for part in found.parts["decode"] or () if "head" in part.name)
    assert head.source == "modelled"
    assert head.num_runs == 10
    assert 0 < (head.latency_s or 0) < (predicted.phase("decode").latency_s or 0)
    step = 0.001 + 4 * 0.02
    assert latencies(found)[3] == pytest.approx(10 * step + (head.latency_s or 0))
    assert sources(found) == [
        "measured", "modelled", "measured", "measured x 4 + modelled", "measured + modelled"
    ]  # fmt: skip


@pytest.mark.parametrize("whole", [False, True])
def test_pieces_that_are_all_predicted_are_what_is_predicted_of_phases(whole: bool) -> None:
    other = {"clip-vit-l-14-336 1 x 24x24": 0.5, **({"language prefill": 1.0} if whole else {})}
    found = timed(SPEC, LOAD, run_of(*rows(other)), here())
    predicted = speed(serve(SPEC, LOAD), here())
    for phase in ("fuse", "decode"):
        parts = [part.latency_s or 0 for part in found.parts[phase] or ()]
        assert sum(parts) == pytest.approx(predicted.phase(phase).latency_s)


@pytest.mark.parametrize("name", NAMES)
def test_every_piece_is_a_case_of_the_bench(name: str) -> None:
    spec = model(name)
    cases = component_cases(spec, Choices())
    asked = load(dtype="float32", image=parse_size(cases[0].conditions.image))
    plan = make_plan(spec, asked)
    assert {case.conditions for case in cases} == {conditions_of(spec, asked, plan)}
    named = {
        piece.name
        for whole in (False, True)
        for found in pieces(
            plan, whole_prefill=whole and spec.language.decoder is not None
        ).values()
        for piece in found or ()
    }
    assert named == {case.target for case in cases}
    assert len(cases) == len(named)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("whole", [False, True])
def test_pieces_have_every_block_once(name: str, whole: bool) -> None:
    plan = make_plan(model(name), load(image=parse_size("700x500")))
    for phase, cost in zip(PHASES, infer(plan.spec, plan.load, traced=False).phases, strict=True):
        found = pieces(plan, whole_prefill=whole)[phase] or ()
        blocks = [at for piece in found for at in piece.blocks]
        assert len(set(blocks)) == len(blocks)
        known = [piece.num_runs * piece.flops for piece in found if piece.flops is not None]
        if phase == "fuse" or (phase == "prefill" and not whole):
            assert sum(known) == cost.flops


def test_of_a_run_of_many_conditions_those_of_the_load_are_taken() -> None:
    slow = {name: 10 * each for name, each in SECONDS.items()}
    run = run_of(*rows(slow, dtype="float32"), *rows(), *rows(slow, batch_size=8))
    assert latencies(timed(SPEC, LOAD, run)) == latencies(timed(SPEC, LOAD, saved()))


def test_a_component_that_failed_says_why() -> None:
    row = rows({"language prefill": 1.0})[0].model_copy(
        update={"median_s": None, "error": "out of memory"}
    )
    run = run_of(*rows({"fusion.mlp": 0.25}), row)
    notes = timed_table(timed(SPEC, LOAD, run)).notes
    assert "language prefill was not timed: out of memory" in notes


def test_machines_get_every_part() -> None:
    found = timed_document(timed(SPEC, LOAD, saved()))
    assert json.loads(json.dumps(found))["environment"]["threads"] == 1
    assert (found["device"], found["predicted_on"]) == ("Some CPU", None)
    decode = found["phases"][3]
    assert [part["num_runs"] for part in decode["parts"]] == [10, 40, 10]
    assert sum(part["latency_s"] for part in decode["parts"]) == pytest.approx(decode["latency_s"])
    assert found["total_s"] == pytest.approx(sum(each["latency_s"] for each in found["phases"]))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"dtype": "float32"}, "batch 1, bfloat16, got llava-1.5-7b .*batch 1, float32"),
        ({"batch_size": 2}, "batch 1, bfloat16, got .*batch 2, bfloat16"),
        ({"text_tokens": 9}, "50 text tokens.*9 text tokens"),
        ({"image": "672x672"}, "on 336x336.*on 672x672"),
        ({"num_views": 5}, "24x24 patches.*5 x 24x24 patches"),
        ({"model": "llava-1.5-13b"}, r"llava-1.5-7b \(.*got llava-1.5-13b \("),
        ({"vision": "siglip"}, r"\(clip-vit-l-14-336, .*got .*\(siglip, "),
    ],
)
def test_a_run_of_other_conditions_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=f"--measured F: expected a run of .*{words}"):
        timed(SPEC, LOAD, run_of(*rows(**changed)), where="--measured F")


def test_a_run_of_methods_or_of_nothing_is_refused() -> None:
    method = rows()[0].model_copy(update={"kind": "method"})
    with pytest.raises(InputError, match="got fusion methods alone"):
        timed(SPEC, LOAD, run_of(method))
    with pytest.raises(InputError, match="got one without rows"):
        timed(SPEC, LOAD, run_of())
    failed = rows()[0].model_copy(update={"median_s": None, "error": "out of memory"})
    with pytest.raises(InputError, match="got clip-vit-l-14-336 1 x 24x24: out of memory"):
        timed(SPEC, LOAD, run_of(failed))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"num_images": 2}, "one image in a prompt, as `vlcalc bench` has, got 2 images"),
        ({"logits": "all"}, "logits of the last position.*got those of all"),
        ({"quantisation": QUANTISATIONS["int8"]}, "got quantised ones"),
        ({"kv_dtype": "float8"}, "a cache as wide as the rest.*got float8"),
    ],
)
def test_a_load_that_no_run_has_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        timed(SPEC, load(**changed), saved())


def test_a_model_that_has_changed_since_is_refused() -> None:
    changed: ModelSpec = with_decoder(ffn_width=4096)
    row = rows({"language.layers[0] prefill": 1.0})[0].model_copy(update={"flops": 7})
    with pytest.raises(InputError, match=r"FLOPs in language.layers\[0\] prefill.*got 7; measure"):
        timed(changed, LOAD, run_of(row))


def test_another_device_is_refused() -> None:
    with pytest.raises(InputError, match="a run on `toy`, which `--device` predicts on, got Some"):
        timed(SPEC, LOAD, saved(), device())
