"""`vlcalc.count_text_tokens`: the tokens of a text, by the tokenizer of a checkpoint."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from vlcalc.api.argument import Argument
from vlcalc.checkpoint.folder import CONFIG, Folder
from vlcalc.checkpoint.load import is_checkpoint
from vlcalc.core.errors import InputError

TOKENIZER = "tokenizer.json"


def count_text_tokens(model: str | Path, prompt: str) -> int:
    """Return the tokens of a text, those that the tokenizer itself puts around it included.

    Args:
        model: a checkpoint's folder with a `tokenizer.json`, or its `config.json`.
        prompt: the text.

    Raises:
        InputError: the model is no folder, has no tokenizer or one that cannot be read, or the
            package `tokenizers` is missing.
    """
    tokenizer = _tokenizer(str(model))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return len(tokenizer.encode(prompt).ids)


def _tokenizer(model: str) -> Any:
    where = Argument("prompt")
    text = None
    if is_checkpoint(model):
        path = Path(model)
        text = Folder(path.parent if path.name == CONFIG else path).read_text(TOKENIZER)
    if text is None:
        raise InputError(
            expected=f"a model whose folder has a {TOKENIZER}",
            got=f"`{model}`",
            where=where,
            hint="`--text N` takes the number of tokens itself",
        )
    if importlib.util.find_spec("tokenizers") is None:
        from vlcalc.core.install import install_hint

        raise InputError(
            expected="the extra `vlcalc[hf]`, which reads tokenizers",
            got="no tokenizers",
            where=where,
            hint=install_hint("hf"),
        )
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(text)
    except Exception as error:
        got = str(error).partition("\n")[0][:100]
        path_name = f"{model}/{TOKENIZER}"
        raise InputError(expected="a tokenizer", got=got, where=path_name) from None
