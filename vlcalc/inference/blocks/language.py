"""The protocol of language models: what a prompt runs, and what each token of the answer does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction

from vlcalc.inference.blocks.block import Block, Pass
from vlcalc.inference.plan import Plan


class LanguageBlocks(ABC):
    """What a language model runs under a plan; a class for each shape of language model."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.batch_size = plan.load.batch_size
        self.length = plan.sequence_length

    @abstractmethod
    def prompt(self) -> tuple[Block, ...]:
        """Return what the prompt runs, up to the first token of the answer.

        Raises:
            InputError: prompt and answer are longer than a table of positions.
        """

    @abstractmethod
    def token(self, context: int) -> tuple[Block, ...]:
        """Return what one more token runs; `context` is the positions so far and itself."""

    @abstractmethod
    def stretches(self) -> Iterator[range]:
        """Yield the contexts of the answer in stretches along which a token's cost is linear."""

    def prefill(self) -> tuple[Pass, ...]:
        """Return the passes of the prompt: one, or none where there is nothing to read."""
        blocks = self.prompt()
        return (Pass(blocks=blocks),) if blocks else ()

    def decode(self) -> tuple[Pass, ...]:
        """Return the passes of the answer after its first token, which comes with the prompt.

        The tokens of a stretch cost what half of them cost at its first context and half at its
        last.
        """
        passes = []
        for contexts in self.stretches():
            ends = dict.fromkeys((contexts[0], contexts[-1]))
            share = Fraction(len(contexts), len(ends))
            passes += [
                Pass(blocks=self.token(context), num_runs=share, context=context)
                for context in ends
            ]
        return tuple(passes)
