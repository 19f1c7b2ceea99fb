"""`vlcalc devices kernels`: a file of measured kernels against what is predicted for them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]

PRODUCTS = """device,dtype,rows,columns,inner,latency_us
h100-sxm,bfloat16,1024,4096,4096,63.5
l40s,fp8,1024,4096,4096,120.0
h100-sxm,bfloat16,65536,4096,4096,3300
"""


def written(folder: Path, text: str) -> str:
    path = folder / "kernels.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_rows_are_kept_and_predicted(run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, PRODUCTS)
    ran = run("devices", "kernels", "all", "--against", file, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["latency_us"] for row in rows] == ["63.5", "120.0", "3300"]
    for row in rows:
        ratio = float(row["predicted_us"]) / float(row["latency_us"])
        assert float(row["error"]) == pytest.approx(ratio - 1, abs=1e-4)
    assert [row["basis"] for row in rows] == ["interpolated", "interpolated", "extrapolated"]
    assert ran.err.count("device ") == 2


def test_one_device_is_picked_by_its_alias(run: Run, tmp_path: Path) -> None:
    ran = run("devices", "kernels", "h100", "--against", written(tmp_path, PRODUCTS), "-f", "csv")
    assert ran.out.count("h100-sxm,bfloat16") == 2
    assert "l40s" not in ran.out


def test_relative_is_said(run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, PRODUCTS.replace("h100-sxm", "h100-pcie"))
    ran = run("devices", "kernels", "h100-pcie", "--against", file)
    assert "nearest relative, h100-sxm" in ran.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("device,dtype,rows,columns,innner\n", "did you mean `inner`?"),
        ("dtype,rows,columns,inner\nbfloat16,1,1,1\n", "lacks device"),
        ("", "no header"),
        ("device,dtype,rows,columns,inner\n", "got no rows"),
        ("device,dtype,rows,columns,inner\n,bfloat16,1,1,1\n", "a value of `device`, got nothing"),
        ("device,dtype,rows,columns,inner\nx9,bfloat16,1,1,1\n", "the name of a device"),
        ("device,dtype,rows,columns,inner\nl40s,bfloat16,one,1,1\n", "a number of `rows`"),
        ("device,dtype,rows,columns,inner\nl40s,bfloat16,nan,1,1\n", "a number of `rows`"),
        ("device,dtype,rows,columns,inner\nl40s,bfloat16,1e99,1,1\n", "a whole number of `rows`"),
        ("device,dtype,rows,columns,inner\nl40s,bfloat16,0,1,1\n", "a whole number of `rows`"),
        ("device,dtype,rows,columns,inner\nl40s,int4,1,1,1\n", "`dtype` as one of"),
        ("device,dtype,rows,columns,inner\nl40s,bfloat16,1,1\n", "5 cells, got 4"),
        ("device,dtype,rows,columns,inner\nmi300x,bfloat16,1,1,1\n", "with kernel tables"),
        ("device,dtype,rows,columns,inner,latency_us\nl40s,bfloat16,1,1,1,-2\n", "microseconds"),
    ],
)  # fmt: skip
def test_bad_files_are_one_line(run: Run, tmp_path: Path, text: str, said: str) -> None:
    ran = run("devices", "kernels", "all", "--against", written(tmp_path, text))
    assert ran.code == 1
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_file_that_is_not_there_is_one_line(run: Run, tmp_path: Path) -> None:
    ran = run("devices", "kernels", "l40s", "--against", str(tmp_path / "no.csv"))
    assert ran.code == 1
    assert "--against" in ran.err
    assert ran.err.count("\n") == 1
