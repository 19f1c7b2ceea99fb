"""Names, files and streams that break a program: one clear line, an exit code, nothing left."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vlcalc
from vlcalc.core.errors import InputError

Run = Callable[..., Any]
MODEL = ("tokens", "--model", "llava-1.5")
VLCALC = (sys.executable, "-m", "vlcalc")
LONG = "a" * 300


def one_line(ran: Any) -> str:
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1), ran
    return str(ran.err)


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """Return a folder of images whose names a terminal or a spreadsheet would obey."""
    folder = tmp_path / "evil"
    folder.mkdir()
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    for name in (
        b"\x1b[31m\x07red\n|<b>.png",
        b"=cmd|calc.png",
        "\u202egnp.png".encode(),
        b"\xff.png",
    ):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123
            file.write(data)
    return folder


@pytest.mark.parametrize("to_file", [False, True])
@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_no_name_reaches_a_screen_raw(run: Run, evil: Path, form: str, to_file: bool) -> None:
    output = evil.parent / "out"
    ran = run(*MODEL, "--image", str(evil), "-f", form, *(("-o", str(output)) if to_file else ()))
    assert ran.code == 0
    text = output.read_text(encoding="utf-8") if to_file else ran.out
    if form == "csv":
        files = [row["file"] for row in csv.DictReader(io.StringIO(text))]
        assert f"{evil}/\x1b[31m\x07red\n|<b>.png" in files
    else:
        assert text.replace("\n", "").isprintable()
        assert "\\xff" in text or "\\udcff" in text
    if form == "json":
        names = {Path(row["file"]).name for row in json.loads(text)["rows"]}
        assert names == {path.name for path in evil.iterdir()}
    if form == "markdown":
        assert "\\\\x1b[31m\\\\x07red\\\\n\\|\\<b>.png" in text


def test_a_formula_is_text_in_csv(run: Run, evil: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(evil)
    rows = csv.DictReader(io.StringIO(run(*MODEL, "--image", ".", "-f", "csv").out))
    assert "'=cmd|calc.png" in [row["file"] for row in rows]


def test_titles_and_errors_of_others_are_escaped(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text('name: x\n"a\\eb": 1\n')
    ran = run(*MODEL[:1], "--model", str(path))
    assert ran.code == 1
    assert "`a\\x1bb`" in ran.err
    assert "\x1b" not in ran.err
    for args in (
        ("x\x1b[31m",),
        ("tokens", "x\x1b[31m"),
        ("tokens", "--\x1b[31m"),
        ("--\x1b[31m",),
    ):
        ran = run(*args)
        assert (ran.code, ran.out) == (2, "")
        assert "\x1b" not in ran.err


PLACES = [
    (*MODEL, "--image", "pipe.png"),
    (*MODEL, "--image", "folder"),
    (*MODEL, "--image", "folder/*.png"),
    (*MODEL, "--sizes", "pipe.csv"),
    ("tokens", "--model", "pipe.yaml"),
    ("tokens", "--model", "use.yaml"),
    ("devices", "show", "pipe.yaml"),
    ("fit", "llava-1.5-7b", "--device", "pipe.yaml"),
    ("compare", "--measured", "pipe.json"),
    ("compare", "--measured", "/dev/zero"),
    ("compare", "--methods", "pipe.yaml"),
    ("compare", "--image", "pipe.png"),
    ("specs", "validate", "pipe.yaml"),
    ("devices", "show", "pipe"),
]


@pytest.mark.parametrize("args", PLACES, ids=" ".join)
def test_nothing_waits_for_a_pipe(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    own = tmp_path / "config" / "vlcalc" / "devices"
    for folder in (tmp_path / "folder", own):
        folder.mkdir(parents=True)
    for name in ("pipe.png", "pipe.csv", "pipe.yaml", "pipe.json", "folder/x.png"):
        os.mkfifo(tmp_path / name)
    os.mkfifo(own / "pipe.yaml")
    (tmp_path / "use.yaml").write_text("name: x\nvision: { use: pipe.yaml }\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    ran = run(*args)
    assert (ran.code, ran.out) == (1, "")
    assert "got a device" in ran.err if "/dev/zero" in args else "got a named pipe" in ran.err


@pytest.mark.parametrize(
    "args",
    [
        ("tokens", "--model", LONG),
        ("tokens", "--model", f"{LONG}.yaml"),
        (*MODEL, "--image", LONG),
        (*MODEL, "--image", f"{LONG}/*.png"),
        (*MODEL, "--sizes", LONG),
        (*MODEL, "--output", LONG),
        ("compare", "--methods", LONG),
        ("compare", "--measured", LONG),
        ("specs", "show", LONG),
        ("specs", "validate", LONG),
        ("devices", "show", LONG),
        ("inspect", LONG),
        ("inspect", "fusion:mlp", "--text-width", str(10**18)),
        ("inspect", "fusion:mlp", "--views", "999999999999999"),
        ("inspect", "fusion:mlp", "--views", "9999", "--grid", "9999x9999"),
        ("bench", "--threads", "1000000"),
        ("bench", "--save", LONG),
        ("devices", "calibrate", "--threads", "1000000"),
        ("devices", "calibrate", "--output", "no/such/folder.yaml"),
    ],
    ids=lambda args: " ".join(args).replace(LONG, "LONG"),
)
def test_names_and_numbers_that_nothing_has(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    if args[0] in ("bench", "inspect", "devices"):
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    one_line(run(*args))
    assert list(tmp_path.iterdir()) == []


def test_a_range_error_says_what_came(run: Run) -> None:
    ran = run("inspect", "fusion:mlp", "--text-width", "0")
    assert (ran.code, ran.out) == (2, "")
    assert "`0`" in ran.err


def test_a_folder_that_cannot_be_read_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    Image.new("RGB", (336, 336)).save(tmp_path / "a.png")
    whole = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr("os.scandir", scandir)
    for more in ((), ("--each",)):
        ran = run(*MODEL, "--sizes", str(tmp_path), "-f", "csv", *more)
        assert ran.code == 1
        assert "closed: expected a folder that can be searched, got permission denied" in ran.err
        assert "576" in ran.out
    ran = run(*MODEL, "--image", str(tmp_path), "-f", "csv")
    assert "closed" in ran.out
    for pattern in (tmp_path / "closed", tmp_path / "closed" / "*.png"):
        assert "got permission denied" in one_line(run(*MODEL, "--image", str(pattern)))


def test_a_table_of_too_many_rows_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("width,height\n" + "640,480\n" * 20_001)
    args = (*MODEL, "--sizes", str(path), "--each")
    assert "expected at most 20,000 rows in a table, got more; `--format csv`" in one_line(
        run(*args)
    )
    assert len(run(*args, "-f", "csv").out.splitlines()) == 20_002


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_stdin_and_stdout_by_name(tmp_path: Path, name: str) -> None:
    del tmp_path
    source = "-" if name == "-" else "/dev/stdin"
    command = (*VLCALC, *MODEL, "--sizes", source, "--each", "-f", "csv", "-o", name)
    ran = subprocess.run(
        command, input="width,height\n336,336\n", capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[1].startswith("llava-1.5-7b,336,336,1,576,")


@pytest.mark.parametrize("to", [(), ("-o", "/dev/stdout")])
def test_a_reader_that_goes_is_no_error(tmp_path: Path, to: tuple[str, ...]) -> None:
    path = tmp_path / "many.csv"
    path.write_text("width,height\n" + "640,480\n" * 100_000)
    command = (*VLCALC, *MODEL, "--sizes", str(path), "--each", "-f", "csv", *to)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("args", [("--help",), ("--version",), MODEL])
def test_a_full_stdout_is_one_line(args: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            (*VLCALC, *args), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: expected a stdout that takes all, got no space left")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_no_file(tmp_path: Path, number: signal.Signals) -> None:
    sizes, output = tmp_path / "many.csv", tmp_path / "out" / "f.csv"
    output.parent.mkdir()
    sizes.write_text("width,height\n" + "640,480\n" * 2_000_000)
    command = (*VLCALC, *MODEL, "--sizes", str(sizes), "--each", "-f", "csv", "-o", str(output))

    def heed() -> None:  # a shell's background job, and `nohup`, ignore some from the start
        signal.signal(number, signal.SIG_DFL)

    with subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=heed) as process:  # noqa: PLW1509
        assert process.stderr is not None
        while not list(output.parent.iterdir()):
            time.sleep(0.01)
        process.send_signal(number)
        assert process.stderr.read() == b""
    assert process.returncode == 128 + number
    assert list(output.parent.iterdir()) == []


def test_ctrl_c_while_the_commands_are_imported() -> None:
    program = (
        "import runpy, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'vlcalc.cli':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "runpy.run_module('vlcalc', run_name='__main__', alter_sys=True)\n"
    )
    ran = subprocess.run((sys.executable, "-c", program), capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, b"", b"")


def test_a_file_keeps_its_mode(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")
    path.chmod(0o600)
    assert run(*MODEL, "-f", "csv", "-o", str(path)).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("model,")
    umask = os.umask(0o027)
    try:
        assert run(*MODEL, "-f", "csv", "-o", str(tmp_path / "new.csv")).code == 0
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform != "linux", reason="`ulimit -v` holds on Linux")
def test_little_memory_is_one_line() -> None:
    pytest.importorskip("torch")
    command = f"ulimit -v 400000; exec {sys.executable} -m vlcalc inspect llava-1.5-7b"
    ran = subprocess.run(("bash", "-c", command), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("error: expected enough memory, got none left")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("model", [None, 5, ["llava-1.5"]])
def test_what_is_no_model_is_refused(model: Any) -> None:
    with pytest.raises(InputError, match="expected a spec or the name of one, got a "):
        vlcalc.tokens(model, (1, 2))
