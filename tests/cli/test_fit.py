"""`vlcalc fit` and `vlcalc inspect --device`: what is shown, exit codes, what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fvcore")

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_own_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "vlcalc" / "devices"


def test_what_fits_is_shown_with_exit_code_0(run: Run) -> None:
    ran = run("fit", "llava-1.5-7b", "--device", "a100")
    assert (ran.code, ran.err) == (0, "")
    for words in ("llava-1.5-7b on NVIDIA A100 SXM 80 GB", "12.55 GiB", "376.50 MiB", "8.12 MiB",
                  "kept free (10 %)", "prompts in a batch", "126   memory", "4,096   context",
                  "time to first token", "tokens per second", "80 % of 312 TFLOP/s"):  # fmt: skip
        assert words in ran.out, words


def test_what_does_not_fit_is_shown_too_with_exit_code_1(run: Run) -> None:
    ran = run("fit", "llava-1.5-7b", "--device", "t4")
    assert ran.code == 1
    assert ran.err == (
        "error: expected at most 13.41 GiB for llava-1.5-7b on `t4`, got 13.59 GiB; "
        "it fits with `--tp 2` or `--quant int8`\n"
    )
    assert "missing" in ran.out
    assert "`t4` has no units for `bfloat16`" in ran.out


def test_less_may_be_kept_free(run: Run) -> None:
    assert run("fit", "llava-1.5-7b", "--device", "t4", "--reserve", "0.05").code == 0


def test_what_cannot_fit_on_any_number_of_them(run: Run) -> None:
    ran = run("fit", "llama-3.2-90b-vision-instruct", "--device", "a10")
    assert ran.code == 1
    assert ran.err.endswith("; `vlcalc fit llama-3.2-90b-vision-instruct` lists larger devices\n")
    assert len(ran.err.splitlines()) == 1


def test_machines_get_the_whole_and_its_parts_add_up(run: Run) -> None:
    args = ("fit", "llava-1.5-7b", "--device", "h100", "--tp", "2")
    found = json.loads(run(*args, "-f", "json").out)
    memory = found["memory"]
    parts = memory["weight_bytes"]["total"] + memory["kv_cache_bytes"]["total"]
    parts += memory["peak_activation_bytes"] + memory["workspace_bytes"]
    assert parts == memory["used_bytes"]
    assert parts + memory["reserve_bytes"] + memory["left_bytes"] == memory["memory_bytes"]
    assert (found["fits"], memory["tp"], found["speed"]["tp"]) == (True, 2, 2)
    phases = found["speed"]["phases"]
    assert sum(each["latency_s"] for each in phases) == pytest.approx(found["speed"]["total_s"])
    assert found["limits"]["images"] == {"value": 6, "bound": "context window"}
    rows = dict(list(csv.reader(io.StringIO(run(*args, "-f", "csv").out)))[1:])
    assert int(rows["memory.left_bytes"]) == memory["left_bytes"]
    assert float(rows["speed.phases.prefill.latency_s"]) == phases[2]["latency_s"]
    assert rows["limits.batch.bound"] == "memory"


def test_devices_that_hold_a_request(run: Run) -> None:
    ran = run("fit", "qwen2.5-vl-7b", "--image", "1024x1024", "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    rows = json.loads(ran.out)["rows"]
    by_name = {row["device"]: row for row in rows}
    assert by_name["a100-80gb-sxm"]["tp"] == 1
    assert by_name["t4"]["tp"] == 2
    assert by_name["t4"]["tokens_per_s"] is None
    assert "jetson-orin-nano-super-8gb" not in by_name
    assert [row["tp"] for row in rows] == sorted(row["tp"] for row in rows)


def test_no_device_holds_it(run: Run) -> None:
    ran = run("fit", "llava-1.5-7b", "--batch", "100000")
    assert ran.code == 1
    assert ran.err.startswith("error: expected a request that a device of the list holds, got none")


def test_an_own_device_is_among_them(run: Run, no_own_devices: Path) -> None:
    no_own_devices.mkdir(parents=True)
    text = "name: my-card\nkind: gpu\nmemory_bytes: 48_000_000_000\n"
    (no_own_devices / "my-card.yaml").write_text(text, encoding="utf-8")
    rows = json.loads(run("fit", "llava-1.5-7b", "-f", "json").out)["rows"]
    (mine,) = [row for row in rows if row["device"] == "my-card"]
    assert (mine["tp"], mine["time_to_first_token_s"]) == (1, None)
    out = run("fit", "llava-1.5-7b", "--device", "my-card").out
    assert "`my-card` has no known peak in `bfloat16`" in out
    assert "The bandwidth of `my-card` is not known" in out


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("llava-1.5-7b", "--device", "a10o"), 1, "expected the name of a device"),
        (("llava-1.5-7b", "--tp", "2"), 1, "--tp: expected `--device NAME` beside it, got `2`"),
        (("qwen2.5-vl-7b", "--device", "a100", "--tp", "3"), 1, "divides 28 heads, got 3"),
        (("llava-1.5-7b", "--device", "a100", "--tp", "0"), 2, "greater than or equal to 1"),
        (("llava-1.5-7b", "--device", "a100", "--reserve", "3"), 1, "--reserve: expected a share"),
        (("llava-1.5-7b", "--device", "a100", "--text", "9000"), 1, "the context window of llava"),
        (("llava-1.5-7b", "--device", "a100", "--dtype", "fp7"), 1, "--dtype: expected a dtype"),
        (("gpt-4o", "--device", "a100"), 1, "expected a model whose architecture is known"),
        (("no-such-model",), 1, "got `no-such-model`"),
        (("fastvlm-7b", "--device", "a100"), 1, "of which the activations are not"),
        (("llava-1.5-13b", "--device", "a100", "--tp", "8", "--quant", "int4"), 1, "groups of 128"),
    ],
)
def test_what_is_refused(run: Run, args: tuple[str, ...], code: int, message: str) -> None:
    ran = run("fit", *args)
    assert ran.code == code
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_device_file_without_memory_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nkind: gpu\n", encoding="utf-8")
    ran = run("fit", "llava-1.5-7b", "--device", str(path))
    assert ran.code == 1
    assert "expected a device whose memory is known, got `mine`" in ran.err


def test_inspect_predicts_each_phase(run: Run) -> None:
    args = ("inspect", "llava-1.5-7b", "--device", "h100-sxm")
    out = run(*args).out
    for words in ("latency", "bound by", "NVIDIA H100 SXM, modelled", "time to first token"):
        assert words in out, words
    assert "communication" not in out
    found = json.loads(run(*args, "-f", "json").out)["speed"]
    rows = list(csv.DictReader(io.StringIO(run(*args, "-f", "csv").out)))
    assert [float(row["latency_s"]) for row in rows] == [
        *(each["latency_s"] for each in found["phases"]),
        found["total_s"],
    ]
    assert [row["bound"] for row in rows[:4]] == [each["bound"] for each in found["phases"]]


def test_inspect_predicts_for_several_devices(run: Run) -> None:
    args = ("inspect", "llava-1.5-7b", "--device", "h100-sxm", "--tp", "4")
    out = run(*args).out
    for words in (
        "4 x NVIDIA H100 SXM",
        "of it communication",
        "a ring of NVLink4, 80 % of 450 GB/s",
    ):
        assert words in out, words
    plain = json.loads(run("inspect", "llava-1.5-7b", "-f", "json").out)
    found = json.loads(run(*args, "-f", "json").out)
    assert "speed" not in plain
    assert found["phases"] == plain["phases"]  # of the whole model, however many devices


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("llava-1.5-7b", "--tp", "2"), "--tp: expected `--device NAME` beside it, got `2`"),
        (("llava-1.5-7b", "--device", "h10"), "--device: expected the name of a device"),
        (("fusion:mlp", "--device", "h100"), "--device: expected an option of fusion methods"),
        (("llava-1.5-7b", "--device", "h100", "--tp", "5"), "divides 32 heads, got 5"),
    ],
)
def test_what_inspect_refuses(run: Run, args: tuple[str, ...], message: str) -> None:
    ran = run("inspect", *args)
    assert ran.code == 1
    assert message in ran.err
