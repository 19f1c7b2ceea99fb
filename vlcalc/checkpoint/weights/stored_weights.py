"""The weights of a checkpoint in sum: parameters and bytes by component, and how they differ."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vlcalc.checkpoint.weights.byte_source import LocalFile
from vlcalc.checkpoint.weights.contents import Content, Role, contents_of
from vlcalc.checkpoint.weights.files import WeightFiles, read_files
from vlcalc.checkpoint.weights.prefixes import COMPONENTS, components_of, family_of
from vlcalc.checkpoint.weights.stored_tensor import StoredTensor
from vlcalc.core.errors import InputError

NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")


class HeldTensor(NamedTuple):
    """A tensor's content, and the component that it belongs to."""

    content: Content
    component: str


class Difference(NamedTuple):
    """How a component's stored parameters differ from those of the spec.

    Attributes:
        stored: parameters that the files hold.
        expected: parameters of the spec.
        tensors: what stands out: `layers.5.mlp.up_proj.weight: missing`, likeliest first.
    """

    component: str
    stored: int
    expected: int
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """What the files of a checkpoint hold.

    Attributes:
        files: names of the files.
        tensors: all that they hold.
    """

    files: tuple[str, ...]
    tensors: tuple[HeldTensor, ...]

    def of(self, component: str, *roles: Role) -> Iterator[Content]:
        """Yield what is held of a component in some roles; in all without any."""
        for content, owner in self.tensors:
            if owner == component and (not roles or content.role in roles):
                yield content

    @property
    def params(self) -> dict[str, int]:
        """Parameters by component, unpacked, tied ones once, buffers never."""
        return {name: sum(content.num_params for content in self.of(name)) for name in COMPONENTS}

    @property
    def weight_bytes(self) -> dict[str, int]:
        """Bytes of the parameters by component, with the constants of a quantisation."""
        return {
            name: sum(self.bytes_by_dtype(name, "parameter", "constants").values())
            for name in COMPONENTS
        }

    def bytes_by_dtype(self, component: str, *roles: Role) -> dict[str, int]:
        """Return the bytes of a component by dtype, most first."""
        sizes: Counter[str] = Counter()
        for content in self.of(component, *roles):
            sizes[content.tensor.dtype] += content.tensor.num_bytes
        return dict(sizes.most_common())

    @property
    def apart(self) -> list[StoredTensor]:
        """Buffers, and copies of tied tensors: stored, but no parameters."""
        return [c.tensor for c, _ in self.tensors if c.role in ("buffer", "copy")]

    @property
    def stored_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(content.tensor.num_bytes for content, _ in self.tensors)

    def differences(self, expected: Mapping[str, int | None]) -> list[Difference]:
        """Return the components whose parameters are not those of the spec.

        Args:
            expected: parameters of the spec by component; None where they are not known.
        """
        stored = self.params
        return [
            Difference(name, stored[name], number, tuple(self._suspects(name, number)))
            for name in COMPONENTS
            if (number := expected[name]) is not None and number != stored[name]
        ]

    def _suspects(self, component: str, expected: int) -> Iterator[str]:
        """Yield the tensors that explain a difference, as far as the files show it.

        Those that alone make it up; else those that a layer lacks or has in another shape than the
        layers beside it; else the groups of equal names, largest first.
        """
        contents = list(self.of(component, "parameter"))
        surplus = sum(content.num_params for content in contents) - expected
        exact = [c.name for c in contents if c.num_params == surplus]
        odd = list(_odd_ones(contents))
        groups: Counter[str] = Counter()
        for content in contents:
            groups[NUMBER.sub("*", content.name)] += content.num_params
        whole = [name for name, number in groups.items() if number == surplus]
        if exact or whole:
            names = exact if len(exact) == 1 or not whole else whole
            yield from (f"{name}: unexpected" for name in names)
        elif odd:
            yield from odd
        else:
            yield from (f"{name}: {number:,}" for name, number in groups.most_common())


def _odd_ones(contents: list[Content]) -> Iterator[str]:
    """Yield tensors of a layer that are missing, or of another shape than in most layers."""
    stacks: dict[str, dict[str, dict[str, StoredTensor]]] = {}
    for content in contents:
        if match := NUMBER.search(content.name):
            stack, rest = content.name[: match.start()], content.name[match.end() :]
            stacks.setdefault(stack, {}).setdefault(rest, {})[match[0]] = content.tensor
    for stack, parts in stacks.items():
        numbers = {number for held in parts.values() for number in held}
        for rest, held in parts.items():
            if 2 * len(held) >= len(numbers):
                absent = sorted(numbers - held.keys(), key=int)
                yield from (f"{stack}{number}{rest}: missing" for number in absent)
            usual = Counter(tensor.shape for tensor in held.values()).most_common(1)[0][0]
            for number, tensor in held.items():
                if tensor.shape != usual:
                    yield f"{stack}{number}{rest}: {_sides(tensor.shape)}, not {_sides(usual)}"


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def read_folder(
    folder: Path, config: Mapping[str, object], *, tied: bool = False
) -> StoredWeights | None:
    """Return the weights beside a configuration; None where there are none.

    Args:
        folder: where the files lie.
        config: what `config.json` says.
        tied: whether the model's head is its embedding.

    Raises:
        InputError: a header is not what it should be, a shard is missing, or several files could
            be the weights.
    """
    try:
        listing = set(os.listdir(folder))  # noqa: PTH208
    except OSError as error:
        got = (error.strerror or str(error)).lower()
        raise InputError(expected="a readable folder", got=got, where=str(folder)) from None
    files = read_files(listing, lambda name: LocalFile(folder / name))
    return None if files is None else stored_weights_of(files, config, tied=tied)


def stored_weights_of(
    files: WeightFiles, config: Mapping[str, object], *, tied: bool = False
) -> StoredWeights:
    """Return what files hold, by component; arguments as `read_folder`."""
    text = config.get("text_config")
    said = config.get("quantization_config")
    if said is None and isinstance(text, Mapping):
        said = text.get("quantization_config")
    family = family_of(str(config.get("model_type") or ""))
    contents = contents_of(
        files.tensors,
        said if isinstance(said, Mapping) else {},
        tied=tied,
        parameters=family.parameters,
    )
    owners = components_of([content.name for content in contents], family)
    held = tuple(HeldTensor(content, owners[content.name]) for content in contents)
    return StoredWeights(files.names, held)
