"""What of a saved run is of a model, a load and a device; all else is refused by name."""

from __future__ import annotations

from vlcalc.core.errors import InputError
from vlcalc.inference.load import Load
from vlcalc.runs.run import Conditions, Environment, Measured, Run
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.reported_names import match_reported


def check_load(load: Load, where: str) -> None:
    """Refuse a load that no run of components is of.

    Raises:
        InputError: what it has that none has.
    """
    for expected, is_so, got in (
        ("one image in a prompt", load.num_images == 1, f"{load.num_images} images"),
        ("logits of the last position", load.logits == "last", f"those of {load.logits}"),
        ("weights as they are", load.quantisation is None, "quantised ones"),
        ("a cache as wide as the rest", load.kv_dtype in (None, load.dtype), str(load.kv_dtype)),
    ):
        if not is_so:
            raise InputError(expected=f"{expected}, as `vlcalc bench` has", got=got, where=where)


def check_device(device: DeviceSpec, environment: Environment, where: str) -> None:
    """Refuse to mix what one device took with what another one would.

    Raises:
        InputError: the run is on another device, or on another number of a CPU's threads.
    """
    match = match_reported(environment.device_name, None, [device])
    calibration = device.calibration
    threads = calibration.threads if calibration and environment.device == "cpu" else None
    if not (match.device or match.candidates) or threads not in (None, environment.threads):
        raise InputError(
            expected=f"a run on `{device.name}`, which `--device` predicts on",
            got=environment.summary,
            where=where,
            hint="without `--device`, only what was measured is shown",
        )


def rows_of(run: Run, wanted: Conditions, where: str) -> dict[str, Measured]:
    """Return the components that a run has on these conditions by name.

    Raises:
        InputError: it has none with a time; what it has instead.
    """
    rows = {
        row.target: row for row in run.rows if row.kind == "component" and row.conditions == wanted
    }
    if any(row.median_s for row in rows.values()):
        return rows
    raise InputError(
        expected=f"a run of {_words(wanted)}",
        got=next((f"{row.target}: {row.error}" for row in rows.values()), _nearest(run, wanted)),
        where=where,
        hint="`vlcalc bench MODEL --save FILE.json` with the same options",
    )


def _nearest(run: Run, wanted: Conditions) -> str:
    """Return on what the run timed this model, else another one, else what it timed."""
    components = [row for row in run.rows if row.kind == "component"]
    same = [row for row in components if row.conditions.model == wanted.model]
    if timed := same or components:
        return _words(timed[0].conditions)
    return "fusion methods alone" if run.rows else "one without rows"


def _words(conditions: Conditions) -> str:
    return (
        f"{conditions.model} ({conditions.vision or 'no encoder'}, {conditions.language}) on "
        f"{conditions.image}, {conditions.tokens_in} patches, {conditions.text_tokens} text "
        f"tokens, batch {conditions.batch_size}, {conditions.dtype}"
    )
