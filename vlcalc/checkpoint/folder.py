"""The files of a checkpoint's folder, read within bounds; nothing that they name is followed."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from vlcalc.checkpoint.source import ModelSource
from vlcalc.core.errors import InputError

MAX_FILE_BYTES = 16_777_216  # Chameleon's config.json, the largest known, lists 65,536 words
MAX_TOKENIZER_BYTES = 67_108_864  # Gemma 3's tokenizer.json, the largest known, has 33,384,568
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"


def check_file_size(num_bytes: int, name: str, *, where: str) -> None:
    """Refuse a configuration file of a size that none has.

    Raises:
        InputError: it is larger than any known one of its name.
    """
    most = MAX_TOKENIZER_BYTES if name == TOKENIZER else MAX_FILE_BYTES
    if num_bytes > most:
        raise InputError(
            expected=f"a file of at most {most:,} bytes", got=f"{num_bytes:,} bytes", where=where
        )


class Folder:
    """A folder of configuration files; each is read once, and those that were read are listed.

    Attributes:
        name: its own, without those of the folders around it.
        files: names of the files that were read, in that order.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.resolve().name
        self.files: list[str] = []
        self._path = path
        self._texts: dict[str, str | None] = {}

    def read_json(self, name: str) -> dict[str, object] | None:
        """Return the object in a JSON file; None where there is no such file.

        Raises:
            InputError: it cannot be read, is too large, or is no strict JSON object.
        """
        text = self.read_text(name)
        if text is None:
            return None
        data = self._parse(name, text)
        if not isinstance(data, dict):
            raise InputError(
                expected="a JSON object", got=f"a {type(data).__name__}", where=self._where(name)
            )
        return data

    def _parse(self, name: str, text: str) -> object:
        try:
            return json.loads(text, object_pairs_hook=_unique_keys)
        except RecursionError:
            got = "one that is nested too deeply"
        except ValueError as error:  # also of a number with more digits than Python reads
            got = str(error).partition("\n")[0].partition(";")[0]
        raise InputError(expected="a JSON file", got=got, where=self._where(name))

    def read_text(self, name: str) -> str | None:
        """Return the text of a file; None where there is no such file.

        Raises:
            InputError: it cannot be read, is too large, is no regular file or no UTF-8 text.
        """
        if name not in self._texts:
            self._texts[name] = self._read(name)
        return self._texts[name]

    def source(self) -> ModelSource:
        """Return the folder and the files that were read until now."""
        return ModelSource("folder", str(self._path), files=tuple(self.files))

    def without_config(self) -> InputError:
        """Return the error that says that there is no `config.json`."""
        return InputError(expected=f"a folder with a {CONFIG}", got="none", where=str(self._path))

    def path_of(self, name: str) -> Path | None:
        """Return where a file is, or would be; None where it is known that there is none."""
        return self._path / name

    def _read(self, name: str) -> str | None:
        path = self.path_of(name)
        if path is None:
            return None
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or not self._is_inside(path):
                raise InputError(
                    expected="a regular file of the folder", got="another", where=str(path)
                )
            check_file_size(status.st_size, name, where=str(path))
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            got = error.strerror.lower() if isinstance(error, OSError) and error.strerror else ""
            raise InputError(
                expected="a readable UTF-8 file", got=got or "other bytes", where=str(path)
            ) from None
        self.files.append(name)
        return text

    def _is_inside(self, path: Path) -> bool:
        """Tell whether a file lies in the folder, or in the Hub cache's store of its repository."""
        folder = self._path.resolve()
        blobs = folder.parent.parent / "blobs"
        return path.resolve().parent in (folder, blobs)

    def _where(self, name: str) -> str:
        return str(self.path_of(name) or name)


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in data if keys.count(key) > 1)
        raise ValueError(f"the key `{twice}` twice")
    return data
