"""The files that hold a checkpoint's weights: one, a set of shards, or none."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from vlcalc.checkpoint.weights.byte_source import ByteSource, is_pointer, read_exactly
from vlcalc.checkpoint.weights.gguf import read_gguf
from vlcalc.checkpoint.weights.safetensors import read_safetensors
from vlcalc.checkpoint.weights.stored_tensor import StoredTensor, short
from vlcalc.core.errors import InputError
from vlcalc.core.strict_json import parse_json

Opener = Callable[[str], ByteSource]

INDEX = "model.safetensors.index.json"
SINGLE = ("model.safetensors", "consolidated.safetensors")
SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{1,6})-of-(?P<total>\d{1,6})(?P<ending>\.\w+)")
MAX_INDEX_BYTES = 33_554_432  # 140,000 tensors of experts take 14 MB
GGUF, PROJECTOR = ".gguf", "mmproj"


class WeightFiles(NamedTuple):
    """What the headers of a checkpoint's files say.

    Attributes:
        names: of the files, in order.
        tensors: of all of them.
    """

    names: tuple[str, ...]
    tensors: tuple[StoredTensor, ...]


def read_files(listing: Collection[str], open_file: Opener) -> WeightFiles | None:
    """Return what the files of weights in a folder or repository hold; None where it has none.

    Args:
        listing: names of the files.
        open_file: gives one of them to read.

    Raises:
        InputError: a header or the index is not what it should be, a shard is missing, or several
            files could be the weights.
    """
    index = None
    if INDEX in listing:
        index = _read_index(open_file(INDEX))
        names: Sequence[str] = sorted(set(index.values()))
    else:
        names = choose(listing)
    _check_present(names, listing)
    sources = [open_file(name) for name in names]
    if not sources or any(is_pointer(source) for source in sources):
        return None
    tensors: dict[str, StoredTensor] = {}
    for name, source in zip(names, sources, strict=True):
        read = read_gguf if name.endswith(GGUF) else read_safetensors
        for tensor in read(source):
            if tensor.name in tensors:
                got = f"`{short(tensor.name)}` twice"
                raise InputError(expected="a tensor in one file", got=got, where=source.name)
            tensors[tensor.name] = tensor
    _check_complete(index or {}, tensors)
    return WeightFiles(tuple(names), tuple(tensors.values()))


def choose(listing: Collection[str]) -> list[str]:
    """Return the files of a folder without an index that are its weights.

    Safetensors come before GGUF, whose files for language model and encoder belong together.

    Raises:
        InputError: several files could be the weights.
    """
    for name in SINGLE:
        if name in listing:
            return [name]
    tensors = [n for n in listing if n.endswith(".safetensors") and not n.startswith("adapter_")]
    if tensors:
        return _one_set(tensors)
    binary = [name for name in listing if name.endswith(GGUF)]
    projectors = [name for name in binary if name.startswith(PROJECTOR)]
    models = [name for name in binary if name not in projectors]
    return [*_one_set(models), *_one_set(projectors)]


def _one_set(names: Collection[str]) -> list[str]:
    """Return the shards of one set; there may be no other."""
    sets = {_set_of(name) for name in names}
    if len(sets) > 1:
        raise InputError(
            expected="one set of weights",
            got=", ".join(f"`{short(name)}`" for name in sorted(names)[:4]),
            hint="a folder of one of them alone, or `--dtype` to count without files",
        )
    return [name for shards in sets for name in shards]


def _set_of(name: str) -> tuple[str, ...]:
    """Return the names of all shards of the set that a file belongs to."""
    match = SHARD.fullmatch(name)
    total = int(match["total"]) if match else 0
    if match is None or not 1 <= total <= 10_000:
        return (name,)
    stem, ending, digits = match["stem"], match["ending"], len(match["total"])
    return tuple(
        f"{stem}-{number:0{digits}d}-of-{match['total']}{ending}" for number in range(1, total + 1)
    )


def _read_index(source: ByteSource) -> dict[str, str]:
    """Return the file of each tensor."""

    def refuse(expected: str, got: str) -> InputError:
        return InputError(expected=expected, got=got, where=source.name)

    if source.size > MAX_INDEX_BYTES:
        raise refuse(f"an index of at most {MAX_INDEX_BYTES:,} bytes", f"{source.size:,} bytes")
    try:
        data = parse_json(read_exactly(source, 0, source.size).decode())
    except UnicodeDecodeError:
        raise refuse("an index in UTF-8", "other bytes") from None
    except ValueError as error:
        raise refuse("an index of JSON", str(error)) from None
    shards = data.get("weight_map") if isinstance(data, dict) else None
    if not isinstance(shards, dict) or not shards:
        raise refuse("an object `weight_map` of tensors and their files", "none")
    for name in shards.values():
        if not isinstance(name, str) or not re.fullmatch(r"[\w.+-]{1,200}\.safetensors", name):
            raise refuse("names of safetensors files of the folder", f"`{str(name)[:60]}`")
    return shards


def _check_present(names: Collection[str], listing: Collection[str]) -> None:
    missing = [name for name in names if name not in listing]
    if missing:
        raise InputError(
            expected=f"{len(names):,} files of weights",
            got=f"{len(names) - len(missing):,}",
            where=f"`{short(missing[0])}`",
            hint="is the download complete?",
        )


def _check_complete(index: dict[str, str], tensors: dict[str, StoredTensor]) -> None:
    for name, file in index.items():
        if name not in tensors:
            got = "none of that name"
            raise InputError(expected=f"the tensor `{short(name)}`", got=got, where=f"`{file}`")
