"""`vlcalc tokens --model`: rows for models and images, or the chain of steps."""

from __future__ import annotations

from vlcalc.cli.asked import Asked, image_sizes
from vlcalc.cli.output import show
from vlcalc.core import units
from vlcalc.core.errors import InputError, VlcalcError
from vlcalc.core.image_size import ImageSize
from vlcalc.spec import catalogue
from vlcalc.spec.loader import build_entry, load_spec
from vlcalc.spec.schema import Spec
from vlcalc.tiling.base import Footage
from vlcalc.tokens.budget import Request
from vlcalc.tokens.columns import sorted_token_rows, token_table
from vlcalc.tokens.explain import explain_table
from vlcalc.tokens.rows import Row, token_rows

GROUPS = {"all": "model", "apis": "api"}
RULE_DECIDES = "the model's own rule decides how an image is cut; give --image WxH"
# Common sizes, shown where none is asked for.
DEFAULT_SIZES = ((336, 336), (640, 480), (1024, 768), (1920, 1080), (4032, 3024))


def run(asked: Asked) -> None:
    """Show what the images cost the models.

    Raises:
        InputError: options that cannot be, or that do not go together; no model takes the image.
    """
    asked.refuse("tiles", "grid", "merge", "patch", "tile", "thumbnail", hint=RULE_DECIDES)
    asked.refuse("each", hint="it goes with --sizes")
    specs = chosen_specs(asked.model)
    request = request_of(asked)
    broken: dict[str, str] = {}
    images = _images(asked, broken)
    if asked.explain:
        asked.refuse("check", "sort", "cost", hint="--explain shows the chain of one image")
        show([explain_table(spec, size, request) for spec in specs for _, size in images],
             asked.format, asked.output)  # fmt: skip
        return
    rows = list(token_rows(specs, images, request, asked.windows))
    rows += [
        Row(model=spec.name, image=None, file=file, error=error)
        for file, error in broken.items()
        for spec in specs
    ]
    _refuse_if_all_failed(rows)
    if asked.sort:
        rows = sorted_token_rows(rows, asked.sort)
    show([token_table(rows, prices=asked.cost)], asked.format, asked.output)
    _check(asked, rows)


def chosen_specs(names: list[str]) -> list[Spec]:
    """Return the specs that names, files and groups stand for, each once.

    Raises:
        InputError: an unknown name. SpecError: a file that is not valid.
    """
    specs: dict[str, Spec] = {}
    for name in names:
        if name in GROUPS:
            named = [build_entry(entry) for entry in catalogue.entries(GROUPS[name])]
        else:
            named = [load_spec(name)]
        specs.update({spec.name: spec for spec in named})
    return list(specs.values())


def request_of(asked: Asked) -> Request:
    """Return the request that the options describe.

    Raises:
        InputError: options that do not go together.
    """
    footage = None
    if asked.video is not None:
        asked.refuse("image", "res", "frames", hint="--video has its own size and frames")
        footage = Footage(*units.parse_clip(asked.video[0], where="--video"))
    if (asked.frames is not None or footage) and asked.images != 1:
        raise InputError(
            expected="frames or images, not both", got=f"--images {asked.images}", where="--frames"
        )
    return Request(
        num_images=asked.images,
        num_frames=asked.frames,
        footage=footage,
        text_tokens=asked.text_tokens,
        reserve_tokens=asked.reserve_tokens,
        detail=asked.detail,
    )


def _images(asked: Asked, broken: dict[str, str]) -> list[tuple[str, ImageSize | None]]:
    if asked.video is not None:
        return [("", units.parse_size(asked.video[1], where="--video"))]
    sides = asked.resolutions if asked.res else ()
    squares = [("", ImageSize(side, side)) for side in sides]
    sizes = [*squares, *image_sizes(asked.image, broken)]
    if sizes or broken:
        return [*sizes]
    if asked.images == 0 and asked.frames is None:
        return [("", None)]  # text alone
    return [("", ImageSize(*size)) for size in DEFAULT_SIZES]


def _refuse_if_all_failed(rows: list[Row]) -> None:
    errors = list(dict.fromkeys(f"{row.model}: {row.error}" for row in rows))
    if all(row.error for row in rows):
        raise VlcalcError("\n".join(errors))


def _check(asked: Asked, rows: list[Row]) -> None:
    over = [row for row in rows if row.error or (row.budget and row.budget.fits is False)]
    if asked.check and over:
        raise InputError(
            expected="every row to fit its window",
            got=", ".join(f"{row.model} {row.image}" for row in over[:5])
            + (f" and {len(over) - 5} more" if len(over) > 5 else "") + " over-full or refused",
            where="--check",
        )  # fmt: skip
