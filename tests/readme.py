"""The README's examples: every `console` block is run, and what it prints stands in the README.

Run `python -m tests.readme` to write the outputs anew.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from vlcalc.cli import main

README = Path(__file__).parent.parent / "README.md"
CHECKPOINT = Path(__file__).parent / "data" / "my-checkpoint"
BLOCK = re.compile(r"```(console|python|yaml|sh)\n(.*?)```", re.DOTALL)


def blocks(kind: str) -> list[str]:
    """Return the contents of the README's blocks of a kind."""
    text = README.read_text(encoding="utf-8")
    return [match[2] for match in BLOCK.finditer(text) if match[1] == kind]


def commands(block: str) -> Iterator[str]:
    """Yield the commands of a console block."""
    for line in block.splitlines():
        if line.startswith("$ "):
            yield line[2:]


def fill_folder(folder: Path) -> None:
    """Write the files that the README shows with their name in the first line, and its folder."""
    shutil.copytree(CHECKPOINT, folder / CHECKPOINT.name)
    for block in blocks("yaml"):
        name = block.splitlines()[0].removeprefix("# ")
        (folder / name).write_text(block, encoding="utf-8")


def run_block(block: str, folder: Path) -> str:
    """Return the block with what its commands really print."""
    return "".join(f"$ {command}\n{run(command, folder)}" for command in commands(block))


def run(command: str, folder: Path) -> str:
    """Return the output of a command in which `vlcalc` is this checkout."""
    words = shlex.split(command)
    if words[0] == "vlcalc" and not {"|", ">", "&&"} & set(words):
        return run_here(words, folder)
    return run_in_shell(command, folder)


def surroundings(folder: Path) -> dict[str, str]:
    """Return what output depends on: the width of the terminal, and devices measured before."""
    return {"COLUMNS": "100", "XDG_CONFIG_HOME": str(folder)}


def run_here(words: list[str], folder: Path) -> str:
    """Return the output of `vlcalc` run in this process, which imports torch once for all."""
    out, before = io.BytesIO(), Path.cwd()
    try:
        os.chdir(folder)
        with (
            patch.object(sys, "argv", words),
            patch.dict(os.environ, surroundings(folder)),
            redirect_stdout(io.TextIOWrapper(out, encoding="utf-8", write_through=True)) as text,
            redirect_stderr(io.StringIO()) as errors,
        ):
            main()
    except SystemExit as stop:
        if stop.code:
            raise RuntimeError(f"{shlex.join(words)}: {errors.getvalue()}") from stop
    finally:
        os.chdir(before)
    text.detach()
    return out.getvalue().decode("utf-8")


def run_in_shell(command: str, folder: Path) -> str:
    """Return the output of a shell command."""
    root = str(README.parent)
    shell = f'vlcalc() {{ "{sys.executable}" -m vlcalc "$@"; }}\n{command}'
    ran = subprocess.run(
        ["bash", "-c", shell],
        cwd=folder,
        env={**os.environ, **surroundings(folder), "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ran.stdout


def rendered() -> str:
    """Return the README with the outputs of its console blocks as they are now."""
    with tempfile.TemporaryDirectory() as name:
        fill_folder(Path(name))

        def replaced(match: re.Match[str]) -> str:
            if match[1] != "console":
                return match[0]
            return f"```console\n{run_block(match[2], Path(name))}```"

        return BLOCK.sub(replaced, README.read_text(encoding="utf-8"))


if __name__ == "__main__":
    README.write_text(rendered(), encoding="utf-8")
