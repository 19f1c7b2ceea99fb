"""What `import` writes: YAML that loads to the very same spec, each value with its source."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("transformers")

import vlcalc
from tests.checkpoint.case import CASES
from vlcalc.checkpoint.load import load_checkpoint
from vlcalc.core.errors import InputError
from vlcalc.spec.loader import load_spec

pytestmark = pytest.mark.oracle

for name in ("cases_llava", "cases_native"):
    importlib.import_module(f"tests.checkpoint.{name}")


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("model_type", sorted(CASES))
def test_the_yaml_loads_to_the_very_same_spec(tmp_path: Path, model_type: str, seed: int) -> None:
    folder, file = tmp_path / "folder", tmp_path / "written.yaml"
    folder.mkdir()
    random = Random(f"written {model_type} {seed}")
    CASES[model_type](random).save(folder, split=random.random() < 0.5)
    file.write_text(vlcalc.import_checkpoint(folder), encoding="utf-8")
    assert load_spec(str(file)) == load_checkpoint(folder).spec


@pytest.mark.parametrize("model_type", sorted(CASES))
def test_each_value_names_a_key_that_its_file_has(tmp_path: Path, model_type: str) -> None:
    CASES[model_type](Random(f"sources {model_type}")).save(tmp_path, split=True)
    files = {path.name: json.loads(path.read_text()) for path in tmp_path.glob("*config.json")}
    lines = vlcalc.import_checkpoint(tmp_path).splitlines()
    values = [line for line in lines if ": " in line and not line.lstrip().startswith(("#", "-"))]
    assert len(values) > 20
    sources = re.findall(r"# ([a-z_]+\.json): ([\w.]+)(?:, \w+)*(?=$|;)", "\n".join(lines), re.M)
    assert len(sources) > 10
    for file, keys in sources:
        value = files[file]
        for key in keys.split("."):
            assert key in value, (file, keys)
            value = value[key]


def test_a_value_of_the_class_says_so(tmp_path: Path) -> None:
    config = {"model_type": "llava", "text_config": {"model_type": "llama", "hidden_size": 64}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    lines = [line.split() for line in vlcalc.import_checkpoint(tmp_path).splitlines()]
    text = "config.json: text_config."
    assert ["width:", "64", "#", *f"{text}hidden_size".split()] in lines
    depth = f"{text}num_hidden_layers (llama default)"
    assert ["depth:", "32", "#", *depth.split()] in lines
    assert ["kind:", "mlp", "#", "config.json:", "model_type"] in lines


@pytest.mark.parametrize("source", ["llava-1.5-7b", "nowhere"])
def test_what_is_no_checkpoint_is_refused(source: str) -> None:
    with pytest.raises(InputError, match="expected a checkpoint's folder"):
        vlcalc.import_checkpoint(source)
