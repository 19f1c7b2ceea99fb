"""Sizes from CSV files and folders: streamed, strict about text, generous about sizes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from vlcalc.core.errors import InputError
from vlcalc.tokens.sizes import Sized, stream_sizes


def sizes_of(tmp_path: Path, text: str) -> list[Sized]:
    path = tmp_path / "sizes.csv"
    path.write_text(text, encoding="utf-8")
    return list(stream_sizes(path))


def test_columns_in_any_order_and_count(tmp_path: Path) -> None:
    rows = sizes_of(tmp_path, "id,Height, width ,count\na,30,40,2\n\nb,5,6,0\n")
    assert [(*row.size, row.num_images) for row in rows if row.size] == [(40, 30, 2), (6, 5, 0)]


def test_a_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    assert sizes_of(tmp_path, "\ufeffwidth,height\r\n4,3\r\n")[0].size == (4, 3)


def test_sizes_that_no_image_has_are_passed_on(tmp_path: Path) -> None:
    assert sizes_of(tmp_path, "width,height\n0,-5\n")[0].size == (0, -5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"sizes.csv:1: expected a column `width`, got an empty file; columns: width, height"),
        ("w,h\n1,2\n", r"sizes.csv:1: expected a column `width`, got `w`, `h`"),
        ("width,h\n1,2\n", r"expected a column `height`"),
        ("width,height\n1,x\n", r"sizes.csv:2: expected whole numbers .* got `1,x`"),
        ("width,height\n1,2\n1.5,2\n", r"sizes.csv:3: .* got `1.5,2`"),
        ("width,height\nNaN,2\n", r"got `NaN,2`"),
        ("width,height\n1\n", r"got 1 of 2 columns"),
        ("width,height,count\n1,2,-1\n", r"got a count of -1"),
        ("width,height\n+1,5\n", r"got `\+1,5`; digits 0 to 9, at most 12"),
        ("width,height\n1_0,5\n", r"got `1_0,5`"),
        ("width,height\n\u0661\u0662,5\n", r"got `\u0661\u0662,5`; digits 0 to 9"),
        ("width,height,count\n1,2," + "9" * 40 + "\n", r"got `1,2,9{40}`; .* at most 12"),
        ("width,height,width\n1,2,3\n", r"sizes.csv:1: expected one column `width`, got two"),
        ("width,height,count,count\n1,2,3,4\n", r"expected one column `count`, got two"),
        ("width,height\n1,2,3\n", r"sizes.csv:2: .* got 3 of 2 columns"),
        ('width,height\n"' + "1\n" * 200_000, r"field larger than field limit"),
        ("width,height\n1," + "2" * 70_000, r"got a line over 65,536 characters"),
        ("width,height\n1,\0", r"got a NUL byte"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sizes_of(tmp_path, text)


def test_files_that_are_no_csv(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a CSV file or a folder, got no such file"):
        list(stream_sizes(tmp_path / "missing.csv"))
    path = tmp_path / "binary.csv"
    path.write_bytes(b"width,height\n\xff\xfe\n")
    with pytest.raises(InputError, match="got bytes that are no UTF-8 text"):
        list(stream_sizes(path))


def test_a_broken_image_in_a_folder_is_an_entry(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("text")
    good, bad = stream_sizes(tmp_path)
    assert good.size == (4, 3)
    assert bad.size is None
    assert "no image" in bad.error


def test_memory_is_constant(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("width,height\n" + "640,480\n" * 100_000, encoding="utf-8")
    tracemalloc.start()
    assert sum(row.num_images for row in stream_sizes(path)) == 100_000
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000
