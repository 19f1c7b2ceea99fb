"""The shipped devices against the facts they are from; loading, errors, names of drivers."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vlcalc.core.errors import InputError, SpecError
from vlcalc.spec import catalogue
from vlcalc.spec.device import SHORT_DTYPES, DeviceSpec
from vlcalc.spec.devices import (
    known_devices,
    load_device,
    shipped_devices,
    user_devices,
    user_folder,
)
from vlcalc.spec.loader import check_file, load_any
from vlcalc.spec.reported_names import match_reported

FACTS = json.loads((Path(__file__).parent.parent / "data/hardware.json").read_text("utf-8"))
DEVICES: dict[str, dict[str, Any]] = {device["id"]: device for device in FACTS["devices"]}
DTYPES = {short: full for full, short in SHORT_DTYPES.items()}
OTHER_KEYS = {
    "fp16_fp16acc": "float16_with_float16_accumulation",
    "fp8_fp16acc": "float8_with_float16_accumulation",
    "fp32_matrix": "float32_matrix_units",
    "dla_int8": "int8_deep_learning_accelerator",
}
FIELD_KEYS = {
    **DTYPES,
    **OTHER_KEYS,
    "memory": "memory_bytes",
    "bandwidth": "bandwidth_bytes_per_s",
    "interconnect": "interconnect",
}
SEGMENTS = {"laptop/desktop": "personal"}
BRIDGE = " (NVLink bridge 600 for pairs)"
GIB = 1 << 30

MINE = """\
name: my-card
kind: gpu
memory_bytes: 48_000_000_000
bandwidth_bytes_per_s: 1e12
flops_per_s:
  bfloat16: 200e12
  int8: 400e12
unsupported: [float8]
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "vlcalc" / "devices"
    folder.mkdir(parents=True)
    return folder


def write(folder: Path, text: str, name: str = "my-card.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def giga(value: float | None) -> Fraction | None:
    return None if value is None else Fraction(str(value)) * 10**9


def tera(peaks: dict[str, float | None], keys: dict[str, str]) -> dict[str, Fraction]:
    return {
        keys[key]: Fraction(str(value)) * 10**12
        for key, value in peaks.items()
        if key in keys and value is not None
    }


def test_every_accelerator_of_the_facts_is_shipped() -> None:
    assert {path.stem for path in catalogue.files("device")} == set(DEVICES)
    assert len(DEVICES) == 36


@pytest.mark.parametrize("name", DEVICES)
def test_every_figure_is_that_of_the_facts(name: str) -> None:
    spec, fact = load_device(name), DEVICES[name]
    peaks, link = fact["peak_dense_TFLOPS"], fact["interconnect"]
    assert spec.vendor == fact["vendor"]
    assert spec.segment == SEGMENTS.get(fact["cls"], fact["cls"])
    assert spec.unified_memory == fact.get("unified_memory", False)
    assert spec.memory_bytes == giga(fact["memory_GB"])
    assert spec.bandwidth_bytes_per_s == giga(fact["bandwidth_GBps"])
    assert spec.interconnect is not None
    assert spec.interconnect.name == link["kind"].removesuffix(BRIDGE)
    assert spec.interconnect.bytes_per_s == giga(link["bidirectional_GBps"])
    assert spec.flops_per_s == tera(peaks, DTYPES)
    assert spec.other_flops_per_s == tera(peaks, OTHER_KEYS)
    assert set(peaks) <= {*DTYPES, *OTHER_KEYS}
    assert set(spec.unsupported) == {DTYPES[key] for key, peak in peaks.items() if peak is None}
    assert Counter(spec.unverified) == Counter(FIELD_KEYS[k] for k in fact["unverified_fields"])


@pytest.mark.parametrize("name", DEVICES)
def test_the_ridge_is_that_of_the_facts(name: str) -> None:
    spec = load_device(name)
    ridge = spec.ridge("bfloat16") or spec.ridge("float16")
    stated = DEVICES[name].get("ridge_flop_per_byte_16bit")
    assert (None if ridge is None else round(ridge, 1)) == stated


@pytest.mark.parametrize("name", DEVICES)
def test_sources_are_written_out(name: str) -> None:
    spec, abbreviations = load_device(name), set(FACTS["sources"])
    # That Apple's sizes of memory are not verified is no source.
    cited = [key for key in DEVICES[name]["sources"] if key != "mem"]
    assert len(spec.sources) == len(cited)
    assert not set(spec.sources) & abbreviations
    assert all(len(source) > 20 for source in spec.sources)
    assert spec.title


def test_no_two_devices_answer_to_one_name() -> None:
    names = Counter(name for entry in catalogue.entries("device") for name in entry.names)
    assert [name for name, number in names.items() if number > 1] == []


def test_a_die_is_half_of_its_module() -> None:
    whole, die = load_device("mi250x"), load_device("mi250x-gcd")
    assert (whole.memory_bytes or 0) == 2 * (die.memory_bytes or 0)
    assert (whole.bandwidth_bytes_per_s or 0) == 2 * (die.bandwidth_bytes_per_s or 0)
    assert whole.flops_per_s == {key: 2 * rate for key, rate in die.flops_per_s.items()}
    assert whole.other_flops_per_s == {k: 2 * rate for k, rate in die.other_flops_per_s.items()}
    assert load_any("mi250x-gcd") == die


def test_an_unknown_peak_is_none_and_needing_it_is_an_error(tmp_path: Path) -> None:
    spec = load_device(str(write(tmp_path, MINE)))
    assert (spec.peak("bfloat16"), spec.peak("float32"), spec.peak("float8")) == (
        200e12,
        None,
        None,
    )
    assert spec.require_peak("int8") == 400e12
    assert (spec.ridge("bfloat16"), spec.ridge("float32")) == (200.0, None)
    with pytest.raises(InputError) as caught:
        spec.require_peak("float32", where="--dtype")
    assert str(caught.value) == (
        "--dtype: expected a device whose peak in `float32` is known, "
        "got `my-card`, which has no such peak; it knows `bfloat16`, `int8`"
    )
    with pytest.raises(InputError, match="`my-card`, which has no units for it"):
        spec.require_peak("float8")
    with pytest.raises(InputError, match="it knows no peak at all"):
        load_device("apple-m5-max-40c").require_peak("float16")


def test_a_ridge_needs_the_bandwidth(tmp_path: Path) -> None:
    spec = load_device(str(write(tmp_path, MINE.replace("bandwidth_bytes_per_s: 1e12\n", ""))))
    assert spec.ridge("bfloat16") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  int8: 400e12", "  fp8: 1e12", r":7 `flops_per_s.fp8`: expected one of `float64`, .*`"),
        ("200e12", "1e999", r":6 `flops_per_s.bfloat16`: expected a finite number"),
        ("200e12", "0", r":6 `flops_per_s.bfloat16`: expected at least 1\.0, got `0`"),
        ("kind: gpu", "kind: xpu", r":2 `kind`: expected `gpu`, .*got `'xpu'`"),
        ("memory_bytes: 48_000_000_000", "memory_gb: 48", r":3 `memory_gb`: expected only known"),
        ("48_000_000_000", "48e9", r":3 `memory_bytes`: expected an integer"),
        ("[float8]", "[int8]", "expected no peak of the `unsupported` dtype `int8`"),
        (
            "unsupported: [float8]",
            "unverified: [float8]",
            "`unverified` to name figures .*`float8`",
        ),
        ("1e12", "fast", r":4 `bandwidth_bytes_per_s`: expected a number, got `'fast'`"),
    ],
)
def test_errors_point_at_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MINE
    path = write(tmp_path, MINE.replace(old, new))
    with pytest.raises(SpecError, match=message):
        load_device(str(path))
    assert len(check_file(path)) == 1


def test_an_unknown_name() -> None:
    with pytest.raises(InputError, match=r"--device: .* got `h20o-sxm`; did you mean `h200-sxm`\?"):
        load_device("h20o-sxm", where="--device")
    with pytest.raises(InputError, match="`vlcalc devices calibrate` measures this machine"):
        load_device("zzzzzzzzz")


def test_a_device_of_the_users_own_goes_first(own_folder: Path) -> None:
    assert load_device("h200").memory_bytes == 141_000_000_000
    write(own_folder, MINE.replace("my-card", "h200-sxm"), "h200-sxm.yaml")
    assert load_device("h200-sxm").memory_bytes == 48_000_000_000
    assert load_device("H200").memory_bytes == 48_000_000_000
    names = [device.name for device in known_devices()]
    assert names[0] == "h200-sxm"
    assert names.count("h200-sxm") == 1
    assert len(names) == len(list(shipped_devices()))


def test_a_broken_device_of_the_users_own_hides_no_other(own_folder: Path) -> None:
    write(own_folder, MINE)
    broken = write(own_folder, "name: a\nname: b\n", "broken.yaml")
    devices, invalid = user_devices()
    assert ([device.name for device in devices], invalid) == (["my-card"], [broken])
    assert load_device("my-card").kind == "gpu"
    with pytest.raises(InputError, match="expected each key once"):
        load_device("broken")
    write(own_folder, MINE.replace("gpu", "xpu").replace("200e12", "0"), "stale.yaml")
    with pytest.raises(InputError, match=r"stale.yaml:2 `kind`: .* and 1 more errors; `vlcalc dev"):
        load_device("stale")
    with pytest.raises(InputError, match=r"did you mean `my-card`\?"):
        load_device("my-cart")


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_folder() == tmp_path / ".config" / "vlcalc" / "devices"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert user_folder() == tmp_path / ".config" / "vlcalc" / "devices"
    assert load_device("t4").name == "t4"


# As torch.cuda.get_device_name gives them, with the memory that the cards report.
@pytest.mark.parametrize(
    ("reported", "memory_bytes", "name"),
    [
        ("Tesla T4", 15.6e9, "t4"),
        ("Tesla V100-SXM2-32GB", 34.1e9, "v100-sxm2-32gb"),
        ("Tesla V100-PCIE-32GB", 34.1e9, "v100-pcie-32gb"),
        ("NVIDIA A10", 23.6e9, "a10"),
        ("NVIDIA A10G", 23.7e9, "a10g"),
        ("NVIDIA L4", 23.6e9, "l4"),
        ("NVIDIA L40S", 47.6e9, "l40s"),
        ("NVIDIA A100-SXM4-40GB", 42.3e9, "a100-40gb-sxm"),
        ("A100-SXM4-40GB", 42.3e9, "a100-40gb-sxm"),
        ("NVIDIA A100-SXM4-80GB", 85.1e9, "a100-80gb-sxm"),
        ("NVIDIA A100 80GB PCIe", 85.1e9, "a100-80gb-pcie"),
        ("NVIDIA H100 80GB HBM3", 85.0e9, "h100-sxm"),
        ("NVIDIA H100 PCIe", 85.0e9, "h100-pcie"),
        ("NVIDIA H100 NVL", 100.0e9, "h100-nvl"),
        ("NVIDIA H200", 150.1e9, "h200-sxm"),
        ("NVIDIA B200", 191.5e9, "b200-sxm"),
        ("NVIDIA GB200", 198.0e9, "gb200-per-gpu"),
        ("NVIDIA B300 SXM6 AC", 288.4e9, "b300-sxm"),
        ("NVIDIA GeForce RTX 3090", 25.4e9, "rtx-3090"),
        ("GeForce RTX 3090", 25.4e9, "rtx-3090"),
        ("NVIDIA GeForce RTX 4090", 25.4e9, "rtx-4090"),
        ("NVIDIA GeForce RTX 5090", 33.7e9, "rtx-5090"),
        (
            "NVIDIA RTX PRO 6000 Blackwell Server Edition",
            101.9e9,
            "rtx-pro-6000-blackwell-server",
        ),
        ("AMD Instinct MI250X", 68.7e9, "mi250x-gcd"),
        ("AMD Instinct MI300X", 205.8e9, "mi300x"),
        ("AMD Instinct MI300X VF", 205.8e9, "mi300x"),
        ("AMD Instinct MI325X", 274.8e9, "mi325x"),
        ("AMD Instinct MI355X", 309.2e9, "mi355x"),
        ("Orin", 65.9e9, "jetson-agx-orin-64gb"),
        ("Orin", 7.99e9, "jetson-orin-nano-super-8gb"),
        ("Apple M2 Max (38 GPU cores)", 32 * GIB, "apple-m2-max-38c"),
        ("Apple M4 Max (40 GPU cores)", 64 * GIB, "apple-m4-max-40c"),
    ],
)
def test_what_drivers_report(reported: str, memory_bytes: float, name: str) -> None:
    match = match_reported(reported, int(memory_bytes), shipped_devices())
    assert match.device is not None
    assert (match.device.name, match.candidates) == (name, ())
    assert match_reported(f"  {reported.upper()} ", int(memory_bytes), shipped_devices()) == match


@pytest.mark.parametrize(
    ("reported", "memory_bytes"),
    [
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 17.2e9),
        ("NVIDIA GeForce RTX 4090 D", 25.4e9),
        ("NVIDIA GeForce RTX 3090 Ti", 25.4e9),
        ("NVIDIA H200 NVL", 150.1e9),
        ("NVIDIA H100 80GB HBM2e", 85.0e9),
        ("NVIDIA A100-PCIE-40GB", 42.3e9),
        ("NVIDIA A100-SXM4-40GB MIG 3g.20gb", 21.0e9),
        ("NVIDIA GH200 480GB", 102.0e9),
        ("NVIDIA L40", 47.6e9),
        ("NVIDIA H20", 102.0e9),
        ("Tesla V100-SXM2-16GB", 16.9e9),
        ("AMD Instinct MI300X", 25.7e9),  # one of the parts that a module is split into
        ("AMD Radeon Graphics", 16.0e9),
        ("Orin", 32.9e9),
        ("Apple M3 Max (30 GPU cores)", 36.0e9),
        ("Apple M1", 16.0e9),
        ("NVIDIA", 80.0e9),
        ("NVIDIA Graphics Device", 80.0e9),
        ("", 80.0e9),
        ("AMD EPYC", 25.3e9),
    ],
)
def test_a_device_that_is_not_in_the_list(reported: str, memory_bytes: float) -> None:
    assert match_reported(reported, int(memory_bytes), shipped_devices()) == (None, ())


@pytest.mark.parametrize(
    ("reported", "memory_bytes", "candidates"),
    [
        ("NVIDIA H100", 100_000_000_000, ("h100-nvl",)),
        ("NVIDIA H100", None, ("h100-nvl", "h100-pcie", "h100-sxm")),
        ("Orin", None, ("jetson-agx-orin-64gb", "jetson-orin-nano-super-8gb")),
        ("Apple M2 Max", 32 * GIB, ("apple-m2-max-38c",)),
    ],
)
def test_a_name_that_leaves_it_open(
    reported: str, memory_bytes: int | None, candidates: tuple[str, ...]
) -> None:
    match = match_reported(reported, memory_bytes, shipped_devices())
    assert match == (None, candidates)


def test_whoever_reports_itself_so_is_found(own_folder: Path) -> None:
    mine = DeviceSpec(name="my-cpu", kind="cpu", reported_as=("AMD EPYC 9B14",))
    match = match_reported("AMD EPYC 9B14", 1 << 40, [*shipped_devices(), mine])
    assert match.device == mine
