"""A request without an image, of every kind of model: inspected, timed and fitted alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import vlcalc

pytest.importorskip("fvcore")

# In the sequence, encoder-decoder, cross-attending (two ways), late, without an encoder.
KINDS = (
    *("llava-1.5-7b", "blip2-flan-t5-xl", "llama-3.2-11b-vision-instruct"),
    *("blip-image-captioning-base", "clip-vit-l-14", "fuyu-8b"),
)
Run = Callable[..., Any]


@pytest.mark.parametrize("name", KINDS)
def test_every_function_takes_text_alone(name: str) -> None:
    costs = vlcalc.analyze(name, num_images=0, text_tokens=40)
    assert [(cost.flops, cost.peak_activation_bytes) for cost in costs.phases[:2]] == [(0, 0)] * 2
    assert costs == vlcalc.inspect(name, num_images=0, text_tokens=40).inference
    assert costs.plan.sequence_length == 40
    times = vlcalc.predict(name, "h100-sxm", num_images=0, text_tokens=40)
    assert [phase.latency_s for phase in times.phases[:2]] == [0, 0]
    assert (times.images_per_s, times.encodes) == (None, False)
    on_device = vlcalc.fit(name, "h100-sxm", num_images=0, text_tokens=40)
    assert on_device.fits
    assert on_device.layout.inference == costs
    assert vlcalc.find_devices(name, num_images=0, text_tokens=40).holders


@pytest.mark.parametrize("name", KINDS[:5])
def test_an_image_only_adds(name: str) -> None:
    text, seen = (vlcalc.analyze(name, num_images=number, text_tokens=40) for number in (0, 1))
    assert text.params == seen.params
    assert text.weights == seen.weights
    for without, beside in zip(text.phases, seen.phases, strict=True):
        assert (without.flops or 0) <= (beside.flops or 0)
    assert (text.flops or 0) < (seen.flops or 0)
    assert text.cache
    assert seen.cache
    assert text.cache.total <= seen.cache.total


@pytest.mark.parametrize("name", KINDS)
def test_the_commands_take_text_alone(run: Run, name: str) -> None:
    asked = (name, "--images", "0", "--text", "40", "--device", "h100-sxm")
    for command in ("inspect", "fit"):
        ran = run(command, *asked)
        assert ran.code == 0, ran.err
        assert "no image" in ran.out
        assert "images encoded per second" not in ran.out
    written = json.loads(run("inspect", *asked, "-f", "json").out)
    assert written["request"]["num_images"] == 0
    assert written["tokens"]["sequence_length"] == 40
    assert (written["tokens"]["image_tokens"], written["tokens"]["context_tokens"]) == (0, 0)
