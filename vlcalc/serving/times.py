"""How long each phase of a load takes, and what follows from it: to the first token, of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vlcalc.core.known import sum_known
from vlcalc.inference.blocks.block import Phase
from vlcalc.inference.load import Load

PhaseBound = Literal["compute", "memory", "overhead", "communication"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseLatency:
    """What a phase takes over the whole batch; None is unknown.

    Attributes:
        latency_s: all of it.
        compute_s: in operators that FLOPs bind.
        memory_s: in operators that bandwidth binds.
        overhead_s: in starting operators.
        communication_s: between devices.
    """

    phase: Phase
    latency_s: float | None = None
    compute_s: float | None = None
    memory_s: float | None = None
    overhead_s: float | None = None
    communication_s: float | None = None

    @property
    def bound(self) -> PhaseBound | None:
        """What takes most; None where nothing runs, or it is not known what does, as of a clock."""
        if not self.latency_s or self.compute_s is None:
            return None
        shares: dict[PhaseBound, float] = {
            "compute": self.compute_s or 0.0,
            "memory": self.memory_s or 0.0,
            "overhead": self.overhead_s or 0.0,
            "communication": self.communication_s or 0.0,
        }
        return max(shares, key=lambda name: shares[name])


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """What the phases of a load take; None is unknown.

    Attributes:
        phases: encode, fuse, prefill, decode; those of a part by itself where it is one.
    """

    load: Load
    num_decoded: int
    phases: tuple[PhaseLatency, ...]

    def phase(self, name: Phase) -> PhaseLatency:
        """Return the phase of a name; a part by itself knows nothing of those of others."""
        return {phase.phase: phase for phase in self.phases}.get(name, PhaseLatency(phase=name))

    def has(self, name: Phase) -> bool:
        """Return whether the model has a phase: a part by itself has not all of them."""
        return any(phase.phase == name for phase in self.phases)

    @property
    def encodes(self) -> bool:
        """Whether there are images to encode."""
        return self.load.num_images > 0 and self.has("encode")

    @property
    def answers(self) -> bool:
        """Whether a prompt is read."""
        return self.has("prefill")

    @property
    def time_to_first_token_s(self) -> float | None:
        """Encode, fuse and prefill."""
        return sum_known(phase.latency_s for phase in self.phases if phase.phase != "decode")

    @property
    def time_per_output_token_s(self) -> float | None:
        """The mean over all tokens after the first."""
        decode_s = self.phase("decode").latency_s
        return decode_s / self.num_decoded if decode_s and self.num_decoded else None

    @property
    def tokens_per_s(self) -> float | None:
        """Of each sequence, while it decodes."""
        return 1 / self.time_per_output_token_s if self.time_per_output_token_s else None

    @property
    def batch_tokens_per_s(self) -> float | None:
        """Of all sequences together."""
        return self.tokens_per_s and self.load.batch_size * self.tokens_per_s

    @property
    def communication_s(self) -> float | None:
        """Between devices, in all phases."""
        return sum_known(phase.communication_s for phase in self.phases)

    @property
    def images_per_s(self) -> float | None:
        """Through the encode phase alone."""
        encode_s = self.phase("encode").latency_s
        return self.load.total_images / encode_s if encode_s else None

    @property
    def total_s(self) -> float | None:
        """From the prompt to the last token."""
        return sum_known(phase.latency_s for phase in self.phases)
