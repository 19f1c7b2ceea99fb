"""What each stored tensor holds: parameters, packed or not, their constants, or a buffer.

Source: the files that these tools write: AutoGPTQ and AutoAWQ (`qweight`, `qzeros`, `scales`,
`g_idx`), bitsandbytes (`absmax`, `quant_state`, `SCB`), compressed-tensors (`weight_packed`,
`weight_scale`), DeepSeek's FP8 (`weight_scale_inv`), gpt-oss (`_blocks`, `_scales`), ModelOpt
(`weight_scale_2`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from vlcalc.checkpoint.weights.safetensors import DTYPE_BITS
from vlcalc.checkpoint.weights.stored_tensor import StoredTensor, short
from vlcalc.core.errors import InputError

# copy: of a tensor that is tied, so that it is loaded once.
Role = Literal["parameter", "constants", "buffer", "copy"]

# Last part of a name -> parts that the quantised weight beside it may have instead.
CONSTANTS = {
    **dict.fromkeys(("qzeros", "scales", "g_idx"), ("qweight",)),
    **dict.fromkeys(("SCB", "weight_format", "weight_scale_inv", "weight_scale_2"), ("weight",)),
    **dict.fromkeys(("weight_scale", "weight_zero_point"), ("weight", "weight_packed")),
    **dict.fromkeys(("weight_shape", "weight_g_idx", "weight_global_scale"), ("weight_packed",)),
    **dict.fromkeys(
        ("input_scale", "input_zero_point", "output_scale", "input_global_scale", "scale"),
        ("weight", "weight_packed"),
    ),
    **dict.fromkeys(("k_scale", "v_scale"), ("weight", "")),
}
SCALE_OF_NAME = re.compile(r"(?P<weight>.+)_(?:scales|scale|scale_inv|scale_2)")
BUFFER = re.compile(
    r"(^|[._])(inv_freq|original_inv_freq|position_ids|token_type_ids|rope_freqs\.weight"
    r"|e_score_correction_bias|num_batches_tracked|running_mean|running_var"
    r"|relative_position_index|relative_coords_table|attn_mask|masked_bias|freqs_cis|pos_idx_to_embed)$"
)
HEAD = re.compile(r"(^|\.)(lm_head|output)\.weight$")
EMBEDDING = re.compile(r"(^|\.)(embed_tokens|token_embd|tok_embeddings|wte)\.weight")


class Content(NamedTuple):
    """A tensor, and what it holds.

    Attributes:
        name: of the parameter, which may be packed under another.
        num_params: 0 where it holds none.
    """

    tensor: StoredTensor
    role: Role
    name: str
    num_params: int


class Names(NamedTuple):
    """The tensors of a checkpoint by name, and the bits of what it packs.

    Attributes:
        bits: of a packed weight, as the configuration says; None where it does not.
    """

    tensors: Mapping[str, StoredTensor]
    bits: int | None


def contents_of(
    tensors: Sequence[StoredTensor],
    quantisation: Mapping[str, object] | None = None,
    *,
    tied: bool = False,
    parameters: Sequence[str] = (),
) -> list[Content]:
    """Return what each tensor holds.

    Args:
        tensors: all of the checkpoint.
        quantisation: what `config.json` says in `quantization_config`.
        tied: whether the head is the embedding, so that a head that is stored too is a copy.
        parameters: last parts of names that are parameters in this family, buffers in others.

    Raises:
        InputError: weights are packed, and into how many bits is not said.
    """
    names = Names({tensor.name: tensor for tensor in tensors}, bits_of(quantisation or {}))
    embeddings = {t.shape for t in tensors if EMBEDDING.search(t.name)} if tied else set()
    return [_content(tensor, names, embeddings, parameters) for tensor in tensors]


def bits_of(quantisation: Mapping[str, object]) -> int | None:
    """Return the bits of a packed weight that a `quantization_config` says; None for none."""
    groups = quantisation.get("config_groups")
    group = next(iter(groups.values()), None) if isinstance(groups, dict) else None
    weights = group.get("weights") if isinstance(group, dict) else None
    said = weights.get("num_bits") if isinstance(weights, dict) else None
    bits = said or quantisation.get("bits") or quantisation.get("w_bit")
    return bits if type(bits) is int and 1 <= bits <= 8 else None


def _content(
    tensor: StoredTensor,
    names: Names,
    embeddings: set[tuple[int, ...]],
    parameters: Sequence[str],
) -> Content:
    if _is_constants(tensor.name, names):
        return Content(tensor, "constants", tensor.name, 0)
    last = tensor.name.rpartition(".")[2]
    if BUFFER.search(tensor.name) and last not in parameters:
        return Content(tensor, "buffer", tensor.name, 0)
    if tensor.shape in embeddings and HEAD.search(tensor.name):
        return Content(tensor, "copy", tensor.name, 0)
    name, number = _unpacked(tensor, names)
    return Content(tensor, "parameter", name, number)


def _is_constants(name: str, names: Names) -> bool:
    """Tell whether a tensor belongs to a quantised weight beside it."""
    stem, _, last = name.rpartition(".")
    if any(f"{stem}.{weight}" in names.tensors for weight in CONSTANTS.get(last, ()) if weight):
        return True
    if last in ("k_scale", "v_scale"):  # of the cache
        return True
    before, mark, _ = name.partition(".weight.")
    if mark and f"{before}.weight" in names.tensors:  # bitsandbytes' absmax, quant_state...
        return True
    match = SCALE_OF_NAME.fullmatch(name)
    weight = match["weight"] if match else ""
    return weight in names.tensors or f"{weight}_blocks" in names.tensors


def _unpacked(tensor: StoredTensor, names: Names) -> tuple[str, int]:
    """Return the name of a parameter and how many numbers it has.

    Raises:
        InputError: it is packed, and into how many bits is not said.
    """
    name, has = tensor.name, names.tensors.__contains__
    stem, _, last = name.rpartition(".")
    if last == "qweight":
        return f"{stem}.weight", _in_words(tensor, _group_bits(stem, names) or names.bits)
    if last == "weight_packed":
        bits = 4 if tensor.dtype == "U8" else names.bits  # U8: two of four bits, as NVFP4 has them
        return f"{stem}.weight", _in_words(tensor, bits)
    if name.endswith("_blocks") and has(f"{name.removesuffix('_blocks')}_scales"):
        return name.removesuffix("_blocks"), _in_words(tensor, 4)
    half = has(f"{name}.absmax") or (tensor.dtype == "U8" and has(f"{name}_scale"))
    return name, _in_words(tensor, 4) if half else tensor.num_elements


def _group_bits(stem: str, names: Names) -> int | None:
    """Return the bits of GPTQ and AWQ: a group has as many zero points in words as scales."""
    zeros, scales = (names.tensors.get(f"{stem}.{last}") for last in ("qzeros", "scales"))
    if not zeros or not scales or not zeros.shape or not scales.shape or not scales.shape[-1]:
        return None
    return DTYPE_BITS.get(zeros.dtype, 32) * zeros.shape[-1] // scales.shape[-1]


def _in_words(tensor: StoredTensor, bits: int | None) -> int:
    if not bits:
        raise InputError(
            expected="the bits of a packed weight in `quantization_config`",
            got="none",
            where=f"`{short(tensor.name)}`",
        )
    return 8 * tensor.num_bytes // bits
