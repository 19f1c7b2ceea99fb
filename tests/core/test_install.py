"""The hint how torch is installed works where the package lies."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from vlcalc.core import install

CLONE = Path(install.__file__).parents[2]


def test_in_a_clone_it_is_the_clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(CLONE)
    assert install.install_hint() == "pip install -e '.[torch]'"
    monkeypatch.chdir(tmp_path)
    assert install.install_hint() == f"pip install -e '{CLONE}[torch]'"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package outside any clone."""
    file = tmp_path / "site-packages" / "vlcalc" / "core" / "install.py"
    monkeypatch.setattr(install, "__file__", str(file))
    return tmp_path


def recorded(monkeypatch: pytest.MonkeyPatch, url: str | None) -> None:
    text = None if url is None else json.dumps({"url": url, "dir_info": {}})
    package = SimpleNamespace(read_text=lambda _: text)
    monkeypatch.setattr(install, "distribution", lambda _: package)


def test_installed_from_a_clone_it_is_that_clone(
    monkeypatch: pytest.MonkeyPatch, installed: Path
) -> None:
    clone = installed / "my clone"
    clone.mkdir()
    recorded(monkeypatch, clone.as_uri())
    assert install.install_hint() == "pip install 'vlcalc[torch]'"  # the clone has gone
    (clone / "pyproject.toml").touch()
    assert install.install_hint() == f"pip install '{clone}[torch]'"


@pytest.mark.parametrize("url", [None, "https://example.org/vlcalc.whl"])
def test_installed_from_elsewhere_it_is_the_name(
    monkeypatch: pytest.MonkeyPatch, installed: Path, url: str | None
) -> None:
    recorded(monkeypatch, url)
    assert install.install_hint() == "pip install 'vlcalc[torch]'"
