"""How a checkpoint's weights are quantised: as its `config.json` says, or as its name does.

The keys of `quantization_config` are those of the methods' classes in transformers
(utils/quantization_config.py), of compressed-tensors and of ModelOpt.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vlcalc.checkpoint.config import Config

CONFIG_KEYS = ("quantization_config", "compression_config")  # the second in older files
# Method -> bits and group size that its class fixes, or has where a file says none.
CLASS_DEFAULTS: dict[str, tuple[int | None, int | None]] = {
    "awq": (4, 128),
    "eetq": (8, None),
    "fbgemm_fp8": (8, None),
    "fp8": (8, None),
    "mxfp4": (4, 32),
    "nvfp4": (4, 16),
}
# Spellings of a key, of transformers and of the tools that write the files.
BITS_KEYS = ("bits", "w_bit", "num_bits", "nbits")
GROUP_SIZE_KEYS = ("group_size", "q_group_size")
UNCONVERTED_KEYS = (
    "modules_to_not_convert",
    "ignored_layers",
    "llm_int8_skip_modules",
    "ignore",
    "exclude_modules",
)
# End of a repository's name, the bits in parentheses where it says them -> method.
NAME_ENDINGS = {
    r"awq(?:[-_](?:int|w)?(4)(?:bit|a16)?)?": "awq",
    r"gptq(?:[-_](?:int)?([2348])(?:bit)?)?": "gptq",
    r"fp8(?:[-_](?:dynamic|block|static))?": "fp8",
    r"(?:unsloth[-_])?bnb[-_]([48])bit": "bitsandbytes",
    r"(?:i1[-_])?gguf": "gguf",
    r"mxfp4": "mxfp4",
    r"nvfp4(?:a16)?": "nvfp4",
    r"(?:quantized\.)?w([48])a(?:8|16)": "compressed-tensors",
}


class StoredQuantisation(NamedTuple):
    """How the weights of a checkpoint are kept.

    Attributes:
        method: `awq`, `gptq`, `fp8`, `bitsandbytes`, `compressed-tensors`, `mxfp4`...
        bits: of one weight; None where it is not said, or differs between modules.
        group_size: weights of a row that share a scale; None where it is not said, differs between
            modules, or is the whole row.
        unconverted: modules, or patterns of their names, that keep their dtype.
        scheme: the variant of the method: `nf4`, `nf4-double`, `nvfp4-pack-quantized`...; "" where
            there is but one, or it is not said.
    """

    method: str
    bits: int | None = None
    group_size: int | None = None
    unconverted: tuple[str, ...] = ()
    scheme: str = ""

    def __str__(self) -> str:
        parts = [f"{self.method} {self.scheme}".rstrip()]
        if self.bits is not None:
            parts.append(f"{self.bits} bits")
        if self.group_size is not None:
            parts.append(f"groups of {self.group_size}")
        if self.unconverted:
            parts.append("not converted: " + ", ".join(self.unconverted))
        return ", ".join(parts)

    def to_dict(self) -> dict[str, object]:
        """Return the fields for JSON."""
        return {**self._asdict(), "unconverted": list(self.unconverted)}


def stored_quantisation(config: Config) -> StoredQuantisation | None:
    """Return how `config.json` says that the weights are quantised; None where it does not.

    Some checkpoints of several parts say it in the configuration of the language model.

    Raises:
        InputError: it says it in a way that cannot be.
    """
    for part in (config, config.text("")):
        for key in CONFIG_KEYS:
            if part.has(key):
                return _read(part.section(key))
    return None


def _read(block: Config) -> StoredQuantisation:
    if block.has("load_in_4bit") or block.has("load_in_8bit"):
        return _read_bitsandbytes(block)
    method = block.string("quant_method")
    scheme = next((block.string(key) for key in ("format", "quant_algo") if block.has(key)), "")
    shapes = {_bits_and_group_size(weights) for weights in _weights(block)}
    bits, group_size = shapes.pop() if len(shapes) == 1 else (None, None)
    default_bits, default_group_size = CLASS_DEFAULTS.get(method, (None, None))
    return StoredQuantisation(
        method, bits or default_bits, group_size or default_group_size, _unconverted(block), scheme
    )


def _read_bitsandbytes(block: Config) -> StoredQuantisation:
    block = block.with_defaults(
        {
            "load_in_4bit": False,
            "load_in_8bit": False,
            "bnb_4bit_quant_type": "fp4",
            "bnb_4bit_use_double_quant": False,
        }
    )
    unconverted = _unconverted(block)
    if not block.flag("load_in_4bit"):
        return StoredQuantisation("bitsandbytes", 8, None, unconverted, "int8")
    doubled = "-double" if block.flag("bnb_4bit_use_double_quant") else ""
    scheme = block.string("bnb_4bit_quant_type") + doubled
    return StoredQuantisation("bitsandbytes", 4, 64, unconverted, scheme)


def _weights(block: Config) -> list[Config]:
    """Return what is said about weights: for each group of modules, or for all at once."""
    if not block.has("config_groups"):
        return [block]
    groups = block.section("config_groups")
    sections = [groups.section(name) for name in groups.names()]
    return [section.section("weights") for section in sections if section.has("weights")]


def _bits_and_group_size(weights: Config) -> tuple[int | None, int | None]:
    group_size = weights.optional_integer(*GROUP_SIZE_KEYS, least=-1)
    return weights.optional_integer(*BITS_KEYS), None if group_size in (-1, 0) else group_size


def _unconverted(block: Config) -> tuple[str, ...]:
    keys = [key for key in UNCONVERTED_KEYS if block.has(key)]
    return tuple(dict.fromkeys(str(name)[:200] for key in keys for name in block.items(key)))


def quantisation_in_name(repository: str) -> tuple[str, StoredQuantisation] | None:
    """Return what a repository's name says: that of the model itself, and how it is quantised.

    Args:
        repository: `org/name`; only endings that are known are understood.
    """
    for ending, method in NAME_ENDINGS.items():
        match = re.fullmatch(rf"(.+?)[-_.]{ending}", repository, re.IGNORECASE)
        if match:
            bits, group_size = CLASS_DEFAULTS.get(method, (None, None))
            said = next((bits for bits in match.groups()[1:] if bits), None)
            record = StoredQuantisation(method, int(said) if said else bits, group_size)
            return match[1], record
    return None
