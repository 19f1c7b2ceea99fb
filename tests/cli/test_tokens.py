"""`vlcalc tokens` as a user types it."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vlcalc.spec import catalogue

Run = Callable[..., Any]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_res_672_tiles_4(run: Run, golden: Callable[[str, str], None]) -> None:
    ran = run("tokens", "--res", "672", "--tiles", "4")
    assert ran.code == 0
    for figure in ("48", "2,304", "5", "11,520", "2,880", "--image 672x672 --tile 336"):
        assert figure in ran.out
    golden("tokens_res_672_tiles_4.txt", ran.out)


def test_the_other_reading(run: Run) -> None:
    (*_, last) = rows_of(run("tokens", "--image", "672x672", "--tile", "336", "-f", "csv").out)
    assert (last["image_tokens"], last["num_patches"]) == ("2880", "2880")


def test_the_reference_tables(run: Run, golden: Callable[[str, str], None]) -> None:
    ran = run("tokens")
    for figure in ("256", "576", "1,024", "2,304", "1,152", "1,728", "2,880", "4,032", "5,760"):
        assert f" {figure} " in ran.out
    for share in ("14.06 %", "70.31 %", "28.12 %", "42.19 %", "98.44 %", "140.62 %"):
        assert share in ran.out
    assert "1,216" in ran.out
    golden("tokens_reference.txt", ran.out)


def test_the_reference_tables_for_machines(run: Run) -> None:
    rows = json.loads(run("tokens", "--format", "json").out)["rows"]
    assert len(rows) == 9 * 4
    for row in rows:
        assert row["window_share"] == row["image_tokens"] / row["context_window"]
        assert row["tokens_left"] == row["context_window"] - row["image_tokens"]


def test_several_resolutions(run: Run) -> None:
    rows = rows_of(run("tokens", "--res", "224,336", "--context", "4096", "-f", "csv").out)
    assert [row["image_tokens"] for row in rows] == ["256", "576"]


def test_grid_thumbnail_merge_and_text(run: Run) -> None:
    args = ("--res", "448", "--grid", "3x2", "--no-thumbnail", "--merge", "2", "--patch", "14")
    more = ("--images", "2", "--text", "100", "--reserve", "50", "--context", "4K")
    (row,) = rows_of(run("tokens", *args, *more, "-f", "csv").out)
    assert row["image_tokens"] == str(6 * 256)
    assert row["sequence_length"] == str(100 + 2 * 6 * 256)
    assert row["tokens_left"] == str(4096 - 100 - 2 * 6 * 256 - 50)
    assert row["num_that_fit"] == str((4096 - 150) // (6 * 256))


def test_a_model_for_people(run: Run, golden: Callable[[str, str], None]) -> None:
    args = ("--model", "qwen2.5-vl", "--model", "internvl", "--model", "mllama")
    golden("tokens_models.txt", run("tokens", *args, "--image", "1920x1080").out)


def test_a_model_for_machines(run: Run) -> None:
    (row,) = rows_of(run("tokens", "-m", "qwen2.5-vl", "-i", "1920x1080", "-f", "csv").out)
    assert row["image_tokens"] == "2691"
    assert (row["width"], row["height"], row["source"], row["error"]) == (
        "1920",
        "1080",
        "exact",
        "",
    )
    document = json.loads(run("tokens", "-m", "qwen2.5-vl", "-i", "1920x1080", "-f", "json").out)
    assert document["rows"][0]["sequence_length"] == 2693


def test_the_explanation(run: Run, golden: Callable[[str, str], None]) -> None:
    ran = run("tokens", "--model", "llava-next", "--image", "1920x1080", "--explain")
    golden("tokens_explain.txt", ran.out)
    steps = json.loads(run("tokens", "-m", "llava-next", "-i", "1920x1080", "--explain",
                           "-f", "json").out)["rows"]  # fmt: skip
    assert sum(step["image_tokens"] for step in steps[:-1]) == steps[-1]["image_tokens"] == 1948


@pytest.mark.parametrize("name", ["llava-next", "pixtral"])
def test_the_explanation_says_that_there_are_two_readings(run: Run, name: str) -> None:
    ran = run("tokens", "--model", name, "--image", "320x240", "--explain")
    assert "authors" in ran.out or "mistral-common" in ran.out
    assert "variant" in ran.out or "llava-next-original" in ran.out


def test_the_authors_reading_is_a_variant(run: Run) -> None:
    args = ("-m", "llava-next", "-m", "llava-next-original", "-i", "320x240", "-f", "csv")
    assert [row["image_tokens"] for row in rows_of(run("tokens", *args).out)] == ["1368", "1026"]


def test_all_and_apis(run: Run) -> None:
    rows = rows_of(run("tokens", "-m", "all", "-m", "apis", "-i", "1024x768", "-f", "csv").out)
    number = sum(1 for kind in ("model", "api") for _ in catalogue.entries(kind))
    assert len(rows) == number


def test_sorting(run: Run) -> None:
    args = ("tokens", "-m", "all", "-i", "1024x768", "-f", "csv")
    up = [int(row["image_tokens"]) for row in rows_of(run(*args, "--sort", "image_tokens").out)]
    down = [int(row["image_tokens"]) for row in rows_of(run(*args, "--sort", "-image_tokens").out)]
    assert up == sorted(up)
    assert down == sorted(up, reverse=True)


def test_prices(run: Run) -> None:
    (row,) = rows_of(run("tokens", "-m", "gpt-4o", "-i", "1024x1024", "--cost", "-f", "csv").out)
    assert float(row["usd_per_1000_images"]) == pytest.approx(765 * 2.5 / 1000)
    assert row["price_date"]
    assert (row["source"], row["as_of"]) == ("official", "2026-11-21")


def test_detail_levels(run: Run) -> None:
    args = ("tokens", "-m", "gpt-4o", "-i", "1024x1024", "--detail", "low", "-f", "csv")
    assert rows_of(run(*args).out)[0]["image_tokens"] == "85"


def test_several_windows(run: Run) -> None:
    args = ("tokens", "-m", "llava-1.5", "-i", "336x336", "--context", "4096,32K", "-f", "csv")
    assert [row["num_that_fit"] for row in rows_of(run(*args).out)] == ["7", "56"]


def test_ten_frames(run: Run) -> None:
    (row,) = rows_of(run("tokens", "-m", "llava-1.5", "-i", "336x336", "--frames", "10",
                         "-f", "csv").out)  # fmt: skip
    assert row["image_tokens"] == "5760"


def test_a_video(run: Run) -> None:
    args = ("tokens", "-m", "qwen2-vl", "--video", "50@2", "1280x720", "-f", "csv")
    (row,) = rows_of(run(*args).out)
    assert (row["num_frames"], row["image_tokens"]) == ("100", str(50 * 1196))


def test_a_cap_on_frames_holds_for_a_video(run: Run) -> None:
    args = ("tokens", "-m", "smolvlm2-500m", "--video", "600@1", "1280x720", "-f", "csv")
    (row,) = rows_of(run(*args).out)
    assert (row["num_frames"], row["image_tokens"]) == ("64", str(64 * 64))


def test_files_folders_and_globs(run: Run, tmp_path: Path) -> None:
    for name, size in (("a.png", (40, 30)), ("b.jpg", (300, 200))):
        Image.new("RGB", size).save(tmp_path / name)
    for pattern in (str(tmp_path), f"{tmp_path}/*.*"):
        rows = rows_of(run("tokens", "-m", "llava-1.5", "-i", pattern, "-f", "csv").out)
        assert [(row["width"], row["height"]) for row in rows] == [("40", "30"), ("300", "200")]
        assert rows[0]["file"].endswith("a.png")


def test_a_refusal_is_a_row_and_a_note(run: Run) -> None:
    args = ("tokens", "-m", "llava-1.5", "-m", "qwen2.5-vl", "-i", "1x201")
    ran = run(*args, "-f", "csv")
    assert ran.code == 0
    rows = rows_of(ran.out)
    assert (rows[0]["error"], rows[1]["image_tokens"]) == ("", "")
    assert "more than 200 times" in rows[1]["error"]
    assert "qwen2.5-vl-7b: 1x201: one side is more than 200 times" in run(*args).out


def test_over_full_windows_stand_out(run: Run) -> None:
    ran = run("tokens", "-m", "llava-1.5", "-i", "336x336", "--images", "8")
    assert "-512" in ran.out
    assert "over-full" in ran.out


def test_check(run: Run) -> None:
    assert run("tokens", "-m", "llava-1.5", "-i", "336x336", "--check").code == 0
    ran = run("tokens", "-m", "llava-1.5", "-i", "336x336", "--images", "8", "--check")
    assert ran.code == 1
    assert "--check: expected every row to fit its window, got llava-1.5-7b 336x336" in ran.err
    assert run("tokens", "--res", "672", "--tiles", "4", "--context", "4K", "--check").code == 1


def test_a_defect_of_the_processor_is_said_beside_the_count(run: Run) -> None:
    args = ("tokens", "-m", "video-llava", "-i", "100x1")
    assert "ValueError" in run(*args).out
    (row,) = rows_of(run(*args, "-f", "csv").out)
    assert row["image_tokens"] == "256"
    assert "defect" in row["caveat"]
    assert "ValueError" in run(*args, "--explain").out


def test_marks_for_what_the_tokenizer_decides(run: Run) -> None:
    ran = run("tokens", "-m", "idefics3", "-i", "1920x1080")
    assert "exact*" in ran.out
    assert "* idefics3" in ran.out


def test_output_is_written_whole(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    ran = run("tokens", "-m", "llava-1.5", "-i", "336x336", "-f", "csv", "-o", str(path))
    assert (ran.code, ran.out) == (0, "")
    assert rows_of(path.read_text(encoding="utf-8"))[0]["image_tokens"] == "576"
    assert [each.name for each in tmp_path.iterdir()] == ["report.csv"]


def test_the_sizes_of_a_file(run: Run, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text("width,height,count\n1920,1080,10\n640,480,5\n1,300,2\n0,5,1\n4032,3024,3\n")
    ran = run("tokens", "--sizes", str(path), "--model", "qwen2.5-vl", "--context", "4K,32K")
    golden("tokens_sizes.txt", ran.out)
    rows = rows_of(run("tokens", "--sizes", str(path), "-m", "qwen2.5-vl", "-f", "csv").out)
    assert rows[0]["total_tokens"] == str(10 * 2693 + 5 * 393 + 3 * 15_554)
    assert (rows[0]["num_images"], rows[0]["num_refused"]) == ("18", "3")


def test_a_row_for_each_size(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text("width,height\n1920,1080\n1,300\n-1,5\n640,480\n")
    args = ("tokens", "-m", "mllama", "-m", "qwen2.5-vl", "--sizes", str(path), "--each")
    rows = rows_of(run(*args, "--format", "csv").out)
    wanted = {
        "width",
        "height",
        "image_tokens",
        "extra_tokens",
        "context_tokens",
        "num_tiles",
        "error",
    }
    assert wanted <= set(rows[0])
    assert (rows[0]["context_tokens"], rows[0]["num_tiles"]) == ("6404", "4")
    assert rows[1]["image_tokens"] == "2691"
    assert [bool(row["error"]) for row in rows] == [
        False,
        False,
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_the_sizes_of_a_folder(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (336, 336)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    (row,) = rows_of(run("tokens", "--sizes", str(tmp_path), "-m", "llava-1.5", "-f", "csv").out)
    assert (row["num_images"], row["num_refused"], row["total_tokens"]) == ("1", "1", "576")


def test_markdown(run: Run) -> None:
    ran = run("tokens", "-m", "llava-1.5", "-i", "336x336", "-f", "markdown")
    assert ran.out.startswith("| model | image | grid |")


def test_a_link_is_followed_and_a_pipe_is_written_to(run: Run, tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target.csv", tmp_path / "link.csv", tmp_path / "pipe"
    link.symlink_to(target)
    args = ("tokens", "-m", "llava-1.5", "-i", "336x336", "-f", "csv", "-o")
    assert run(*args, str(link)).code == 0
    assert link.is_symlink()
    assert rows_of(target.read_text(encoding="utf-8"))[0]["image_tokens"] == "576"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert run(*args, str(pipe)).code == 0
    assert pipe.is_fifo()
    assert b"576" in os.read(reader, 65_536)
    os.close(reader)


def test_sizes_that_count_for_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("width,height,count\n640,480,0\n")
    (row,) = rows_of(run("tokens", "-m", "llava-1.5", "--sizes", str(path), "-f", "csv").out)
    assert (row["num_images"], row["mean_tokens"], row["overflow_share"]) == ("0", "", "")


def test_a_broken_image_of_a_folder_is_a_row(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    ran = run("tokens", "-m", "llava-1.5", "-i", str(tmp_path), "-f", "csv")
    good, bad = rows_of(ran.out)
    assert (ran.code, good["image_tokens"], bad["image_tokens"]) == (0, "576", "")
    assert "b.png: expected an image, got a file that is no image" in bad["error"]
    (tmp_path / "a.png").unlink()
    assert run("tokens", "-m", "llava-1.5", "-i", str(tmp_path)).code == 1
