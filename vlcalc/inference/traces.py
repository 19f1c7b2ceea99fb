"""The trace of a block: one run of it on meta, from which its time, bytes and memory are all read.

Equal blocks have one trace, whoever asks: the phases, the devices, and the search for the largest
load that fits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vlcalc.inference.blocks.block import Block
from vlcalc.inference.load import Load

if TYPE_CHECKING:
    from vlcalc.cost.trace import Operator

# Of a large model under one load there are some twenty; the oldest are dropped.
MAX_KEPT = 4096


class BlockTrace(NamedTuple):
    """What one run of a block did.

    Attributes:
        operators: in the order they ran, all weights and the cache in the dtype of the load.
        alive_bytes: most bytes alive at once: inputs, the cached ones too, and activations.
        cached_values: values of the inputs that lie in the cache.
    """

    operators: tuple[Operator, ...]
    alive_bytes: int
    cached_values: int


_KEPT: OrderedDict[Hashable, BlockTrace] = OrderedDict()


def traces_of(blocks: Sequence[Block], load: Load) -> list[BlockTrace]:
    """Return the trace of each block; those that have none yet run on meta, together; needs torch.

    Args:
        blocks: any, equal ones among them.
        load: says in which dtype they run, and on which backend of attention.
    """
    import torch

    # The workspace of the CPU's kernel is one for each thread.
    threads = torch.get_num_threads() if load.attention == "cpu" else 0
    keys = {block: (block, load.dtype, load.attention, threads) for block in blocks}
    if new := [block for block, key in keys.items() if key not in _KEPT]:
        for block, trace in zip(new, _run(new, load), strict=True):
            _KEPT[keys[block]] = trace
    traces = [_KEPT[keys[block]] for block in blocks]
    while len(_KEPT) > MAX_KEPT:
        _KEPT.popitem(last=False)
    return traces


def _run(blocks: list[Block], load: Load) -> list[BlockTrace]:
    """Run blocks on meta, one after another."""
    import torch

    from vlcalc.cost.trace import trace_all

    built = [block.build("meta") for block in blocks]
    traces = trace_all(built, attention=load.attention, dtype=getattr(torch, load.dtype))
    return [
        BlockTrace(
            operators=trace.operators,
            alive_bytes=trace.memory.input_bytes + trace.memory.peak_activation_bytes,
            cached_values=sum(
                tensor.numel() for tensor in inputs[len(inputs) - block.num_cached_inputs :]
            ),
        )
        for block, (_, inputs), trace in zip(blocks, built, traces, strict=True)
    ]
