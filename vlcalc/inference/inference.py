"""Spec x load -> what inference costs: parameters, weights, four phases, cache, total memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vlcalc.backbones.language import CacheBytes
from vlcalc.core.known import sum_known
from vlcalc.cost.components import Components, components
from vlcalc.inference.blocks.block import Phase
from vlcalc.inference.blocks.phases import phase_passes
from vlcalc.inference.costs import PhaseCost, phase_cost
from vlcalc.inference.load import Load
from vlcalc.inference.memory import WeightBytes, cache_bytes, weight_bytes
from vlcalc.inference.plan import Plan, make_plan
from vlcalc.spec.schema import ModelSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Inference:
    """What a load costs a model; None is unknown.

    Attributes:
        params: parameters by component.
        weights: bytes of the weights by component.
        phases: encode, fuse, prefill, decode; those of a part by itself where it is one.
        cache: bytes of keys and values when the answer is done.
        traced: whether bytes moved and peak activations were counted.
    """

    plan: Plan
    params: Components
    weights: WeightBytes
    phases: tuple[PhaseCost, ...]
    cache: CacheBytes | None
    traced: bool

    @property
    def flops(self) -> int | None:
        """FLOPs of all phases."""
        return sum_known(phase.flops for phase in self.phases)

    @property
    def moved_bytes(self) -> int | None:
        """Bytes moved in all phases."""
        return sum_known(phase.moved_bytes for phase in self.phases)

    @property
    def peak_activation_bytes(self) -> int | None:
        """Most bytes alive at once besides weights and cache, in the phase that needs most."""
        peaks = [phase.peak_activation_bytes for phase in self.phases]
        known = [peak for peak in peaks if peak is not None]
        return max(known) if len(known) == len(peaks) else None

    @property
    def total_bytes(self) -> int | None:
        """Weights, full cache and peak activations: what must fit on the device."""
        cache = None if self.cache is None else self.cache.total
        return sum_known((self.weights.total, cache, self.peak_activation_bytes))

    def memory_parts(self) -> Iterator[tuple[str, int | None]]:
        """Yield what must fit on the device, and its bytes: weights, cache, activations."""
        for part in self.plan.spec.components:
            yield f"weights: {part}", self.weights._asdict()[part]
        if self.weights.other:
            yield "weights: other", self.weights.other
        if "language" in self.plan.spec.components:
            yield "KV cache: self-attention", self.cache.self_attention if self.cache else None
        if self.cache and self.cache.cross_attention:
            yield "KV cache: cross-attention", self.cache.cross_attention
        yield "peak activations", self.peak_activation_bytes

    def phase(self, name: Phase) -> PhaseCost:
        """Return the phase of a name, which the model has."""
        return next(phase for phase in self.phases if phase.phase == name)


def infer(spec: ModelSpec, load: Load, *, traced: bool = True) -> Inference:
    """Return what a load costs a model.

    Args:
        spec: the architecture.
        load: the request.
        traced: whether to count bytes moved and peak activations, which needs torch.

    Raises:
        InputError: prompt and answer are longer than the window, or a quantisation does not apply.
        RefusedError: the model's processor refuses such an image.
    """
    plan = make_plan(spec, load)
    params = components(spec)
    passes = phase_passes(plan)
    tokens = phase_tokens(plan)
    return Inference(
        plan=plan,
        params=params,
        weights=weight_bytes(params, plan),
        phases=tuple(
            phase_cost(phase, runs, tokens[phase], load, traced=traced)
            for phase, runs in passes.items()
        ),
        cache=cache_bytes(plan),
        traced=traced,
    )


def phase_tokens(plan: Plan) -> dict[Phase, int | None]:
    """Return what goes through each phase, over the whole batch."""
    load = plan.load
    encoded = [
        call.batch_size * call.vision.encoder.sequence_length(call.columns, call.rows)
        for call in plan.encoder_calls
        if call.vision.encoder
    ]
    has_language = plan.spec.language.shape is not None
    return {
        "encode": sum(encoded) if len(encoded) == len(plan.encoder_calls) else None,
        "fuse": None if plan.fusion_dims is None else fused_vectors(plan),
        "prefill": load.batch_size * plan.sequence_length if has_language else None,
        "decode": load.batch_size * plan.num_decoded if has_language else None,
    }


def fused_vectors(plan: Plan) -> int:
    """Return the vectors that the fusion method gives to the language model, of the whole batch."""
    fusion = plan.spec.fusion
    if fusion is None:
        return 0
    into_sequence = plan.inserted is None  # inserted layers have markers there, not vectors
    return sum(
        dims.batch_size
        * (fusion.num_context_tokens(dims) + into_sequence * fusion.num_image_tokens(dims))
        for dims in plan.fusion_dims or ()
    )
