"""Devices by name: the shipped ones, and those that `vlcalc devices calibrate` measured here.

What was measured stands in a folder of the user's, one file a device, and goes before a shipped
device of the same name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from vlcalc.core.errors import InputError, SpecError, near_miss
from vlcalc.spec import catalogue
from vlcalc.spec.device import DeviceSpec
from vlcalc.spec.document import read_document
from vlcalc.spec.loader import build_device


def user_folder() -> Path:
    """Return the folder of the user's own devices; it need not exist.

    Source: XDG Base Directory Specification: `$XDG_CONFIG_HOME`, else `~/.config`.
    """
    config = os.environ.get("XDG_CONFIG_HOME", "")
    # A relative path is invalid by the specification, and to be ignored.
    # Unlike `Path.home`, this does not fail for a user without a home.
    home = Path(os.path.expanduser("~/.config"))  # noqa: PTH111
    return (Path(config) if Path(config).is_absolute() else home) / "vlcalc" / "devices"


def user_file(name: str) -> Path:
    """Return where the user's own device of a name stands, or would."""
    return user_folder() / f"{name}.yaml"


def load_device(name: str, *, where: str = "") -> DeviceSpec:
    """Return the device that answers to `name`: the user's own, else a shipped one, else a file.

    Args:
        name: a device's name, its alias, or the path of a `.yaml` file.
        where: the option that gave it.

    Raises:
        InputError: no device answers to the name, or the file cannot be read.
        SpecError: a file of that path is not valid; it carries every error.
    """
    if catalogue.is_file_name(name):
        return build_device(read_document(Path(name)))
    wanted = name.strip().casefold()
    own = _own(wanted)
    if own is not None:
        return own
    try:
        entry = catalogue.find(wanted, ("device",))
    except InputError:
        raise _unknown(name, where) from None
    # An alias of a device that was measured means what was measured.
    return _own(entry.name) or _shipped(entry)


def shipped_devices() -> Iterator[DeviceSpec]:
    """Yield the devices of the catalogue, variants included."""
    for entry in catalogue.entries("device"):
        yield _shipped(entry)


def user_devices() -> tuple[list[DeviceSpec], list[Path]]:
    """Return the user's own devices, and their files that are not valid."""
    files = _user_files()
    devices = {path: device for path in files if (device := _device_of(path))}
    return list(devices.values()), [path for path in files if path not in devices]


def _device_of(path: Path) -> DeviceSpec | None:
    try:
        return build_device(read_document(path))
    except (InputError, SpecError):
        return None


def known_devices() -> list[DeviceSpec]:
    """Return the user's own devices, and the shipped ones that none of them stands for."""
    own, _ = user_devices()
    names = {device.name for device in own}
    return [*own, *(each for each in shipped_devices() if each.name not in names)]


def _own(name: str) -> DeviceSpec | None:
    path = user_file(name)
    if path not in _user_files():
        return None
    try:
        return build_device(read_document(path))
    except SpecError as error:
        first, *others = error.errors
        more = f" and {len(others)} more errors" if others else ""
        raise InputError(
            expected=first.expected,
            got=first.got + more,
            where=first.where,
            hint="`vlcalc devices calibrate` writes it anew, `vlcalc specs validate` says all",
        ) from None


def _user_files() -> list[Path]:
    try:
        return sorted(user_folder().glob("*.yaml"))
    except OSError:  # a folder that may not be read holds nothing for us
        return []


def _shipped(entry: catalogue.Entry) -> DeviceSpec:
    return build_device(catalogue.document_of(entry.path), entry.variant)


def _unknown(name: str, where: str) -> InputError:
    known = [alias for entry in catalogue.entries("device") for alias in entry.names]
    known += [path.stem for path in _user_files()]
    return InputError(
        expected="the name of a device, or a YAML file",
        got=f"`{name}`",
        where=where,
        hint=near_miss(name.strip().casefold(), known)
        or "`vlcalc devices list` shows all; `vlcalc devices calibrate` measures this machine",
    )
