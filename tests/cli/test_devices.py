"""`vlcalc devices`: list, show, detect."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vlcalc.report.formats import FORMATS, Canvas
from vlcalc.spec import catalogue
from vlcalc.spec.device_tables import device_list

Run = Callable[..., Any]

MINE = """\
name: my-card
kind: gpu
vendor: Me
memory_bytes: 48_000_000_000
flops_per_s: { bfloat16: 200e12 }
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "vlcalc" / "devices"
    folder.mkdir(parents=True)
    return folder


def rows_of(run: Run, *args: str) -> list[dict[str, Any]]:
    ran = run("devices", *args, "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(ran.out)["rows"]
    return rows


def row_of(out: str, name: str) -> str:
    (line,) = [line for line in out.splitlines() if line.split()[:1] == [name]]
    return " ".join(line.split()[1:])


def test_list_has_every_device_with_raw_values(run: Run) -> None:
    rows = {row["name"]: row for row in rows_of(run, "list")}
    assert set(rows) == {entry.name for entry in catalogue.entries("device")}
    card = rows["h100-nvl"]
    assert card["memory_bytes"] == 94_000_000_000
    assert card["bandwidth_bytes_per_s"] == 3.9e12
    assert (card["bfloat16_flops_per_s"], card["float32_flops_per_s"]) == (835e12, None)
    assert card["ridge_flop_per_byte"] == pytest.approx(835 / 3.9)
    assert card["unverified"] == "memory_bytes, bandwidth_bytes_per_s, float8, int8"
    assert rows["t4"]["ridge_flop_per_byte"] == pytest.approx(65 / 0.32)
    assert rows["apple-m5-max-40c"]["ridge_flop_per_byte"] is None


def test_list_marks_what_is_not_verified_and_what_is_unknown(run: Run) -> None:
    out = run("devices", "list", "--vendor", "nvidia").out
    head = next(line for line in out.splitlines() if "memory" in line)
    assert "bf16 TFLOP/s" in head
    assert "fp64" not in head
    #       memory, bandwidth, fp32, tf32, bf16, fp16, fp8, fp4, int8, int4, ridge, calibrated
    assert row_of(out, "h100-nvl") == ("94 GB? 3,900 GB/s? - - 835 835 1,671? - 1,671? - 214.1 -")
    assert row_of(out, "h200-sxm") == (
        "141 GB 4,800 GB/s 66.9 494.7 989.4 989.4 1,978.9 - 1,978.9 - 206.1 -"
    )
    assert "weak source" in out


@pytest.mark.parametrize("width", [60, 80, 100, 120, 140])
def test_list_in_a_terminal_cuts_no_number(width: int) -> None:
    text = "".join(FORMATS.get("table")(device_list(vendor="amd"), Canvas(width)))
    assert max(map(len, text.splitlines())) <= width
    (die,) = [line for line in text.splitlines() if "mi250x-gcd" in line]
    assert "64 GB?" in die
    assert ("1,638.5 GB/s?" in die) == ("bandwidth" in text.replace("bandwidth_bytes", ""))
    assert ("116.9" in die) == ("FLOP/byte" in text)
    assert ("191.5" in die) == ("bf16" in text)


def test_list_as_csv_has_no_marks(run: Run) -> None:
    rows = list(csv.DictReader(run("devices", "list", "-f", "csv").out.splitlines()))
    card = next(row for row in rows if row["name"] == "h100-nvl")
    assert card["memory_bytes"] == "94000000000"
    assert float(card["float8_flops_per_s"]) == 1671e12


def test_list_of_a_vendor_a_dtype_a_size(run: Run) -> None:
    assert {row["vendor"] for row in rows_of(run, "list", "--vendor", "AMD")} == {"AMD"}
    nvidia = {row["name"] for row in rows_of(run, "list", "--vendor", "nvidia")}
    assert "a10g" in nvidia
    rows = rows_of(run, "list", "--dtype", "fp8", "--vendor", "amd", "--min-memory", "256GB")
    assert [row["name"] for row in rows] == ["mi325x", "mi355x"]
    assert {key for key in rows[0] if key.endswith("flops_per_s")} == {"float8_flops_per_s"}
    assert rows[0]["ridge_flop_per_byte"] == pytest.approx(2614.9 / 6)
    assert rows_of(run, "list", "--min-memory", "2TB") == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("list", "--vendor", "intel"), "--vendor: expected a vendor of a device, got `intel`"),
        (("list", "--dtype", "bf61"), "--dtype: expected a dtype, got `bf61`; did you mean `bf16`"),
        (("list", "--min-memory", "80"), "--min-memory: expected an amount of memory such as"),
        (
            ("show", "h20o-sxm"),
            "expected the name of a device, or a YAML file, got `h20o-sxm`; did",
        ),
        (("show", "none.yaml"), "none.yaml: expected a readable YAML file"),
    ],
)
def test_errors_are_one_line(run: Run, args: tuple[str, ...], message: str) -> None:
    ran = run("devices", *args)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1


def test_show_says_all_with_sources(run: Run) -> None:
    out = run("devices", "show", "mi355x").out
    assert "157.3 TFLOP/s?, ridge 19.7 FLOP/byte" in out
    assert "1,075 GB/s?, both directions together" in out
    assert "peak bf16" in out
    assert "tfloat32 is not native on CDNA 4." in out
    assert "Source: https://boston-uk-l.azurewebsites.net" in out
    figures = {row["figure"]: row for row in rows_of(run, "show", "mi355x")}
    assert figures["float32_flops_per_s"]["value"] == 157.3e12
    assert figures["float32_flops_per_s"]["unverified"] is True
    assert figures["bfloat16_flops_per_s"]["unverified"] is False
    assert figures["interconnect_bytes_per_s"]["value"] == 1075e9
    assert "no units for it" in run("devices", "show", "t4").out
    assert "128 GB?, shared with the CPU" in run("devices", "show", "apple-m3-max").out


def test_a_file_of_the_users_own(run: Run, tmp_path: Path, own_folder: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(MINE, encoding="utf-8")
    out = run("devices", "show", str(path)).out
    assert "200 TFLOP/s, ridge - FLOP/byte" in out
    (own_folder / "my-card.yaml").write_text(MINE, encoding="utf-8")
    (own_folder / "broken.yaml").write_text("name: B", encoding="utf-8")
    ran = run("devices", "list", "--vendor", "me")
    assert row_of(ran.out, "my-card").startswith("48 GB - 200 -")
    assert f"{own_folder / 'broken.yaml'} is not valid" in ran.out


@pytest.mark.parametrize("args", [("list",), ("show", "h200"), ("list", "--dtype", "bf16")])
def test_neither_torch_nor_numpy_is_imported(args: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom vlcalc.cli import main\n"
        f"sys.argv = ['vlcalc', 'devices', *{args!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted(set(sys.modules) & {'torch', 'numpy'}), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stderr.splitlines()[-1] == "[]"
