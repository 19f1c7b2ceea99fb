"""How an extra is installed: from the clone that the package is from, or by name."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname


def install_hint(extra: str = "torch") -> str:
    """Return the command that installs an extra; by default what counting modules needs.

    The package may not be published: where it lies in a clone, or pip installed it from one, the
    command names that folder, `.` where it is the current one.
    """
    for clone, flag in ((Path(__file__).parents[2], "-e "), (_installed_from(), "")):
        if clone is not None and (clone / "pyproject.toml").is_file():
            folder = "." if clone == Path.cwd() else str(clone)
            return f"pip install {flag}{shlex.quote(f'{folder}[{extra}]')}"
    return f"pip install 'vlcalc[{extra}]'"


def _installed_from() -> Path | None:
    """Return the folder that pip installed the package from; None where it was none.

    Source: PEP 610, `direct_url.json`.
    """
    try:
        text = distribution("vlcalc").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    url = urlparse(json.loads(text)["url"]) if text else None
    return Path(url2pathname(url.path)) if url and url.scheme == "file" else None
