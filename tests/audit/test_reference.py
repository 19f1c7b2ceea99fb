"""`verify`: folders of real classes are equal to them; a wrong spec and a wrong rule are seen."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import vlcalc
from tests.checkpoint.case import CASES
from vlcalc.audit import reference
from vlcalc.audit.reference import compare_with_real
from vlcalc.checkpoint.load import load_checkpoint
from vlcalc.core.errors import InputError

pytestmark = pytest.mark.oracle

for name in ("cases_llava", "cases_native"):
    importlib.import_module(f"tests.checkpoint.{name}")


def written(folder: Path, model_type: str, seed: int = 3) -> Path:
    CASES[model_type](Random(f"verify {model_type} {seed}")).save(folder, split=True)
    return folder


@pytest.mark.parametrize("model_type", ["llava", "llava_next", "gemma3", "idefics3", "qwen3_vl"])
def test_nothing_differs_from_the_real_class(tmp_path: Path, model_type: str) -> None:
    result = vlcalc.verify_model(str(written(tmp_path, model_type)), num_sizes=20)
    assert result.differing == []
    compared = {row.quantity.split(":")[0] for row in result.comparisons if row.theirs is not None}
    assert {"parameters", "FLOPs", "cache bytes at 617 positions"} <= compared


def test_every_count_of_a_llava_is_compared(tmp_path: Path) -> None:
    result = vlcalc.verify_model(str(written(tmp_path, "llava")), num_sizes=20)
    assert result.num_compared == len(result.comparisons) == 10


def test_a_wrong_spec_is_seen_in_every_count_that_it_changes(tmp_path: Path) -> None:
    spec = load_checkpoint(written(tmp_path, "llava")).spec
    data = spec.model_dump(exclude_defaults=True)
    data["language"]["decoder"]["depth"] += 1
    data["fusion"]["depth"] = 3
    wrong = type(spec).model_validate(data)
    tiling = wrong.tiling.model_copy(update={"prefix_tokens": 5})  # which validation would refuse
    wrong = wrong.model_copy(update={"tiling": tiling})
    rows = list(compare_with_real(wrong, str(tmp_path), num_sizes=3))
    different = [row.quantity for row in rows if row.differs]
    expected = ["parameters: fusion", "parameters: language", "image tokens of 3 sizes"]
    expected += ["FLOPs: fuse", "cache bytes at 617 positions"]
    expected += ["FLOPs: prefill at 617 positions", "FLOPs: one decoded token"]
    assert different == expected
    row = next(row for row in rows if row.quantity == "image tokens of 3 sizes")
    assert "3 sizes differ, such as" in row.verdict


def test_a_class_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no_such"}))
    with pytest.raises(InputError):
        vlcalc.verify_model(str(tmp_path))


def test_the_catalogue_says_what_could_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(source: str) -> None:
        raise InputError(expected="a class of transformers", got="no network", where=source)

    monkeypatch.setattr(reference, "load_real_model", unreachable)
    began: list[str] = []
    result = vlcalc.verify_catalogue(on_step=lambda _number, _total, name: began.append(name))
    assert len(began) == len(result.comparisons) > 50
    assert result.num_compared == 0
    assert {row.verdict for row in result.comparisons} == {"not compared: no network"}
