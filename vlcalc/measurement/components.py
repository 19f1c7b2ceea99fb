"""A model's components as cases: encoder, fusion, each block of the LLM once, the whole LLM."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

from vlcalc.backbones.decoder import Decoder
from vlcalc.core.errors import InputError, VlcalcError
from vlcalc.core.image_size import ImageSize
from vlcalc.inference.blocks.block import PHASES, Block
from vlcalc.inference.load import Load
from vlcalc.inference.pieces import WHOLE_PREFILL, conditions_of, encoder_name, named_blocks
from vlcalc.inference.plan import EncoderCall, Plan, make_plan
from vlcalc.measurement.targets import Case, Choices
from vlcalc.runs.run import Conditions
from vlcalc.spec.schema import ModelSpec

# The side of an image where a model's encoder has none of its own.
USUAL_SIDE_PX = 1024


class LastLogits(nn.Module):
    """A language model on vectors (b, s, t), with the logits of the last position alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x, logits="last")  # (b, 1, vocabulary)
        return logits


def component_cases(spec: ModelSpec, choices: Choices) -> list[Case]:
    """Return a case for each component of a model at each image, batch and dtype.

    Sides are those of square images; by default the image is the encoder's own square. An image
    that the model's processor refuses is one case, whose check raises.

    Raises:
        InputError: a number of tiles, which the model's own rule decides on.
    """
    if any(choices.num_tiles):
        raise InputError(
            expected="no number of tiles, as a model cuts its images itself",
            got=", ".join(str(number) for number in choices.num_tiles),
            hint="give the size of the image",
        )
    cases: list[Case] = []
    squares = [ImageSize(side, side) for side in choices.tile_sides_px if side]
    images = [*choices.images, *squares] or [_own_image(spec)]
    for image, batch_size, dtype in product(images, choices.batch_sizes, choices.dtypes):
        load = Load(
            image=image,
            text_tokens=choices.text_tokens,
            batch_size=batch_size,
            dtype=dtype,
        )
        try:
            cases.extend(_components(make_plan(spec, load)))
        except VlcalcError as error:
            cases.append(_refused(spec, load, error))
    return cases


def _own_image(spec: ModelSpec) -> ImageSize:
    side = (spec.vision.image_size if spec.vision else None) or USUAL_SIDE_PX
    return ImageSize(side, side)


def _refused(spec: ModelSpec, load: Load, error: VlcalcError) -> Case:
    def refuse() -> None:
        raise error

    def build(_device: str) -> nn.Module:
        raise error

    return Case(
        target=spec.name,
        kind="component",
        conditions=conditions_of(spec, load),
        build_module=build,
        build_inputs=lambda _device: (),
        check=refuse,
    )


def _components(plan: Plan) -> Iterator[Case]:
    conditions = conditions_of(plan.spec, plan.load, plan)
    for call in dict.fromkeys(plan.encoder_calls):
        if call.vision.encoder:
            yield _encoder(call, conditions)
    for phase in PHASES[1:]:
        for name, block in named_blocks(plan, phase).items():
            yield _block(name, block, conditions)
    if plan.spec.language.decoder:
        yield _language(plan.spec.language.decoder, plan, conditions)


def _encoder(call: EncoderCall, conditions: Conditions) -> Case:
    encoder = call.vision.encoder
    assert encoder is not None
    return Case(
        target=encoder_name(call),
        kind="component",
        conditions=conditions,
        build_module=encoder.build,
        build_inputs=lambda device: encoder.example_inputs(
            call.columns, call.rows, call.batch_size, device
        ),
    )


def _block(target: str, block: Block, conditions: Conditions) -> Case:
    return Case(
        target=target,
        kind="component",
        conditions=conditions,
        build_module=lambda device: block.build(device)[0],
        build_inputs=lambda device: block.build(device)[1],
    )


def _language(decoder: Decoder, plan: Plan, conditions: Conditions) -> Case:
    """Return the prompt through the whole language model, without what fusion inserts into it."""
    shape = (plan.load.batch_size, plan.sequence_length, decoder.width)
    return Case(
        target=WHOLE_PREFILL,
        kind="component",
        conditions=conditions,
        build_module=lambda device: LastLogits(decoder.build(device)),
        build_inputs=lambda device: (torch.randn(shape, device=device),),
    )
