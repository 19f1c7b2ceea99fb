"""Tensor parallelism: what each of several devices holds and runs, and what they tell each other.

Heads, feed-forwards and vocabulary of the language model are split, layers that a fusion method
inserts likewise; norms, routers, the vision encoder and the fusion's connector are on every device.
Experts are split like feed-forwards, each over all devices.

Source: Megatron-LM, arXiv:1909.08053, section 3 (two all-reduces a layer, one of the embedding);
key/value heads that are fewer than devices are copied, as vLLM does (QKVParallelLinear of
vllm/model_executor/layers/linear.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from vlcalc.backbones.decoder import Decoder
from vlcalc.core.errors import InputError
from vlcalc.fusion.base import Fusion
from vlcalc.fusion.cross_attention import PlainCrossAttention
from vlcalc.fusion.gated_xattn_dense import GatedXattnDense
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.inference.plan import Plan
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.schema import ModelSpec

MAX_TP = 1024

# Seconds that a ring takes to start, and for each of its steps.
# Source: NVIDIA/nccl@01afd20 src/graph/tuning.cc, baseLat and hwLat of Ring with protocol LL.
START_S = 3.6e-6
NVLINK_STEP_S = 0.47e-6
PCIE_STEP_S = 1.0e-6  # taken for every link but NVLink


def shard(spec: ModelSpec, tp: int) -> ModelSpec:
    """Return what one of `tp` devices holds: a model with fewer heads and narrower feed-forwards.

    Raises:
        InputError: `tp` does not divide heads or widths, or the language model is no decoder.
    """
    if type(tp) is not int or not 1 <= tp <= MAX_TP:
        raise InputError(expected=f"1 to {MAX_TP:,} devices", got=repr(tp)[:60])
    if tp == 1:
        return spec
    decoder = spec.language.decoder
    if decoder is None:
        raise InputError(
            expected="a decoder whose shape is known, to split it", got=f"`{spec.language.name}`"
        )
    language = spec.language.model_copy(update={"decoder": shard_decoder(decoder, tp)})
    fusion = spec.fusion
    if isinstance(fusion, InsertedLayers):
        fusion = _shard_inserted(fusion, tp, text_width=decoder.width)
    return spec.model_copy(update={"language": language, "fusion": fusion})


def shard_decoder(decoder: Decoder, tp: int) -> Decoder:
    """Return a device's part of a language model; its vocabulary is filled up to equal parts.

    Raises:
        InputError: `tp` does not divide heads or widths.
    """
    changed: dict[str, Any] = {
        "num_heads": _part(decoder.num_heads, tp, "heads"),
        "num_kv_heads": _kv_part(decoder.num_kv_heads, tp),
        "ffn_width": _part(decoder.ffn_width, tp, "feed-forward channels"),
        "vocab_size": -(-decoder.vocab_size // tp),
        "extra_embeddings": -(-decoder.extra_embeddings // tp),
    }
    if experts := decoder.experts:
        widths = {
            "ffn_width": _part(experts.ffn_width, tp, "channels of an expert"),
            "shared_width": _part(experts.shared_width, tp, "channels of shared experts"),
        }
        changed["experts"] = experts.model_copy(update=widths)
    return decoder.model_copy(update=changed)


def _shard_inserted(fusion: InsertedLayers, tp: int, *, text_width: int) -> Fusion:
    """Return a device's part of inserted layers: fewer heads, a narrower feed-forward."""
    if not isinstance(fusion, GatedXattnDense | PlainCrossAttention):
        raise InputError(expected="inserted layers that can be split", got=f"`{fusion.kind}`")
    changed: dict[str, Any] = {
        "num_heads": _part(fusion.num_heads, tp, "heads of inserted layers"),
        "head_dim": fusion.head_dim or text_width // fusion.num_heads,
    }
    if isinstance(fusion, GatedXattnDense):
        hidden = fusion.hidden_width or 4 * text_width
        changed["hidden_width"] = _part(hidden, tp, "feed-forward channels of inserted layers")
        if fusion.num_kv_heads:
            changed["num_kv_heads"] = _kv_part(fusion.num_kv_heads, tp)
    return fusion.model_copy(update=changed)


def _part(whole: int, tp: int, what: str) -> int:
    if whole % tp:
        raise InputError(expected=f"a number of devices that divides {whole:,} {what}", got=str(tp))
    return whole // tp


def _kv_part(num_kv_heads: int, tp: int) -> int:
    """Return the key/value heads of one device; where there are fewer than devices, one, copied."""
    if num_kv_heads < tp and tp % num_kv_heads == 0:
        return 1
    return _part(num_kv_heads, tp, "key/value heads")


class Message(NamedTuple):
    """One collective operation of all devices, and how often a phase has it.

    Attributes:
        num_bytes: of the result, which each device has in the end.
    """

    kind: Literal["all-reduce", "all-gather"]
    number: int
    num_bytes: int


def messages(plan: Plan, tp: int, positions: int, num_logits: int) -> Iterator[Message]:
    """Yield what devices tell each other while positions pass through the language model.

    Args:
        plan: of one device's part.
        tp: devices.
        positions: of each sequence.
        num_logits: positions of each sequence whose logits all devices get.
    """
    decoder, load = plan.spec.language.decoder, plan.load
    if decoder is None or tp == 1:
        return
    reduced = 1 + 2 * decoder.depth
    if plan.inserted and plan.inserted_dims:
        has_feed_forward = isinstance(plan.inserted, GatedXattnDense)
        layers = len(plan.inserted.layer_positions(plan.inserted_dims))
        reduced += (1 + has_feed_forward) * layers
    states = load.batch_size * positions * decoder.width * load.dtype_bytes
    yield Message("all-reduce", reduced, states)
    logits = load.batch_size * num_logits * tp * decoder.vocab_size * load.dtype_bytes
    if logits:
        yield Message("all-gather", 1, logits)


def message_s(message: Message, device: DeviceSpec, tp: int) -> float | None:
    """Return the seconds of a message around a ring, all its numbers; None for an unknown link.

    A device sends and receives at once, so that half of the link's rate counts. A reduction goes
    around twice, in `tp` - 1 steps each, and moves (`tp` - 1) / `tp` of the result each time.
    """
    link = device.interconnect
    if link is None or link.bytes_per_s is None:
        return None
    rounds = 2 if message.kind == "all-reduce" else 1
    rate = device.efficiency.bandwidth * link.bytes_per_s / 2
    step_s = NVLINK_STEP_S if link.name.startswith("NVLink") else PCIE_STEP_S
    steps = rounds * (tp - 1)
    one_s = START_S + steps * step_s + steps * message.num_bytes / tp / rate
    return message.number * one_s
