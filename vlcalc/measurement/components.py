"""A model's components as cases: its encoder, its fusion, one layer of each kind, the whole LLM."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

from vlcalc.backbones.decoder import Decoder
from vlcalc.errors import InputError, VlcalcError
from vlcalc.image_size import ImageSize
from vlcalc.inference.blocks import Block
from vlcalc.inference.inference import phase_runs
from vlcalc.inference.load import Load
from vlcalc.inference.plan import EncoderCall, Plan, make_plan
from vlcalc.measured import Conditions
from vlcalc.measurement.targets import Case, Choices
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
        conditions=_conditions(spec, load),
        build_module=build,
        build_inputs=lambda _device: (),
        check=refuse,
    )


def _components(plan: Plan) -> Iterator[Case]:
    conditions = _conditions(plan.spec, plan.load, plan)
    for call in plan.encoder_calls:
        if call.vision.encoder:
            yield _encoder(call, conditions)
    for block in _blocks(plan, "fuse").values():
        yield _block(block.path, block, conditions)
    for phase in ("prefill", "decode"):
        for block in _blocks(plan, phase).values():
            if ".layers[" in block.path:
                yield _block(f"{block.path} {phase}", block, conditions)
    if plan.spec.language.decoder:
        yield _language(plan.spec.language.decoder, plan, conditions)


def _blocks(plan: Plan, phase: str) -> dict[str, Block]:
    """Return the blocks of a phase by path, the first where several runs have one."""
    runs = {str(name): found for name, found in phase_runs(plan).items()}[phase] or ()
    return {block.path: block for run in reversed(runs) for block in run.blocks}


def _conditions(spec: ModelSpec, load: Load, plan: Plan | None = None) -> Conditions:
    views = plan.budget.tiling.views if plan else ()
    return Conditions(
        model=spec.name,
        vision=spec.vision.name if spec.vision else "",
        language=spec.language.name,
        image=str(load.image),
        columns=views[0].columns if views else 0,
        rows=views[0].rows if views else 0,
        num_views=sum(view.number for view in views),
        text_tokens=load.text_tokens,
        batch_size=load.batch_size,
        dtype=load.dtype,
    )


def _encoder(call: EncoderCall, conditions: Conditions) -> Case:
    encoder = call.vision.encoder
    assert encoder is not None
    return Case(
        target=f"{call.vision.name} {call.batch_size} x {call.columns}x{call.rows}",
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
        target="language prefill",
        kind="component",
        conditions=conditions,
        build_module=lambda device: LastLogits(decoder.build(device)),
        build_inputs=lambda device: (torch.randn(shape, device=device),),
    )
