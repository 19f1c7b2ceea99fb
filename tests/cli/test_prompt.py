"""`--prompt`: the tokens of a text by the folder's own tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

tokenizers = pytest.importorskip("tokenizers")

import vlcalc  # noqa: E402
from vlcalc.core.errors import InputError  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    words = {"[UNK]": 0, "[BOS]": 1, "what": 2, "is": 3, "this": 4}
    model = tokenizers.models.WordLevel(words, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[BOS] $A", special_tokens=[("[BOS]", 1)]
    )
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def test_words_are_counted_and_what_the_tokenizer_adds(folder: Path) -> None:
    assert vlcalc.count_text_tokens(folder, "what is this") == 4
    assert vlcalc.count_text_tokens(folder / "config.json", "") == 1


@pytest.mark.parametrize("model", ["llava-1.5-7b", "nowhere"])
def test_a_model_without_a_tokenizer_is_refused(model: str) -> None:
    with pytest.raises(InputError, match="a model whose folder has a tokenizer"):
        vlcalc.count_text_tokens(model, "what")


@pytest.mark.parametrize("text", ["{}", "[", '{"model": {"type": "BPE"}}'])
def test_a_broken_tokenizer_is_one_line(folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(InputError, match="expected a tokenizer"):
        vlcalc.count_text_tokens(folder, "what")


def test_without_the_package_its_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"\[hf\]"):
        vlcalc.count_text_tokens(folder, "what")
