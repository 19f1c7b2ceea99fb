"""Spec x load -> what runs: encoders on which grids, the fusion on which dims, how many tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from vlcalc.core.errors import InputError
from vlcalc.cost.components import dims_of
from vlcalc.fusion.base import Dims
from vlcalc.fusion.inserted import InsertedLayers
from vlcalc.inference.load import Load
from vlcalc.spec.alone import PartAlone
from vlcalc.spec.dims import visual_grid
from vlcalc.spec.schema import ModelSpec, VisionSpec
from vlcalc.tiling.base import View
from vlcalc.tokens.budget import TokenBudget, budget


class EncoderCall(NamedTuple):
    """An encoder on `batch_size` inputs of one shape, each `columns` x `rows` patches."""

    vision: VisionSpec
    columns: int
    rows: int
    batch_size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What one load makes a model run.

    Attributes:
        budget: tokens of one prompt.
        encoder_calls: what the encoders run on, over the whole batch; none without an image.
        fusion_dims: what the fusion method runs on, a shape of input each; none without an image,
            None where there is one and the method or the language model is not known.
    """

    spec: ModelSpec
    load: Load
    budget: TokenBudget
    encoder_calls: tuple[EncoderCall, ...]
    fusion_dims: tuple[Dims, ...] | None

    @property
    def sequence_length(self) -> int:
        """Positions of one prompt: text, image and extra tokens; late fusion leaves the text."""
        return self.load.text_tokens if is_late(self.spec) else self.budget.sequence_length

    @property
    def window_share(self) -> float | None:
        """The prompt's share of the context window; None where that is not known."""
        window = self.budget.context_window
        return self.sequence_length / window if window else None

    @property
    def tokens_left(self) -> int | None:
        """Positions of the context window that prompt and answer leave."""
        window = self.budget.context_window
        return None if window is None else window - self.num_positions

    @property
    def num_positions(self) -> int:
        """Positions of one prompt and of its answer, where one is written."""
        return self.sequence_length + self.budget.request.reserve_tokens

    @property
    def num_decoded(self) -> int:
        """Tokens that one answer decodes after its first; none where nothing is generated."""
        return self.load.output_tokens - 1 if self.spec.language.generates else 0

    @property
    def num_extra_logits(self) -> int:
        """Logits of tokens that are no part of the language model's vocabulary."""
        return sum(extra.num_logits for extra in self.spec.extra_params)

    @property
    def inserted(self) -> InsertedLayers | None:
        """The layers that the fusion method puts into the language model, if it does."""
        fusion = self.spec.fusion
        return fusion if isinstance(fusion, InsertedLayers) else None

    @property
    def inserted_dims(self) -> Dims | None:
        """What those layers run on; None where there are none, or no image to attend to."""
        return self.fusion_dims[0] if self.inserted and self.fusion_dims else None


def make_plan(spec: ModelSpec, load: Load) -> Plan:
    """Return what a load makes a model run.

    Raises:
        InputError: prompt and answer are longer than the context window.
        RefusedError: the model's processor refuses such an image.
    """
    request = load.request
    fills_window = isinstance(spec, PartAlone) and load.output_tokens == 1
    if fills_window or not spec.language.generates:  # what comes with the prompt takes no position
        request = replace(request, reserve_tokens=0)
    tokens = budget(spec, load.image, request)
    _check_window(spec, load, tokens)
    is_known = spec.fusion is not None and spec.language.shape is not None
    has_images = load.num_images > 0
    calls = _encoder_calls(spec, tokens.tiling.views, load) if has_images else ()
    dims = _fusion_dims(spec, tokens, load) if has_images else ()
    return Plan(
        spec=spec,
        load=load,
        budget=tokens,
        encoder_calls=tuple(calls),
        fusion_dims=tuple(dims) if is_known or not has_images else None,
    )


def is_late(spec: ModelSpec) -> bool:
    """Return whether image and text meet behind the language model, not in its sequence."""
    return spec.fusion is not None and spec.fusion.taxonomy == "late"


def _check_window(spec: ModelSpec, load: Load, tokens: TokenBudget) -> None:
    images = 0 if is_late(spec) else tokens.image_tokens + tokens.extra_tokens
    output = tokens.request.reserve_tokens
    num_positions = images + load.text_tokens + output
    if tokens.context_window is None or num_positions <= tokens.context_window:
        return
    number = {0: "no image", 1: f"an image of {load.image}"}.get(
        load.num_images, f"{load.num_images} images of {load.image}"
    )
    raise InputError(
        expected=f"at most {tokens.context_window:,} tokens, the context window of {spec.name}",
        got=f"{num_positions:,}: {images:,} for {number}, {load.text_tokens:,} of text, "
        f"{output:,} of output",
        hint="a smaller image, fewer images, less text or a shorter answer",
    )


def _encoder_calls(spec: ModelSpec, views: tuple[View, ...], load: Load) -> Iterator[EncoderCall]:
    """Yield the first encoder on each shape of view, and the second as `_second_calls` says."""
    if spec.vision is None or spec.vision.external:
        return
    if spec.vision.encoder and spec.vision.encoder.tiles:  # it takes all tiles of an image at once
        yield EncoderCall(spec.vision, views[0].columns, views[0].rows, load.total_images)
    else:
        for view in views:
            number = load.total_images * view.number
            yield EncoderCall(spec.vision, view.columns, view.rows, number)
    if spec.second_vision:
        yield from _second_calls(spec.vision, spec.second_vision, views, load)


def _second_calls(
    first: VisionSpec, second: VisionSpec, views: tuple[View, ...], load: Load
) -> Iterator[EncoderCall]:
    """Yield the second encoder on every view: on its own square, where it has one.

    Without one it runs on what leaves the first, whose convolutions may have a stride.
    """
    if second.image_size:
        side = second.image_size // (second.patch_size or 1)
        yield EncoderCall(
            second, side, side, load.total_images * sum(view.number for view in views)
        )
        return
    stride = first.encoder.output_stride if first.encoder else 1
    for view in views:
        columns, rows = -(-view.columns // stride), -(-view.rows // stride)
        yield EncoderCall(second, columns, rows, load.total_images * view.number)


def _fusion_dims(spec: ModelSpec, tokens: TokenBudget, load: Load) -> Iterator[Dims]:
    """Yield what the method runs on: one view after the other, or all of a prompt at once."""
    if spec.fusion is None or spec.language.shape is None:
        return
    views = tuple(visual_grid(spec.tiling, tokens.tiling, view) for view in tokens.tiling.views)
    if isinstance(spec.fusion, InsertedLayers):
        yield _inserted_dims(spec, tokens, load, views)
        return
    for view in views:
        dims = dims_of(spec, columns=view.columns, rows=view.rows)
        yield dims._replace(
            num_views=view.number,
            num_text_tokens=load.text_tokens,
            batch_size=load.total_images,
        )


def _inserted_dims(
    spec: ModelSpec, tokens: TokenBudget, load: Load, views: tuple[View, ...]
) -> Dims:
    """Return dims whose sequence is the whole prompt, and whose views are those of all its images.

    An encoder of all tiles at once fills an image up to them, and so are the vectors attended to.
    """
    assert isinstance(spec.fusion, InsertedLayers)
    tiles = spec.vision.encoder.tiles if spec.vision and spec.vision.encoder else None
    per_image = tiles.max_tiles if tiles else sum(view.number for view in views)
    dims = dims_of(spec, columns=views[0].columns, rows=views[0].rows)
    return dims._replace(
        num_views=per_image * load.num_images,
        num_text_tokens=tokens.sequence_length - spec.fusion.num_markers,
        batch_size=load.batch_size,
    )
