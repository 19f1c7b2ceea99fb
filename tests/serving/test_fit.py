"""Whether a load fits, what would make it fit, and which devices hold it."""

from __future__ import annotations

from dataclasses import replace

import pytest

import vlcalc
from tests.serving.toys import device, load, model
from vlcalc.core.errors import InputError
from vlcalc.inference.inference import infer
from vlcalc.inference.quantisation import QUANTISATIONS
from vlcalc.serving.fit import TPS, can_join, fit_device, holders
from vlcalc.serving.latency import serve, speed
from vlcalc.serving.memory import DEFAULT_RESERVE, lay_out
from vlcalc.serving.parallel import shard
from vlcalc.spec.device import Interconnect
from vlcalc.spec.devices import shipped_devices

DEVICES = {each.name: each for each in shipped_devices()}
A100 = DEVICES["a100-80gb-sxm"]


def test_a_fit_has_memory_limits_and_speed() -> None:
    steps: list[str] = []
    found = fit_device(model(), load(), A100, on_step=steps.append)
    assert found.fits
    assert found.remedies == ()
    assert [limit.name for limit in found.limits] == ["batch", "images", "context"]
    assert found.speed == speed(serve(model(), load()), A100)
    assert steps == ["memory", "speed", "what else fits"]
    batch = found.limits[0].value
    for number, fits in ((batch, True), (batch + 1, False)):  # beside the workspace
        cost = infer(model(), load(batch_size=number))
        assert lay_out(cost, A100, tp=1, reserve=DEFAULT_RESERVE).fits is fits


def test_remedies_really_fit() -> None:
    spec, request = model("qwen2.5-vl-7b"), load(batch_size=80, num_images=2)
    found = fit_device(spec, request, DEVICES["rtx-4090"])
    assert found.fits is False
    assert found.remedies == ("`--tp 2`", "`--quant int8`", "a smaller `--batch`")
    for part, remedied in (
        (shard(spec, 2), request),
        (spec, replace(request, quantisation=QUANTISATIONS["int8"])),
        (spec, replace(request, batch_size=1)),
    ):
        cost = infer(part, remedied)
        assert lay_out(cost, DEVICES["rtx-4090"], tp=1, reserve=DEFAULT_RESERVE).fits


def test_devices_without_a_link_are_not_joined() -> None:
    found = fit_device(model(), load(), DEVICES["jetson-orin-nano-super-8gb"])
    assert found.fits is False
    assert found.remedies == ("`--quant int4`",)
    assert not can_join(device(link=None), 2)
    assert not can_join(device(link=Interconnect(name="none")), 2)
    assert can_join(device(link=None), 1)
    assert can_join(device(link=Interconnect(name="a wire")), 2)


@pytest.mark.parametrize("name", ["qwen2.5-vl-7b", "llama-3.2-90b-vision-instruct"])
def test_devices_that_hold_a_load_are_as_few_as_do(name: str) -> None:
    spec, request = model(name), load()
    found = holders(spec, request, DEVICES.values())
    order = [(each.layout.tp, each.layout.memory_bytes) for each in found]
    assert order == sorted(order)
    held = {each.layout.device.name: each.layout.tp for each in found}
    assert spec.language.decoder is not None
    possible = [tp for tp in TPS if spec.language.decoder.num_kv_heads % tp == 0]
    assert set(held.values()) <= set(possible)
    outcomes = set()
    for tp in possible:
        inference = infer(shard(spec, tp), request)
        for device_name, card in DEVICES.items():
            if can_join(card, tp):
                layout = lay_out(inference, card, tp=tp, reserve=DEFAULT_RESERVE)
                assert layout.fits == (held.get(device_name, 99) <= tp), (device_name, tp)
                outcomes.add(layout.fits)
    assert outcomes == {True, False}


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match=r"got `fastvlm-7b`, of which the activations are not; "):
        holders(model("fastvlm-7b"), load(), DEVICES.values())
    found = fit_device(model("fastvlm-7b"), load(), DEVICES["h100-sxm"])
    assert found.fits is None
    assert found.limits == ()


def test_the_api_asks_by_name() -> None:
    found = vlcalc.fit("llava-1.5-7b", "l4", "336x336", reserve="2GiB", quant="int8", batch_size=2)
    assert found.fits
    assert found.layout.reserve_bytes == 2**31
    assert found.speed.load.batch_size == 2
    predicted = vlcalc.predict("llava-1.5-7b", "l4", (336, 336), quant="int8", batch_size=2)
    assert predicted == found.speed
    with pytest.raises(InputError, match="expected the name of a device"):
        vlcalc.predict("llava-1.5-7b", "no-such-card", (336, 336))
    with pytest.raises(InputError, match="expected a model whose architecture is known"):
        vlcalc.fit("gpt-4o", "l4", (336, 336))
